"""Calls something again and again on the main thread, while Qt's event loop runs there."""

from collections.abc import Callable

INTERVAL_MS = 50


class Polling:
    """A timer where there is Qt; without it, nothing: whoever waits for a job polls then.

    Args:
        callback: called every 50 ms between `start` and `stop`.
    """

    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self._timer = None

    def start(self) -> None:
        """Begins to call."""
        try:
            import qt
        except ImportError:
            return
        self._timer = qt.QTimer()
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self._callback)
        self._timer.start()

    def stop(self) -> None:
        """Calls no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
