"""The process that computes: how it is started, read, and ended with everything it started."""

import contextlib
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

from DeepRegistrationSlicer.HeadlessSlicer import isDesktop
from DeepRegistrationSlicer.LibraryFolder import libraryParentFolder

_EXIT_WAIT_S = 1.0
_LOG_TAIL_CHARACTERS = 4000
# the worker draws with matplotlib's Agg and must find neither Slicer's Qt plugins nor its window system
_QT_VARIABLES = ("QT_PLUGIN_PATH", "QT_QPA_PLATFORM", "QT_QPA_PLATFORM_PLUGIN_PATH", "QT_SCALE_FACTOR")


def pythonProgram() -> str:
    """Slicer's own Python in Slicer, else the one that runs here."""
    return (shutil.which("PythonSlicer") if isDesktop() else None) or sys.executable


def workerCommand() -> list[str]:
    """Command line of the worker."""
    return [pythonProgram(), "-m", "DeepRegistrationLib.worker"]


def workerEnvironment() -> dict[str, str]:
    """Environment of this process with the library on its path and without Slicer's Qt."""
    environment = {name: value for name, value in os.environ.items() if name not in _QT_VARIABLES}
    folders = [str(libraryParentFolder()), environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(folder for folder in folders if folder)
    # a file named like a package in the current folder must not be imported instead of the package
    environment["PYTHONSAFEPATH"] = "1"
    environment["PYTHONUNBUFFERED"] = "1"
    environment["PYTHONUTF8"] = "1"
    environment["MPLBACKEND"] = "Agg"
    return environment


class WorkerProcess:
    """A started worker. Its lines are read by a thread and wait in `events`, to be taken on the main thread.

    Attributes:
        events: what the worker said, as dicts; None after the last one, when its output has ended.

    Args:
        command: program and arguments.
        environment: of the process.

    Raises:
        OSError: the program cannot be started.
    """

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.events: queue.SimpleQueue[dict | None] = queue.SimpleQueue()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        try:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                encoding="utf-8",
                errors="replace",
                **_ownGroup(),
            )
        except OSError:
            self._log.close()
            raise
        self._reader = threading.Thread(target=self._read, name="DeepRegistration worker", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def isAlive(self) -> bool:
        """False once the process has ended."""
        return self._process.poll() is None

    def exitCode(self) -> int | None:
        """Its exit code, negative for the signal that killed it; None while it runs."""
        return self._process.poll()

    def send(self, message: dict) -> bool:
        """Sends a command; False if the process does not listen any more."""
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def end(self, wait_s: float = 0.0) -> None:
        """Ends the process and everything it started.

        Args:
            wait_s: time [s] it gets to end by itself, once its input is closed.
        """
        self._closeInput()
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            logging.info("DeepRegistration: ending the worker process %d", self.pid)
            self._killTree()
            self._process.wait()
        self._reader.join(_EXIT_WAIT_S)
        if not self._reader.is_alive():
            self._process.stdout.close()
        self._log.close()

    def waitForExit(self) -> int | None:
        """Exit code of a process whose output has ended; None if it does not end within a second."""
        try:
            return self._process.wait(_EXIT_WAIT_S)
        except subprocess.TimeoutExpired:
            return None

    def logTail(self) -> str:
        """The last it wrote for developers."""
        if self._log.closed:
            return ""
        end = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, end - _LOG_TAIL_CHARACTERS))
        return self._log.read().decode("utf-8", errors="replace").strip()

    def _closeInput(self) -> None:
        # unsent bytes for a process that is gone are no error
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def _killTree(self) -> None:
        if os.name == "nt":
            command = ["taskkill", "/PID", str(self.pid), "/T", "/F"]
            subprocess.run(command, capture_output=True, check=False, **_ownGroup())
            return
        # the process was not waited for yet, so its number is still its own
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _read(self) -> None:
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                event = None
            if isinstance(event, dict):
                self.events.put(event)
            elif line.strip():
                logging.debug("DeepRegistration worker: %s", line.rstrip())
        self.events.put(None)


def _ownGroup() -> dict[str, object]:
    """Arguments of Popen: the process and its children are one group that can be ended, without a console."""
    if os.name == "nt":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
