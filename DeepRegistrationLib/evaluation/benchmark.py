"""Time and memory of one registration: by the whole command line, and in a worker that keeps running."""

import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.evaluation.timed_worker import (
    busy_programs,
    machine_text,
    peak_memory_mb,
    timed_worker,
)
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, write_job
from DeepRegistrationLib.progress import Progress, Report, keep_going

_GOOD_ENDS = (ExitCode.DONE, ExitCode.NOT_TRUSTED)


@dataclass(frozen=True)
class BenchmarkCase:
    """One registration to be timed.

    Attributes:
        name: for the table.
        files: its input files.
        gestational_age_weeks: told to the registration; None if it has to find out.
    """

    name: str
    files: FetalVolumeFiles
    gestational_age_weeks: float | None


@dataclass(frozen=True)
class BenchmarkRow:
    """What was measured for one case.

    Attributes:
        case: its name.
        command_line_s: wall time of `deepregistration fetal-volume`, interpreter start included [s].
        start_s: from starting the worker until it is ready for a job [s].
        worker_s: wall time of each job in one worker, from the command to its last file [s].
        peak_memory_mb: largest resident memory of the worker [MB]; None where the system does not tell.
    """

    case: str
    command_line_s: float
    start_s: float
    worker_s: tuple[float, ...]
    peak_memory_mb: float | None


def benchmark_fetal_volume(
    data: Path, output: Path, repeats: int = 3, device: Device = Device.AUTO, report: Report = keep_going
) -> Path:
    """Times the fetal volume job.

    Args:
        data: folder with the public images: `sta`, `spina-bifida-atlas`, `mial-sub01`.
        output: folder for `benchmark.md` and `benchmark.json`.
        repeats: jobs in one worker, at least 2: the first one also makes the rotation bank.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Returns:
        Path of `benchmark.md`.

    Raises:
        InputError: an image is missing.
        RegistrationError: a registration failed.
        Cancelled: `report` returned False.
        ValueError: fewer than two repeats.
    """
    if repeats < 2:
        raise ValueError(f"a second registration needs at least 2 repeats, got {repeats}")
    output.mkdir(parents=True, exist_ok=True)
    cases = public_cases(data)
    load = busy_programs()
    rows = []
    for number, case in enumerate(cases):
        if not report(Progress(number / len(cases), f"Timing: {case.name}")):
            raise Cancelled(case.name)
        rows.append(_measure(case, repeats, device))
    (output / "benchmark.json").write_text(
        json.dumps([dataclasses.asdict(row) for row in rows], indent=1), encoding="utf-8"
    )
    path = output / "benchmark.md"
    path.write_text(_table(rows, load), encoding="utf-8")
    return path


def public_cases(data: Path) -> list[BenchmarkCase]:
    """The registrations that are timed: one with mask and age, one with nothing but the image.

    Args:
        data: folder with the public images.

    Raises:
        InputError: one is missing.
    """
    atlas = data / "sta"
    operated = data / "spina-bifida-atlas" / "SB_GA25_operated_T2w.nii.gz"
    mask = data / "spina-bifida-atlas" / "SB_GA25_operated_mask.nii.gz"
    fetus = data / "mial-sub01" / "sub-01_rec-SR_T2w.nii.gz"
    for path in (atlas, operated, mask, fetus):
        if not path.exists():
            raise InputError(
                f"The benchmark needs '{path}', which is not there. "
                "Choose the folder with the public images (--data)."
            )
    return [
        BenchmarkCase("mask and age given", FetalVolumeFiles(operated, mask, atlas_dir=atlas), 25.0),
        BenchmarkCase("nothing but the image", FetalVolumeFiles(fetus, atlas_dir=atlas), None),
    ]


def _measure(case: BenchmarkCase, repeats: int, device: Device) -> BenchmarkRow:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command_line_s = _time_command_line(case, folder / "command", device)
        settings = FetalVolumeSettings(gestational_age_weeks=case.gestational_age_weeks, device=device)
        with timed_worker() as worker:
            seconds = []
            for number in range(repeats):
                job = folder / f"job{number}.json"
                write_job(Job(JobKind.FETAL_VOLUME, case.files, settings, folder / f"result{number}"), job)
                seconds.append(worker.seconds_for(job))
            peak = peak_memory_mb(worker.process.pid)
    return BenchmarkRow(case.name, command_line_s, worker.start_s, tuple(seconds), peak)


def _time_command_line(case: BenchmarkCase, output: Path, device: Device) -> float:
    options = {
        "--moving": case.files.moving,
        "--mask": case.files.mask,
        "--atlas-dir": case.files.atlas_dir,
        "--gestational-age": case.gestational_age_weeks,
        "--device": device,
        "--output": output,
    }
    words = [str(word) for pair in options.items() if pair[1] is not None for word in pair]
    command = [sys.executable, "-m", "DeepRegistrationLib.cli", "fetal-volume", *words, "--quiet"]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode not in _GOOD_ENDS:
        raise RegistrationError(
            f"The command line ended with exit code {done.returncode}: {done.stderr.strip()[-500:]} "
            "Run the same command by hand to see more."
        )
    return seconds


def _table(rows: list[BenchmarkRow], load: str) -> str:
    lines = [
        "# Fetal volume to atlas: time and memory",
        "",
        f"{machine_text(load)} "
        "Wall times, reading the images and writing the result folder with its report included.",
        "",
        "| case | command line [s] | worker ready [s] | first job [s] | second job [s] "
        "| median of the later ones [s] | peak memory of the worker [MB] |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        later = sorted(row.worker_s[1:])
        peak = "not measured" if row.peak_memory_mb is None else f"{row.peak_memory_mb:.0f}"
        lines.append(
            f"| {row.case} | {row.command_line_s:.1f} | {row.start_s:.1f} | {row.worker_s[0]:.1f} "
            f"| {row.worker_s[1]:.1f} | {later[len(later) // 2]:.1f} | {peak} |"
        )
    return "\n".join(lines) + "\n"
