"""Options that the commands of several jobs share, and running a job from the terminal."""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import ExitCode, Job
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity
from DeepRegistrationLib.progress import Report

IMAGE = "NIfTI, NRRD, MetaImage or a folder with one DICOM series"

DeviceOption = Annotated[
    Device, typer.Option(help="Where torch computes; auto takes a graphics card if there is one.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress, only errors and the answer.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print result.json on standard output.")]
MaskOption = Annotated[Path | None, typer.Option(help="Brain mask on its grid; left out, it is found.")]
AtlasOption = Annotated[Path | None, typer.Option(help="One atlas image to register to.")]
AtlasLabelsOption = Annotated[Path | None, typer.Option(help="Labels on the grid of --atlas.")]
AtlasMaskOption = Annotated[Path | None, typer.Option(help="Brain mask on the grid of --atlas.")]
AtlasDirOption = Annotated[
    Path | None,
    typer.Option(help="Folder with one atlas image per week, like STA30.nii.gz; else the installed atlas."),
]
OutputOption = Annotated[Path, typer.Option(help="Folder for the result; an older result there is replaced.")]
SeedOption = Annotated[int, typer.Option(help="Seed of everything random.")]
ReportOption = Annotated[bool, typer.Option(help="Write report.html with pictures.")]
SceneOption = Annotated[bool, typer.Option("--scene", help="Write scene.mrb for Slicer (needs slicer-core).")]
GeometriesOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="Camera file of each radiograph, in the same order: JSON with lengths in mm (see docs), or "
        "a calibration of XMALab. Left out, DICOM tags tell."
    ),
]
FramesOption = Annotated[
    list[int] | None,
    typer.Option(help="Which frame of each radiograph, from 0, where a file has several; repeat.", min=0),
]
SourceToDetectorOption = Annotated[
    float | None, typer.Option(help="Distance [mm], where the geometry does not tell it (XMALab).", min=1)
]
PolarityOption = Annotated[
    XrayPolarity, typer.Option(help="How bone looks in the radiographs' files; auto finds out.")
]
SearchTranslationOption = Annotated[
    float, typer.Option(help="How far the start may be off: standard deviation along each axis [mm].")
]
SearchRotationOption = Annotated[
    float,
    typer.Option(help="How far the start may be turned: standard deviation about each axis [degrees]."),
]
OUTPUT = Path("deepregistration-result")


_described: ContextVar[list[Job] | None] = ContextVar("described", default=None)
"""Where jobs are collected instead of being run."""


def described_job(parse: Callable[[], object]) -> Job:
    """The job that a command would run.

    Args:
        parse: calls the command, with its options.

    Raises:
        InputError: options that contradict each other.
    """
    jobs: list[Job] = []
    token = _described.set(jobs)
    try:
        parse()
    finally:
        _described.reset(token)
    return jobs[0]


def run_and_exit(describe: Callable[[], Job], print_json: bool, quiet: bool) -> None:
    """Runs a job with a progress bar and ends the program with its exit code; see also `described_job`.

    Args:
        describe: makes the job; options that contradict each other are refused like any unusable input.
        print_json: result.json goes to standard output.
        quiet: no progress.

    Raises:
        typer.Exit: always, unless the job is only described.
    """
    described = _described.get()
    if described is not None:
        described.append(describe())
        return

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.job_runner import run_job  # imports torch

        job = describe()
        outcome = run_job(job, keep_going)
        if print_json:
            sys.stdout.write((job.output_folder / "result.json").read_text(encoding="utf-8"))
        else:
            say(f"{outcome.message}\nResult: {outcome.output_folder}")
        return int(outcome.exit_code)

    raise typer.Exit(run_to_exit_code(work, quiet))


def run_study(run: Callable[[Report], Path], output: Path, quiet: bool) -> NoReturn:
    """Runs a study that keeps what it has measured, shows its tables and ends the program.

    Args:
        run: receives the report and returns the file with the tables.
        output: folder that the study writes into.
        quiet: no progress.

    Raises:
        typer.Exit: always.
    """

    def work(keep_going: Report) -> int:
        try:
            say(run(keep_going).read_text(encoding="utf-8"))
        except Cancelled:
            say(f"Stopped. What was measured is kept in '{output}'; the same command goes on with it.")
            return ExitCode.CANCELLED
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))
