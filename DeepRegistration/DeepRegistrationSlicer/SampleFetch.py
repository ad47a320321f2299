"""Downloads a sample of the library's catalogue without stopping the user interface."""

import queue
import threading
import time
from collections.abc import Callable

import slicer

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.progress import Progress
from DeepRegistrationLib.sample_data import Sample
from DeepRegistrationLib.sample_download import download
from DeepRegistrationSlicer.Polling import Polling

_WAIT_S = 0.02


class SampleFetch:
    """A download under way, in a thread of its own; callbacks come on the main thread.

    Args:
        sample: what to bring into the data folder of this user.
        onProgress: called with how far it is.
        onFinished: called once, last: with an empty text, with what went wrong, or with None if cancelled.
    """

    def __init__(
        self,
        sample: Sample,
        onProgress: Callable[[Progress], None],
        onFinished: Callable[[str | None], None],
    ) -> None:
        self.isRunning = True
        self._onProgress = onProgress
        self._onFinished = onFinished
        self._news: queue.SimpleQueue[Progress | str | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._polling = Polling(self.poll)
        self._polling.start()
        threading.Thread(target=self._run, args=(sample,), name="sample download", daemon=True).start()

    def cancel(self) -> None:
        """Stops it; what was complete stays, half a file does not."""
        self._stop.set()

    def poll(self) -> None:
        """Calls back what has happened since."""
        while self.isRunning and not self._news.empty():
            news = self._news.get()
            if isinstance(news, Progress):
                self._onProgress(news)
            else:
                self.isRunning = False
                self._polling.stop()
                self._onFinished(news)

    def wait(self) -> None:
        """Returns when it is done; the user interface goes on meanwhile."""
        while self.isRunning:
            self.poll()
            slicer.app.processEvents()
            time.sleep(_WAIT_S)

    def _run(self, sample: Sample) -> None:
        try:
            download(sample, self._report)
        except Cancelled:
            self._news.put(None)
        except RegistrationError as err:
            self._news.put(str(err))
        else:
            self._news.put("")

    def _report(self, progress: Progress) -> bool:
        self._news.put(progress)
        return not self._stop.is_set()
