"""Registers nodes of the scene: the same in desktop Slicer, in a batch script and on slicer-core."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.Dependencies import checkDependencies
from DeepRegistrationSlicer.RegistrationJob import RegistrationJob, RegistrationOutcome
from DeepRegistrationSlicer.Request import Request
from DeepRegistrationSlicer.WorkerClient import WorkerClient, sharedWorkerClient


def _ignore(_: object) -> None:
    """For callers who want to hear nothing."""


class RegistrationLogic:
    """Starts registrations. Torch never comes into this process: a worker computes.

    In a script, with `subject` a volume node:

        nodes = RegistrationLogic().startRegistration(FetalVolumeRequest(subject)).outcome.nodes

    Args:
        worker: computes; None takes the one that all logics of this program share.
    """

    def __init__(self, worker: WorkerClient | None = None) -> None:
        self._worker = worker or sharedWorkerClient()
        self._job: RegistrationJob | None = None

    @property
    def job(self) -> RegistrationJob | None:
        """The registration under way; None if there is none."""
        return self._job if self._job is not None and self._job.isRunning else None

    @property
    def devices(self) -> Mapping[str, Mapping[str, object]]:
        """Devices that the worker found; empty until it has started once."""
        return self._worker.devices

    def startRegistration(
        self,
        request: Request,
        onProgress: Callable[[Progress], None] = _ignore,
        onFinished: Callable[[RegistrationOutcome], None] = _ignore,
        waitForCompletion: bool = True,
        onEnding: Callable[[ExitCode], None] = _ignore,
    ) -> RegistrationJob:
        """Registers a volume and adds the result to the scene.

        If it fails or is cancelled, the scene is as it was. Inputs are not changed, except that the subject
        is put under the new transform if the result is to be trusted.

        Args:
            request: what to register.
            onProgress: called on the main thread.
            onFinished: called on the main thread, with the outcome.
            waitForCompletion: False returns at once, where an event loop runs.
            onEnding: called on the main thread when it has ended, before the result comes into the scene.

        Returns:
            The job: its outcome, or how to cancel it.

        Raises:
            InputError: the request cannot be met as it is.
            RegistrationError: a registration is running, packages are missing, or (waiting) it failed.
            Cancelled: it was cancelled (waiting).
        """
        if self.job is not None:
            raise RegistrationError("A registration is running. Wait until it is done, or cancel it.")
        request.check()
        checkDependencies()
        folder = _newJobFolder()
        try:
            written = request.write(folder)
            self._job = RegistrationJob(
                request, folder, written, self._worker, onProgress, onFinished, onEnding
            )
        except BaseException as err:
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(err, OSError):
                raise _notWritable(err) from err
            raise
        if waitForCompletion:
            _raiseIfWithoutResult(self._job.wait())
        return self._job

    def shutdown(self) -> None:
        """Ends the worker; a registration under way is cancelled. The next one starts it again."""
        self._worker.shutdown()


def _newJobFolder() -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix="DeepRegistration-", dir=slicer.app.temporaryPath))
    except OSError as err:
        raise _notWritable(err) from err


def _notWritable(err: OSError) -> RegistrationError:
    return RegistrationError(
        f"Slicer's temporary folder '{slicer.app.temporaryPath}' cannot be written "
        f"({err.strerror or err}). Free some space there, or choose another folder in Edit / Application "
        "Settings / Modules."
    )


def _raiseIfWithoutResult(outcome: RegistrationOutcome) -> None:
    if outcome.exitCode == ExitCode.CANCELLED:
        raise Cancelled(outcome.message)
    if outcome.exitCode == ExitCode.BAD_INPUT:
        raise InputError(outcome.message)
    if outcome.nodes is None:
        raise RegistrationError(outcome.message)
