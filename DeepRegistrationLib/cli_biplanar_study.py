"""Command line of the study of an atlas bent to two radiographs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_options import DeviceOption, QuietOption, run_study
from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup, BiplanarStudyMethod
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Report

CasesOption = Annotated[int | None, typer.Option(help="At most so many patients of each folder.", min=1)]
SeedOption = Annotated[int, typer.Option(help="Seed of angles and noise.", min=0)]


class TrainedSize(StrEnum):
    """Sizes of the biplanar network."""

    PAPER = "paper"
    LAPTOP = "laptop"


class TrainedPrecision(StrEnum):
    """Precisions of a training, as lightning calls them."""

    FLOAT32 = "32-true"
    BFLOAT16 = "bf16-mixed"


def evaluate_biplanar(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder with CTs and labels of patients that nothing was trained on, made with "
            "`deepregistration population --split test` or `femora-from-ct`; repeat for several."
        ),
    ],
    output: Annotated[
        Path, typer.Option(help="Folder for biplanar_trials.csv and biplanar.md; continued if it exists.")
    ] = Path("output/evaluation"),
    atlas_dir: Annotated[
        Path | None, typer.Option(help="Folder of the atlas and its shape model; else those of the program.")
    ] = None,
    setup: Annotated[
        list[BiplanarSetup] | None,
        typer.Option(help="What methods get; repeat for several. Default: all."),
    ] = None,
    method: Annotated[
        list[BiplanarStudyMethod] | None,
        typer.Option(help="Methods to compare; repeat for several. Default: all."),
    ] = None,
    cases: CasesOption = None,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Bend the atlas to radiographs of known femora, as the paper does; write the tables [mm]."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.biplanar_study import BiplanarStudySettings, run_biplanar_study

        settings = BiplanarStudySettings(
            setups=tuple(setup or BiplanarSetup),
            methods=tuple(method or BiplanarStudyMethod),
            cases=cases,
            device=device,
            seed=seed,
        )
        return run_biplanar_study(tuple(data), output, settings, atlas_dir, keep_going)

    run_study(run, output, quiet)


def evaluate_biplanar_networks(
    data: Annotated[
        list[Path], typer.Option(help="Folder with CTs and labels, as for `evaluate biplanar`; repeat.")
    ],
    weights: Annotated[
        list[str],
        typer.Option(
            help="NAME=FILE: weights.safetensors of a training of a biplanar network, and its name in the "
            "tables; repeat for several. The file tells which network it is."
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for biplanar_network_trials.csv and biplanar_networks.md; continued if it exists."
        ),
    ] = Path("output/evaluation"),
    atlas_dir: Annotated[
        Path | None, typer.Option(help="Folder of the atlas of the trainings; else that of the program.")
    ] = None,
    setup: Annotated[
        list[BiplanarSetup] | None,
        typer.Option(help="What networks get; repeat for several. Default: all that networks can be given."),
    ] = None,
    fits: Annotated[
        Path | None,
        typer.Option(help="biplanar_trials.csv of `evaluate biplanar`, to be drawn beside the networks."),
    ] = None,
    cases: CasesOption = None,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Ask trained networks about radiographs of known femora; write the paper's tables [mm, degrees]."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.biplanar_network_study import (
            NETWORK_SETUPS,
            BiplanarNetworkSettings,
            run_biplanar_network_study,
        )

        settings = BiplanarNetworkSettings(tuple(setup or NETWORK_SETUPS), cases, device, seed)
        named = dict(_named_file(text) for text in weights)
        return run_biplanar_network_study(tuple(data), named, output, settings, atlas_dir, fits, keep_going)

    run_study(run, output, quiet)


def _named_file(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise InputError(
            f"'{text}' names no weights. Write NAME=FILE, such as both=both/weights.safetensors."
        )
    return name, Path(path)


def evaluate_biplanar_wrist(
    data: Annotated[
        Path, typer.Option(help="Folder with the radiographs, calibrations and CTs of the wrist.")
    ] = Path("../shared/data/xray/autoscoper-wrist"),
    output: Annotated[Path, typer.Option(help="Folder for biplanar_wrist.md and the overlays.")] = Path(
        "output/evaluation"
    ),
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of the starts.", min=0)] = 0,
    quiet: QuietOption = False,
) -> None:
    """Bend stretched bones of a real wrist to two fluoroscopes; write a table [mm] and overlays."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.biplanar_wrist_study import run_biplanar_wrist_study

        return run_biplanar_wrist_study(data, output, device=device, seed=seed, report=keep_going)

    run_study(run, output, quiet)


def benchmark_biplanar_memory(
    size: Annotated[
        list[TrainedSize] | None, typer.Option(help="Size of the network; repeat for both. Default: paper.")
    ] = None,
    precision: Annotated[
        list[TrainedPrecision] | None, typer.Option(help="Of the training; repeat. Default: 32-true.")
    ] = None,
    limit_gb: Annotated[
        float, typer.Option(help="Stop a step that takes more memory on the CPU [GB]; 0: none.", min=0)
    ] = 0.0,
    output: Annotated[Path, typer.Option(help="Folder for biplanar_memory.md.")] = Path("output/benchmark"),
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Measure the memory of one training step of the biplanar network, batch of one [GB]."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.training import biplanar_memory as memory

        cases = tuple(
            memory.MemoryCase(str(one), str(digits), device, limit_gb)
            for one in size or [TrainedSize.PAPER]
            for digits in precision or [TrainedPrecision.FLOAT32]
        )
        say(memory.benchmark_biplanar_memory(cases, output, keep_going).read_text(encoding="utf-8"))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))
