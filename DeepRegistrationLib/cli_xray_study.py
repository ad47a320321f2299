"""Command line of the study of CT and radiographs."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_options import DeviceOption, QuietOption, run_study
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod
from DeepRegistrationLib.progress import Report


def evaluate_xray_ct(
    data: Annotated[
        Path,
        typer.Option(help="Folder with the public CTs: pelvis-fracture, x2s, totalseg."),
    ] = Path("../shared/data/ct-bone"),
    output: Annotated[
        Path,
        typer.Option(help="Folder for xray_trials.csv, xray_ct.md and the figures; continued if it exists."),
    ] = Path("output/evaluation"),
    target: Annotated[
        list[XrayTarget] | None,
        typer.Option(
            help="What is registered to: drr, bones (the same for the bones alone, as in the paper), "
            "realistic (simulated radiograph), two-views; repeat for several. Default: all."
        ),
    ] = None,
    method: Annotated[
        list[XrayCtMethod] | None,
        typer.Option(
            help="Methods to compare; repeat for several. Default: those whose networks are installed."
        ),
    ] = None,
    trials: Annotated[int, typer.Option(help="Pairs of poses per CT.", min=1)] = 150,
    ct: Annotated[
        list[str] | None, typer.Option(help="Name of a CT; repeat for several. Default: all.")
    ] = None,
    join: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of the same study, whose trials are taken over; repeat for several."),
    ] = None,
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of the poses.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Register CTs to radiographs in known poses, as the paper does; write the tables [degrees, mm]."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.xray_ct_study import XrayStudySettings, run_xray_study

        settings = XrayStudySettings(
            targets=tuple(target or XrayTarget),
            methods=tuple(method) if method else None,
            trials=trials,
            cts=tuple(ct) if ct else None,
            device=device,
            seed=seed,
            join=tuple(join or ()),
        )
        return run_xray_study(data, output, settings, keep_going)

    run_study(run, output, quiet)


def evaluate_xray_confidence(
    data: Annotated[
        Path,
        typer.Option(help="Folder with the public CTs: pelvis-fracture, x2s, thorax."),
    ] = Path("../shared/data/ct-bone"),
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for xray_confidence_trials.csv and xray_confidence.md; continued if it exists."
        ),
    ] = Path("output/evaluation"),
    trials: Annotated[int, typer.Option(help="Pairs of poses per CT and setup.", min=1)] = 4,
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of the poses.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Fit the constants of the confidence, on CTs that no other study reports on."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.xray_confidence_study import run_xray_confidence_study

        return run_xray_confidence_study(data, output, trials, device, seed, keep_going)

    run_study(run, output, quiet)


def evaluate_xray_wrist(
    data: Annotated[
        Path, typer.Option(help="Folder with the radiographs, calibrations and CTs of the wrist.")
    ] = Path("../shared/data/xray/autoscoper-wrist"),
    output: Annotated[
        Path,
        typer.Option(help="Folder for wrist_trials.csv, xray_wrist.md and pictures; continued if it exists."),
    ] = Path("output/evaluation"),
    starts: Annotated[int, typer.Option(help="Starts per bone, moment and choice of views.", min=1)] = 5,
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of the starts.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Register single bones of a real wrist to two fluoroscopes, each alone and both; tables and pictures."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.xray_wrist_study import WristStudySettings, run_wrist_study

        settings = WristStudySettings(starts=starts, device=device, seed=seed)
        return run_wrist_study(data, output, settings, keep_going)

    run_study(run, output, quiet)
