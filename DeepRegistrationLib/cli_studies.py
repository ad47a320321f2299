"""Command line of the studies: accuracy (`evaluate`) and time (`benchmark`)."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Report

evaluate_app = typer.Typer(
    help="Accuracy: the tables and figures of the read-me.", no_args_is_help=True, rich_markup_mode=None
)
benchmark_app = typer.Typer(help="Time and memory.", no_args_is_help=True, rich_markup_mode=None)

DataOption = Annotated[
    Path, typer.Option(help="Folder with the public images: sta, spina-bifida-atlas, infant, mial-sub01.")
]
DeviceOption = Annotated[
    Device, typer.Option(help="Where torch computes; auto takes a graphics card if there is one.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")]
_DATA = Path("../shared/data/fetal-brain")


@evaluate_app.callback()
def evaluate() -> None:
    """Accuracy: the tables and figures of the read-me."""


@benchmark_app.callback()
def benchmark() -> None:
    """Time and memory."""


@evaluate_app.command("fetal-volume")
def evaluate_fetal_volume(
    data: DataOption = _DATA,
    output: Annotated[
        Path, typer.Option(help="Folder for trials.csv, study.md and the figure; continued if it exists.")
    ] = Path("output/evaluation"),
    pairs: Annotated[
        list[PairGroup] | None, typer.Option(help="Groups of pairs; repeat for several. Default: all.")
    ] = None,
    method: Annotated[
        list[FetalVolumeMethod] | None,
        typer.Option(help="Methods to compare; repeat for several. Default: all."),
    ] = None,
    rotations: Annotated[int, typer.Option(help="Poses per pair, uniform over all rotations.", min=0)] = 20,
    per_bin: Annotated[
        int, typer.Option(help="More poses per pair in each of the six bins of rotation angle.", min=0)
    ] = 1,
    header_only: Annotated[
        bool, typer.Option("--header-only", help="Turn the header instead of resampling the brain.")
    ] = False,
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of the poses.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Register every pair of public images from many poses and write the table of errors."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.evaluation.fetal_volume_study import StudySettings, run_study

        settings = StudySettings(
            groups=tuple(pairs or PairGroup),
            methods=tuple(method or FetalVolumeMethod),
            rotations=rotations,
            per_bin=per_bin,
            header_only=header_only,
            device=device,
            seed=seed,
        )
        say(run_study(data, output, settings, keep_going).read_text(encoding="utf-8"))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


@evaluate_app.command("other-objects")
def evaluate_other_objects(
    data: Annotated[
        Path, typer.Option(help="Folder with the public images: fetal-brain/sta, ct-bone.")
    ] = _DATA.parent,
    output: Annotated[Path, typer.Option(help="Folder for other_objects.md and other_objects.csv.")] = Path(
        "output/evaluation"
    ),
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of positions, sizes and textures.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Register what is no fetal brain (CTs, organs, ellipsoids, noise) and count what is trusted."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.evaluation.other_objects import run_other_objects

        path = run_other_objects(data, output, seed, device, keep_going)
        say(path.read_text(encoding="utf-8"))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


@benchmark_app.command("fetal-volume")
def benchmark_fetal_volume(
    data: DataOption = _DATA,
    output: Annotated[Path, typer.Option(help="Folder for benchmark.md and benchmark.json.")] = Path(
        "output/benchmark"
    ),
    repeats: Annotated[int, typer.Option(help="Registrations in one worker.", min=2)] = 3,
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Time the command line and the second registration in a running worker; measure its memory."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.evaluation import benchmark as timing

        path = timing.benchmark_fetal_volume(data, output, repeats, device, keep_going)
        say(path.read_text(encoding="utf-8"))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))
