"""Memory of a worker that registers again and again, as Slicer's does over a long day."""

import dataclasses
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.data.phantom_cases import phantom_job, write_phantom_case
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.evaluation.timed_worker import (
    busy_programs,
    machine_text,
    resident_memory_mb,
    timed_worker,
)
from DeepRegistrationLib.jobs.job import JobKind, write_job
from DeepRegistrationLib.progress import Progress, Report, keep_going

LARGEST_GROWTH = 0.05
"""Of the memory after the warm-up."""
WARM_UP = 20
"""Registrations after which everything is loaded that is kept."""


@dataclass(frozen=True)
class WorkerMemory:
    """What was measured.

    Attributes:
        jobs: kinds of registrations, in turn.
        resident_mb: memory of the worker after each registration [MB].
    """

    jobs: tuple[JobKind, ...]
    resident_mb: tuple[float, ...]

    @property
    def growth(self) -> float:
        """From the end of the warm-up to the end; 0.01 is 1 %."""
        return self.resident_mb[-1] / self.resident_mb[WARM_UP - 1] - 1

    @property
    def is_flat(self) -> bool:
        """True if the memory did not grow by more than what is allowed."""
        return self.growth < LARGEST_GROWTH


def measure_worker_memory(
    jobs: Sequence[JobKind], output: Path, registrations: int = 200, report: Report = keep_going
) -> WorkerMemory:
    """Registers synthetic cases in one worker, each with another seed, and writes what memory it took.

    Args:
        jobs: kinds of registrations, in turn.
        output: folder for `worker_memory.md` and `worker_memory.json`.
        registrations: how many in all; more than `WARM_UP`.
        report: receives progress; returns False to stop.

    Returns:
        What was measured.

    Raises:
        RegistrationError: a registration failed, or this system does not tell the memory of a process.
        Cancelled: `report` returned False.
        ValueError: too few registrations.
    """
    if registrations <= WARM_UP:
        raise ValueError(f"{registrations} registrations are too few; more than {WARM_UP} are needed")
    output.mkdir(parents=True, exist_ok=True)
    load, memory = busy_programs(), []
    with tempfile.TemporaryDirectory() as name, timed_worker() as worker:
        folder = Path(name)
        for kind in jobs:
            write_phantom_case(kind, folder / kind)
        for number in range(registrations):
            kind = jobs[number % len(jobs)]
            if not report(Progress(number / registrations, f"Registration {number + 1}: {kind}")):
                raise Cancelled(kind)
            job = phantom_job(kind, folder / kind, folder / "result")
            settings = dataclasses.replace(job.settings, seed=number)
            write_job(dataclasses.replace(job, settings=settings), folder / "job.json")
            worker.seconds_for(folder / "job.json")
            memory.append(resident_memory_mb(worker.process.pid))
    measured = WorkerMemory(tuple(jobs), tuple(memory))
    (output / "worker_memory.json").write_text(json.dumps(dataclasses.asdict(measured)), encoding="utf-8")
    (output / "worker_memory.md").write_text(_text(measured, load), encoding="utf-8")
    return measured


def _text(measured: WorkerMemory, load: str) -> str:
    memory = measured.resident_mb
    shown = sorted({0, 4, WARM_UP - 1, *range(49, len(memory), 50), len(memory) - 1})
    lines = [
        "# Memory of one worker, registration after registration",
        "",
        f"{machine_text(load)} In turn: {', '.join(measured.jobs)}; synthetic cases, a new seed each time.",
        "",
        "| after registration | resident memory [MB] |",
        "|---|---|",
        *(f"| {number + 1} | {memory[number]:.0f} |" for number in shown if number < len(memory)),
        "",
        f"Growth from registration {WARM_UP} to {len(memory)}: {100 * measured.growth:+.1f} %; largest in "
        f"between {max(memory[WARM_UP - 1 :]):.0f} MB.",
    ]
    return "\n".join(lines) + "\n"
