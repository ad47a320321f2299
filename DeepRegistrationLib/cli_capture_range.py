"""Command line of the study of the capture range of DeepNet."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_options import QuietOption, run_study
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.progress import Report


def evaluate_capture_range(
    data: Annotated[
        Path,
        typer.Option(help="Folder with the public CTs: pelvis-fracture, x2s, totalseg."),
    ] = Path("../shared/data/ct-bone"),
    output: Annotated[
        Path, typer.Option(help="Folder for capture_range.md, its figure and its numbers as JSON.")
    ] = Path("output/evaluation"),
    target: Annotated[
        XrayTarget,
        typer.Option(help="What is compared with: drr (as in the paper), realistic, or two-views."),
    ] = XrayTarget.DRR,
    targets: Annotated[int, typer.Option(help="True poses per CT.", min=1)] = 20,
    starts: Annotated[int, typer.Option(help="Start poses per true pose and distance.", min=1)] = 5,
    ct: Annotated[
        list[str] | None, typer.Option(help="Name of a CT; repeat for several. Default: all.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Weights of a training (safetensors) instead of the installed network."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the poses.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Show from how far away the learned similarity leads to the right pose (share of gradients [%])."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.capture_range_study import run_capture_range, trained_network

        network = trained_network(weights)
        return run_capture_range(
            data, output, target, targets, starts, seed, network, tuple(ct or ()), keep_going
        )

    run_study(run, output, quiet)
