"""Gives jobs to the worker process and hears from it: one at a time, on the main thread."""

import atexit
import functools
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.WorkerProcess import WorkerProcess, workerCommand, workerEnvironment

CANCEL_PATIENCE_S = 2.0
"""Time [s] in which the worker has to answer a wish to cancel; then its process is ended."""

_PROTOCOL = 1
_SHUTDOWN_PATIENCE_S = 1.0
_DEATH_PATIENCE_S = 1.0
_STRANGE_ANSWER = (
    "The registration process and this module do not understand each other: they are of different versions. "
    "Restart Slicer; if it happens again, install the extension DeepRegistration again."
)


@dataclass(frozen=True)
class JobEnd:
    """How a job ended.

    Attributes:
        exitCode: in one number.
        message: for the user; empty after cancelling.
        details: for developers.
        outputFolder: where the result lies; None if there is none.
        seconds: that it took; None if there is no result, or the worker does not tell.
        memoryMb: largest memory that the worker has had [MB]; likewise.
    """

    exitCode: ExitCode
    message: str = ""
    details: str = ""
    outputFolder: Path | None = None
    seconds: float | None = None
    memoryMb: float | None = None


@dataclass
class _RunningJob:
    id: str
    onProgress: Callable[[Progress], None]
    onEnd: Callable[[JobEnd], None]
    cancelBefore_s: float | None = None


class WorkerClient:
    """The worker, seen from Slicer. It starts with the first job, stays, and is started again if it died.

    Nothing is called back but from `poll()`, on the thread that calls it.

    Args:
        command: program and arguments; None starts the library's worker.
        environment: of the process; None derives it from this one.
    """

    def __init__(self, command: list[str] | None = None, environment: dict[str, str] | None = None) -> None:
        self._command = command
        self._environment = environment
        self._process: WorkerProcess | None = None
        self._job: _RunningJob | None = None
        self._numbers = itertools.count(1)
        self._polling = False
        self._deadSince_s: float | None = None
        self._devices: Mapping[str, Mapping[str, object]] = {}

    @property
    def processId(self) -> int | None:
        """Number of the worker's process; None if there is none."""
        return self._process.pid if self._process is not None else None

    @property
    def devices(self) -> Mapping[str, Mapping[str, object]]:
        """Devices that the worker found, by the name of the choice; empty until it has started once."""
        return self._devices

    @property
    def isBusy(self) -> bool:
        """True from `run` until the job's end was called back."""
        return self._job is not None

    def run(
        self, jobFile: Path, onProgress: Callable[[Progress], None], onEnd: Callable[[JobEnd], None]
    ) -> str:
        """Gives the worker a job.

        Args:
            jobFile: written by `jobs.job.write_job`.
            onProgress: called for each report of the worker.
            onEnd: called once, last.

        Returns:
            ID of the job, for `cancel`.

        Raises:
            RegistrationError: a job is running, or no process can be started.
        """
        if self.isBusy:
            raise RegistrationError("A registration is running. Wait until it is done, or cancel it.")
        job = _RunningJob(str(next(self._numbers)), onProgress, onEnd)
        message = {"command": "run", "id": job.id, "job": str(jobFile)}
        if not (self._isAlive() and self._process.send(message)):
            self._start()
            self._process.send(message)
        self._job = job
        return job.id

    def cancel(self, jobId: str) -> None:
        """Asks the worker to stop a job; if it does not answer within two seconds, its process is ended."""
        if self._job is None or self._job.id != jobId or self._job.cancelBefore_s is not None:
            return
        self._job.cancelBefore_s = time.monotonic() + CANCEL_PATIENCE_S
        self._process.send({"command": "cancel", "id": jobId})

    def poll(self) -> None:
        """Calls back what the worker has said since, and notices if it died or does not stop. Never waits."""
        if self._process is None or self._polling:
            return
        # a callback may let Qt run its timers, which poll again
        self._polling = True
        try:
            self._takeEvents()
            self._noticeDeath()
            if self._job is not None and self._isOverdue(self._job):
                logging.warning("DeepRegistration: the worker did not stop; ending its process")
                self._dropProcess()
                self._end(JobEnd(ExitCode.CANCELLED))
        finally:
            self._polling = False

    def shutdown(self) -> None:
        """Ends the worker; a running job is cancelled. The next job starts a new one."""
        if self._process is not None:
            self._process.send({"command": "quit"})
            self._dropProcess(_SHUTDOWN_PATIENCE_S if self._job is None else 0.0)
        if self._job is not None:
            self._end(JobEnd(ExitCode.CANCELLED))

    def _isAlive(self) -> bool:
        return self._process is not None and self._process.isAlive()

    def _start(self) -> None:
        self._dropProcess()
        command = self._command or workerCommand()
        try:
            self._process = WorkerProcess(command, self._environment or workerEnvironment())
        except OSError as err:
            raise RegistrationError(
                f"The registration process could not be started with '{command[0]}' ({err.strerror or err}). "
                "Install Slicer or the extension DeepRegistration again."
            ) from err

    def _dropProcess(self, wait_s: float = 0.0) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.end(wait_s)

    def _takeEvents(self) -> None:
        process = self._process
        while process is self._process and not process.events.empty():
            event = process.events.get()
            if event is None:
                self._onOutputEnded(process)
            else:
                self._onEvent(event)

    def _onEvent(self, event: dict) -> None:
        job = self._job
        # before its first job the worker may fail without naming one: it lacks a package
        ofThisJob = job is not None and event.get("id") in (job.id, None)
        if event.get("event") == "pong" or not (ofThisJob or event.get("event") == "ready"):
            logging.debug("DeepRegistration worker: %s", event)
            return
        try:
            meaning = _meaning(event)
        except (KeyError, TypeError, ValueError) as err:
            self._dropProcess()
            meaning = JobEnd(ExitCode.FAILED, _STRANGE_ANSWER, f"{err!r} in {event}")
        self._devices = event.get("devices") or self._devices
        if isinstance(meaning, Progress):
            job.onProgress(meaning)
        elif meaning is not None:
            self._end(meaning)

    def _onOutputEnded(self, process: WorkerProcess) -> None:
        details, exitCode = process.logTail(), process.waitForExit()
        self._dropProcess()
        if self._job is None:
            return
        if self._job.cancelBefore_s is not None:
            self._end(JobEnd(ExitCode.CANCELLED))
            return
        self._end(JobEnd(ExitCode.FAILED, _deathSentence(exitCode), details))

    def _noticeDeath(self) -> None:
        """A launcher may die and leave a child that keeps its output open."""
        if self._job is None or self._process is None or self._process.isAlive():
            self._deadSince_s = None
            return
        now_s = time.monotonic()
        self._deadSince_s = self._deadSince_s or now_s
        if now_s - self._deadSince_s > _DEATH_PATIENCE_S:
            self._onOutputEnded(self._process)

    def _isOverdue(self, job: _RunningJob) -> bool:
        return job.cancelBefore_s is not None and time.monotonic() > job.cancelBefore_s

    def _end(self, end: JobEnd) -> None:
        job, self._job = self._job, None
        if job is not None:
            job.onEnd(end)


