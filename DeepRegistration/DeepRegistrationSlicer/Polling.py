"""Calls something again and again on the main thread, while Qt's event loop runs there.

Slicer's event loop holds Python's lock: threads in the background get their turn when something is called.
"""

from collections.abc import Callable

import slicer

from DeepRegistrationSlicer.HeadlessSlicer import isDesktop

INTERVAL_MS = 50


class Polling:
    """A timer in the desktop; without it, nothing: whoever waits for a job polls then.

    Args:
        callback: called again and again between `start` and `stop`.
        interval_ms: time between two calls [ms].
    """

    def __init__(self, callback: Callable[[], None], interval_ms: int = INTERVAL_MS) -> None:
        self._callback = callback
        self._interval_ms = interval_ms
        self._timer = None

    def start(self) -> None:
        """Begins to call."""
        if not isDesktop():
            return
        import qt

        # its parent keeps it: it may be stopped, and let go, by what it calls
        self._timer = qt.QTimer(slicer.app)
        self._timer.setInterval(self._interval_ms)
        self._timer.timeout.connect(self._callback)
        self._timer.start()

    def stop(self) -> None:
        """Calls no more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.deleteLater()
            self._timer = None
