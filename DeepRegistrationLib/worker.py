"""The resident process that runs jobs: one JSON object per line in, one per line out.

    python -m DeepRegistrationLib.worker

In:   {"command": "run", "id": "7", "job": "/path/job.json"}   {"command": "cancel", "id": "7"}
      {"command": "ping"}   {"command": "quit"}
Out:  ready, pong, progress, finished, failed, cancelled: `{"event": ..., "id": ..., ...}`

Standard output belongs to this protocol; what libraries print goes to standard error. The process ends when
its standard input closes, so it never outlives the program that started it.
"""

import importlib.util
import os
import signal
import threading
import time
from pathlib import Path
from queue import SimpleQueue

from DeepRegistrationLib import __version__
from DeepRegistrationLib.failures import Failure, explain
from DeepRegistrationLib.jobs.job import ExitCode, read_job
from DeepRegistrationLib.progress import Progress, Report
from DeepRegistrationLib.threads import share_the_processor
from DeepRegistrationLib.worker_channel import Channel, Command

PROTOCOL = 1
_BETWEEN_POSES_S = 0.05
"""Pictures that follow a pose are drawn no faster; more poses would only wait in the pipe."""
_GRACE_S = 10.0
"""Time for a running job to stop after the parent has gone, before the process ends itself."""


class Worker:
    """Runs one job at a time on the main thread while another thread listens.

    Args:
        channel: where commands come from and events go.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._jobs: SimpleQueue[Command | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._running: str | None = None
        self._stop = threading.Event()
        self._quit = threading.Event()

    def serve(self) -> int:
        """Works until told to quit or until the parent has gone.

        Returns:
            Exit code of the process.
        """
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        try:
            self._channel.send("ready", **_who_am_i())
            _warm_up()
        except ImportError as error:
            missing = f"The package '{error.name}' is missing in this Python, so no job can run. Install it."
            self._channel.send("failed", id=None, exit_code=ExitCode.FAILED, message=missing, details="")
            return ExitCode.FAILED
        while not self._quit.is_set():
            command = self._jobs.get()
            if command is not None:
                self._run(command)
        return ExitCode.DONE

    def _listen(self) -> None:
        for command in self._channel.commands():
            match command:
                case Command(name="run"):
                    self._accept(command)
                case Command(name="cancel"):
                    with self._lock:
                        if command.id == self._running:
                            self._stop.set()
                case Command(name="ping"):
                    self._channel.send("pong")
                case Command(name="quit"):
                    break
                case Command():
                    self._refuse(
                        command, f"The worker does not understand this line: {command.line[:200]!r}."
                    )
        self._end()

    def _accept(self, command: Command) -> None:
        with self._lock:
            busy = self._running
            if busy is None:
                self._running = command.id
                self._stop.clear()
        if busy is not None:
            self._refuse(command, f"The worker is busy with job '{busy}'. Wait for its end, or cancel it.")
        else:
            self._jobs.put(command)

    def _refuse(self, command: Command, message: str) -> None:
        self._channel.send("failed", id=command.id, exit_code=ExitCode.BAD_INPUT, message=message, details="")

    def _end(self) -> None:
        self._quit.set()
        self._stop.set()
        self._jobs.put(None)
        # a job that does not reach its next report must not keep the process alive
        timer = threading.Timer(_GRACE_S, os._exit, (ExitCode.CANCELLED,))
        timer.daemon = True
        timer.start()

    def _run(self, command: Command) -> None:
        started = time.monotonic()
        try:
            from DeepRegistrationLib.device import found_devices, peak_memory_mb
            from DeepRegistrationLib.job_runner import run_job

            outcome = run_job(read_job(Path(command.job)), self._reporter(command.id))
        except BaseException as error:
            event = _event_of(explain(error))
        else:
            event = {
                "event": "finished",
                "exit_code": outcome.exit_code,
                "output_folder": str(outcome.output_folder),
                "confidence": outcome.confidence,
                "trust": outcome.trust,
                "message": outcome.message,
                "seconds": time.monotonic() - started,
                "memory_mb": peak_memory_mb(),
                "devices": found_devices(),
            }
        # free again before the event is out: the next job may follow at once
        with self._lock:
            self._running = None
        self._channel.send(id=command.id, **event)

    def _reporter(self, job_id: str) -> Report:
        next_pose_s = 0.0

        def report(progress: Progress) -> bool:
            nonlocal next_pose_s
            if not self._stop.is_set():
                so_far = {}
                if progress.pose is not None and time.monotonic() >= next_pose_s:
                    so_far = {"pose": list(progress.pose), "similarity": progress.similarity}
                    next_pose_s = time.monotonic() + _BETWEEN_POSES_S
                self._channel.send(
                    "progress",
                    id=job_id,
                    fraction=progress.fraction,
                    text=progress.text,
                    seconds_left=progress.seconds_left,
                    **so_far,
                )
            return not self._stop.is_set() and self._channel.is_open

        return report


def _event_of(failure: Failure) -> dict[str, object]:
    if failure.exit_code == ExitCode.CANCELLED:
        return {"event": "cancelled", "exit_code": failure.exit_code}
    return {
        "event": "failed",
        "exit_code": failure.exit_code,
        "message": failure.message,
        "details": failure.details,
    }


def _who_am_i() -> dict[str, object]:
    from DeepRegistrationLib.device import describe_device, found_devices, torch_device
    from DeepRegistrationLib.jobs.device import Device

    device = describe_device(torch_device(Device.AUTO))
    me = {"protocol": PROTOCOL, "version": __version__, "pid": os.getpid(), "device": device}
    return me | {"devices": found_devices()}


def _warm_up() -> None:
    """Loads what the first job needs, so that it takes hardly longer than the second."""
    import DeepRegistrationLib.job_runner  # noqa: F401

    if importlib.util.find_spec("matplotlib"):
        from DeepRegistrationLib.report.convergence import convergence_picture

        convergence_picture({"": [0.0, 1.0]})  # the first drawing loads the fonts


def main() -> int:
    """Entry point of `python -m DeepRegistrationLib.worker`."""
    # Ctrl-C in a terminal reaches the parent too, which then closes our input
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    share_the_processor()
    channel = Channel.of_this_process()
    code = Worker(channel).serve()
    channel.close()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
