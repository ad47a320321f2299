"""Time of a whole sweep, from frames in memory to angles and confidences, by each method."""

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.evaluation.timed_worker import busy_programs, machine_text
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod, UsAnglesSettings
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.us_angles import register
from DeepRegistrationLib.workflows.us_result import UsAnglesInputs

PAGE, NUMBERS = "us_time.md", "us_time.json"
_TRIPLETS, _FEW = 64, 8
"""Of a timed sweep; of one that the slow baseline is timed on."""


@dataclass(frozen=True)
class UsTiming:
    """One method on one sweep.

    Attributes:
        method: name.
        triplets: of the sweep.
        seconds: wall time of the fastest repetition [s].
        processor_seconds: time that the processor worked in it; other programs do not lengthen it [s].
        stages_s: stage -> wall time [s].
    """

    method: str
    triplets: int
    seconds: float
    processor_seconds: float
    stages_s: dict[str, float]


def benchmark_us(
    sequence: Path,
    output: Path,
    methods: Sequence[UsAnglesMethod],
    repeats: int = 3,
    device: Device = Device.AUTO,
    report: Report = keep_going,
) -> Path:
    """Times all methods on one sweep in one run.

    Args:
        sequence: file with at least three frames; they are played forth and back until there are enough.
        output: folder for `us_time.md` and `us_time.json`.
        methods: to time; SimpleITK's intensity registration is always among them.
        repeats: of each method; the fastest counts.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Returns:
        Path of the page.

    Raises:
        InputError: the sequence is missing or cannot be read.
        Cancelled: `report` returned False.
    """
    if not sequence.is_file():
        raise InputError(f"The sequence '{sequence}' is not there. Name one with --sequence.")
    load, frames = busy_programs(), read_ultrasound(sequence)
    last = UsAnglesMethod.INTENSITY
    timed = [*(method for method in methods if method != last), last]
    rows = []
    for number, method in enumerate(timed):
        if not report(Progress(number / len(timed), f"Timing {method}")):
            raise Cancelled(method)
        slow = method == last
        played = forth_and_back(frames, 2 + (_FEW if slow else _TRIPLETS))
        rows.append(time_method(played, method, 1 if slow else repeats, device))
    output.mkdir(parents=True, exist_ok=True)
    numbers = [dataclasses.asdict(row) for row in rows]
    (output / NUMBERS).write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    path = output / PAGE
    path.write_text(_page(rows, frames, load), encoding="utf-8")
    return path


def forth_and_back(frames: UltrasoundFrames, count: int) -> UltrasoundFrames:
    """`count` frames: the sweep forwards, backwards, and so on; neighbours stay neighbours."""
    period = 2 * (len(frames) - 1)
    index = [k % period for k in range(count)]
    order = [k if k < len(frames) else period - k for k in index]
    return dataclasses.replace(frames.taken(order), poses=None, times_s=None)


def time_method(frames: UltrasoundFrames, method: UsAnglesMethod, repeats: int, device: Device) -> UsTiming:
    """Times the registration of a sweep that is in memory."""
    inputs, settings = UsAnglesInputs(frames), UsAnglesSettings(method=method, device=device)
    # what is compiled or loaded once
    register(UsAnglesInputs(frames.taken([0, 1, 2])), settings)
    best = None
    for _ in range(repeats):
        started, before = time.perf_counter(), time.process_time()
        result = register(inputs, settings)
        taken = time.perf_counter() - started, time.process_time() - before
        if best is None or taken[0] < best.seconds:
            best = UsTiming(str(method), len(frames) - 2, *taken, dict(result.seconds))
    return best


def _page(rows: Sequence[UsTiming], frames: UltrasoundFrames, load: str) -> str:
    baseline = next(row for row in rows if row.method == UsAnglesMethod.INTENSITY)
    rate = {row.method: row.triplets / row.seconds for row in rows}
    worked = {row.method: row.processor_seconds / row.triplets for row in rows}
    cells = [
        [
            row.method,
            f"{rate[row.method]:.1f}",
            f"{1000 * worked[row.method]:.1f}",
            f"{rate[row.method] / rate[baseline.method]:.1f}",
            f"{worked[baseline.method] / worked[row.method]:.1f}",
            "; ".join(f"{name} {1000 * s / row.triplets:.1f}" for name, s in row.stages_s.items()),
        ]
        for row in rows
    ]
    head = (
        "method",
        "triplets per second",
        "processor time per triplet [ms]",
        "times as fast as SimpleITK",
        "by processor time",
        "stages [ms per triplet]",
    )
    rows_px, columns_px = frames.values.shape[1:]
    text = [
        "# Angles between ultrasound frames: time",
        f"{machine_text(load)} {torch.get_num_threads()} threads. From frames of {columns_px} x {rows_px} "
        "pixels in memory to angles and confidences: sector, working grid, registration, chain. "
        f"`{baseline.method}` is SimpleITK, on {baseline.triplets} triplets; the others on {_TRIPLETS}.",
        table(head, cells),
    ]
    return "\n\n".join(text) + "\n"
