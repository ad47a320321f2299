"""One registration from start to end: progress, cancelling, and its result in the scene."""

import logging
import shutil
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.Polling import Polling
from DeepRegistrationSlicer.Request import Request, WrittenJob
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.WorkerClient import JobEnd, WorkerClient

_WAIT_S = 0.02


@dataclass(frozen=True, eq=False)
class RegistrationOutcome:
    """How a registration ended.

    Attributes:
        exitCode: done, not to be trusted, failed, bad input or cancelled.
        message: for the user.
        details: for developers.
        nodes: what was added to the scene; None if it ended without a result.
        seconds: that the worker took; None without a result.
        memoryMb: largest memory that the worker has had [MB]; None without a result.
    """

    exitCode: ExitCode
    message: str
    details: str = ""
    nodes: ResultNodes | None = None
    seconds: float | None = None
    memoryMb: float | None = None


class RegistrationJob:
    """A registration under way; made by the logic.

    Args:
        request: what to register.
        folder: temporary folder of this job; removed when it ends.
        written: the job on disk.
        worker: computes it.
        onProgress: called on the main thread for each report.
        onFinished: called on the main thread once, last.
        onEnding: called on the main thread once, before the result comes into the scene.
    """

    def __init__(
        self,
        request: Request,
        folder: Path,
        written: WrittenJob,
        worker: WorkerClient,
        onProgress: Callable[[Progress], None],
        onFinished: Callable[[RegistrationOutcome], None],
        onEnding: Callable[[ExitCode], None],
    ) -> None:
        self.outcome: RegistrationOutcome | None = None
        self._request = request
        self._folder = folder
        self._written = written
        self._worker = worker
        self._onFinished, self._onEnding = onFinished, onEnding
        self._isCancelled = False
        self._scene = slicer.mrmlScene
        self._closeTag = self._scene.AddObserver(self._scene.StartCloseEvent, lambda *_: self.cancel())
        self._polling = Polling(worker.poll)
        try:
            self._id = worker.run(written.file, onProgress, self._onEnd)
        except RegistrationError:
            self._scene.RemoveObserver(self._closeTag)
            raise
        self._polling.start()

    @property
    def folder(self) -> Path:
        """Temporary folder of this job."""
        return self._folder

    @property
    def isRunning(self) -> bool:
        """True until the outcome is known."""
        return self.outcome is None

    def cancel(self) -> None:
        """Stops the registration; the scene stays as it is. The outcome follows within about two seconds."""
        if self.isRunning and not self._isCancelled:
            self._isCancelled = True
            self._worker.cancel(self._id)

    def poll(self) -> None:
        """Calls back what has happened since; otherwise done every 50 ms."""
        self._worker.poll()

    def wait(self) -> RegistrationOutcome:
        """Returns when the registration has ended; callbacks and the user interface go on meanwhile."""
        while self.isRunning:
            self._worker.poll()
            slicer.app.processEvents()
            time.sleep(_WAIT_S)
        return self.outcome

    def _onEnd(self, end: JobEnd) -> None:
        self._polling.stop()
        self._scene.RemoveObserver(self._closeTag)
        try:
            self._onEnding(ExitCode.CANCELLED if self._isCancelled else end.exitCode)
            self.outcome = self._outcomeOf(end)
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self.outcome.details:
            logging.error("DeepRegistration: %s\n%s", self.outcome.message, self.outcome.details)
        self._onFinished(self.outcome)

    def _outcomeOf(self, end: JobEnd) -> RegistrationOutcome:
        # the result may have come before the worker heard that nobody wants it
        if self._isCancelled or end.exitCode == ExitCode.CANCELLED:
            return RegistrationOutcome(ExitCode.CANCELLED, "Cancelled; nothing was changed.")
        if end.outputFolder is None:
            message = self._written.inNodeNames(end.message)
            return RegistrationOutcome(end.exitCode, message, end.details)
        try:
            nodes = self._request.load(self._written)
        except RegistrationError as err:
            return RegistrationOutcome(ExitCode.FAILED, str(err))
        except Exception:
            # whatever it is, the user hears of it and the job ends
            message = "The result could not be added to the scene; nothing was changed. The log says more."
            return RegistrationOutcome(ExitCode.FAILED, message, traceback.format_exc())
        return RegistrationOutcome(end.exitCode, end.message, "", nodes, end.seconds, end.memoryMb)
