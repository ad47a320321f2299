"""Command line of the training of networks."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.training.trainable_network import TrainableNetwork


def train(
    network: Annotated[TrainableNetwork, typer.Argument(help="Network to train.")],
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with the training images: for the fetal networks one atlas image, mask "
            "and label map per week, else the installed atlas; for xray-deep-net the CTs; for the "
            "ultrasound networks the collections of frames; for the biplanar networks a folder with "
            "the populations train and validation."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for checkpoints, curves and weights. Default: training/NETWORK."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="TOML file with settings that differ from the recipe's, such as [training] steps."),
    ] = None,
    devices: Annotated[
        int, typer.Option(help="Graphics cards, or processes on the CPU, per machine.", min=1)
    ] = 1,
    nodes: Annotated[
        int, typer.Option(help="Machines; start the command on each by torchrun or SLURM.", min=1)
    ] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in --output.")
    ] = False,
    start_from: Annotated[
        Path | None,
        typer.Option(
            help="Begin with these weights (safetensors) instead of random ones; those of "
            "biplanar-affine-net are a part of biplanar-net."
        ),
    ] = None,
    device: Annotated[Device, typer.Option(help="auto takes a graphics card if there is one.")] = Device.AUTO,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")] = False,
) -> None:
    """Train a network of the registrations; needs the extra "training".

    Samples are made on the device while it trains. Curves: tensorboard --logdir OUTPUT. A training that was
    stopped or killed goes on with --resume as if nothing had happened.
    """

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.training_command import run_training

        weights = run_training(
            network,
            data,
            output or Path("training") / network,
            config,
            device,
            devices,
            nodes,
            resume,
            start_from,
            keep_going,
        )
        say(f"Weights: {weights}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))
