"""Command line of the studies of ultrasound angles, and of their time."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_options import DeviceOption, QuietOption, run_study
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.progress import Report

UltrasoundOption = Annotated[
    Path, typer.Option(help="Folder with the public ultrasound: hip-us, busi, plus, dicom.")
]
_DATA = Path("../shared/data/ultrasound")
_OUTPUT = Path("output/evaluation")


def evaluate_us(
    data: UltrasoundOption = _DATA,
    output: Annotated[Path, typer.Option(help="Folder for us_trials.csv, us.md and the figures.")] = _OUTPUT,
    method: Annotated[
        list[UsAnglesMethod] | None,
        typer.Option(help="Methods to compare; repeat for several. Default: all that need nothing more."),
    ] = None,
    triplets: Annotated[int, typer.Option(help="Of each test subject and kind of frames.", min=2)] = 25,
    paper_training: Annotated[
        list[Path] | None,
        typer.Option(help="Output folder of 'train us-triplet-net'; repeat for several."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of motions and noise.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Angles on subjects never trained on: the paper's tables, continuous angles, sweeps, refusal."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.us_study import UsStudySettings, run_us_study
        from DeepRegistrationLib.workflows.us_methods import available_methods

        settings = UsStudySettings(
            tuple(method or available_methods()), triplets, tuple(paper_training or ()), seed
        )
        return run_us_study(data, output, settings, keep_going)

    run_study(run, output, quiet)


def evaluate_us_confidence(
    data: UltrasoundOption = _DATA,
    output: Annotated[Path, typer.Option(help="Folder for us_confidence.md.")] = _OUTPUT,
    method: Annotated[
        list[UsAnglesMethod] | None,
        typer.Option(help="That register the pairs; repeat for several. Default: the refined ones."),
    ] = None,
    triplets: Annotated[int, typer.Option(help="Of each validation subject.", min=2)] = 12,
    seed: Annotated[int, typer.Option(help="Seed of motions and noise.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Fit the constants of the confidence in ultrasound angles, on subjects that no other study reports
    on.
    """

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.us_confidence_study import run_us_confidence_study

        return run_us_confidence_study(
            data, output, triplets, tuple(method) if method else None, None, seed, keep_going
        )

    run_study(run, output, quiet)


def benchmark_us(
    sequence: Annotated[Path, typer.Option(help="A sweep that is timed.")] = (
        _DATA / "plus" / "BoneUltrasound_L14.igs.mha"
    ),
    output: Annotated[Path, typer.Option(help="Folder for us_time.md and us_time.json.")] = Path(
        "output/benchmark"
    ),
    method: Annotated[
        list[UsAnglesMethod] | None,
        typer.Option(help="Methods to time beside SimpleITK; repeat for several. Default: all."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="Repetitions; the fastest counts.", min=1)] = 3,
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Time the angles of a sweep [triplets per second], and SimpleITK in the same run."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation import us_benchmark as timing
        from DeepRegistrationLib.workflows.us_methods import available_methods

        methods = tuple(method or available_methods())
        return timing.benchmark_us(sequence, output, methods, repeats, device, keep_going)

    run_study(run, output, quiet)