def _meaning(event: dict) -> Progress | JobEnd | None:
    """What the worker wants to say; None for what needs no answer."""
    kind = event["event"]
    if kind == "ready":
        if event["protocol"] != _PROTOCOL:
            raise ValueError(f"protocol {event['protocol']}, expected {_PROTOCOL}")
        return None
    if kind == "progress":
        pose = event.get("pose")
        return Progress(
            float(event["fraction"]),
            str(event["text"]),
            event.get("seconds_left"),
            tuple(float(number) for number in pose) if pose is not None else None,
            event.get("similarity"),
        )
    if kind == "finished":
        folder = Path(event["output_folder"])
        cost = event.get("seconds"), event.get("memory_mb")
        return JobEnd(ExitCode(event["exit_code"]), event["message"], "", folder, *cost)
    if kind == "failed":
        return JobEnd(ExitCode(event["exit_code"]), event["message"], event.get("details", ""))
    if kind == "cancelled":
        return JobEnd(ExitCode.CANCELLED)
    raise ValueError(f"unknown event '{kind}'")


def _deathSentence(exitCode: int | None) -> str:
    how = "closed its output" if exitCode is None else f"exit code {exitCode}"
    if exitCode is not None and exitCode < 0:
        how = f"signal {-exitCode}"
    return (
        f"The registration process ended unexpectedly ({how}); nothing was changed. The next registration "
        "starts it again. If it ends again, close other programs to free memory, or choose the device CPU."
    )


@functools.cache
def sharedWorkerClient() -> WorkerClient:
    """The one worker of this program: every logic uses it, so that its models are loaded once."""
    client = WorkerClient()
    atexit.register(client.shutdown)
    return client
