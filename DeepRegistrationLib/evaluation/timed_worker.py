"""A worker process whose jobs are timed, as Slicer keeps one running."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.errors import RegistrationError


@dataclass(eq=False)
class TimedWorker:
    """A worker that is ready for a job.

    Attributes:
        process: the worker.
        start_s: from starting it until it was ready [s].
    """

    process: subprocess.Popen
    start_s: float = 0.0

    def seconds_for(self, job: Path) -> float:
        """Wall time of a job, from the command to its last file [s].

        Args:
            job: its job.json.

        Raises:
            RegistrationError: the worker could not do it, or ended.
        """
        started = time.perf_counter()
        self.process.stdin.write(json.dumps({"command": "run", "id": job.stem, "job": str(job)}) + "\n")
        self.process.stdin.flush()
        self._wait_for("finished")
        return time.perf_counter() - started

    def _wait_for(self, event: str) -> None:
        for line in self.process.stdout:
            message = json.loads(line)
            if message["event"] == event:
                return
            if message["event"] == "failed":
                raise RegistrationError(f"The worker could not do the job: {message['message']}")
        raise RegistrationError("The worker ended before its job was done. Run it by hand to see why.")


@contextmanager
def timed_worker() -> Iterator[TimedWorker]:
    """Starts a worker and waits until it is ready; ends it afterwards."""
    command = [sys.executable, "-m", "DeepRegistrationLib.worker"]
    started = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        worker = TimedWorker(process)
        worker._wait_for("ready")
        worker.start_s = time.perf_counter() - started
        yield worker
    finally:
        process.stdin.close()  # a worker without a parent ends
        process.wait(timeout=20)
        process.stdout.close()


def peak_memory_mb(pid: int) -> float | None:
    """Largest resident memory that a running process has had [MB]; Linux only."""
    return _memory_mb(pid, "VmHWM:")


def resident_memory_mb(pid: int) -> float:
    """Resident memory of a running process [MB].

    Raises:
        RegistrationError: this system does not tell it.
    """
    memory = _memory_mb(pid, "VmRSS:")
    if memory is None:
        raise RegistrationError("The memory of a process is measured on Linux only. Run this there.")
    return memory


def _memory_mb(pid: int, field: str) -> float | None:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    found = next(line for line in status.read_text().splitlines() if line.startswith(field))
    return int(found.split()[1]) / 1000


def busy_programs() -> str:
    """How many programs want a core, so that a time is not read as slower than the machine is."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "an unknown number of"


def machine_text(load: str) -> str:
    """Processor, cores, Python and load in one sentence.

    Args:
        load: what `busy_programs` said before anything was timed.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{platform.machine()}, {cores} processor cores, Python {platform.python_version()}; "
        f"{load} other programs wanted a core when it began."
    )
