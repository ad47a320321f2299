"""Command line of the studies: accuracy (`evaluate`) and time (`benchmark`)."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_biplanar_study import (
    benchmark_biplanar_memory,
    evaluate_biplanar,
    evaluate_biplanar_networks,
    evaluate_biplanar_wrist,
)
from DeepRegistrationLib.cli_capture_range import evaluate_capture_range
from DeepRegistrationLib.cli_options import run_study
from DeepRegistrationLib.cli_us_study import benchmark_us, evaluate_us, evaluate_us_confidence
from DeepRegistrationLib.cli_xray_study import evaluate_xray_confidence, evaluate_xray_ct, evaluate_xray_wrist
from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.evaluation.pair_group import PairGroup, SliceGroup
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod
from DeepRegistrationLib.jobs.job import ExitCode, JobKind
from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.progress import Report

evaluate_app = typer.Typer(
    help="Accuracy: the tables and figures of the read-me.", no_args_is_help=True, rich_markup_mode=None
)
benchmark_app = typer.Typer(help="Time and memory.", no_args_is_help=True, rich_markup_mode=None)

DataOption = Annotated[
    Path,
    typer.Option(
        help="Folder with the public images: sta, spina-bifida-atlas, infant, mial-sub01, svrtk-sim."
    ),
]
JoinOption = Annotated[
    list[Path] | None,
    typer.Option(help="Folder of the same study, whose trials are taken over; repeat for several."),
]
BrainsOption = Annotated[
    list[SliceGroup] | None, typer.Option(help="Which brains; repeat for several. Default: all.")
]
PosesSeedOption = Annotated[int, typer.Option(help="Seed of the poses.")]
DeviceOption = Annotated[
    Device, typer.Option(help="Where torch computes; auto takes a graphics card if there is one.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="No progress, only errors.")]
_DATA = Path("../shared/data/fetal-brain")
_METHODS = "Methods to compare; repeat for several. Default: those whose networks are installed."


@evaluate_app.callback()
def evaluate() -> None:
    """Accuracy: the tables and figures of the read-me."""


evaluate_app.command("xray-ct")(evaluate_xray_ct)
evaluate_app.command("xray-wrist")(evaluate_xray_wrist)
evaluate_app.command("xray-confidence")(evaluate_xray_confidence)
evaluate_app.command("biplanar")(evaluate_biplanar)
evaluate_app.command("biplanar-networks")(evaluate_biplanar_networks)
evaluate_app.command("biplanar-wrist")(evaluate_biplanar_wrist)
evaluate_app.command("us")(evaluate_us)
evaluate_app.command("us-confidence")(evaluate_us_confidence)
evaluate_app.command("xray-capture-range")(evaluate_capture_range)


@benchmark_app.callback()
def benchmark() -> None:
    """Time and memory."""


benchmark_app.command("us")(benchmark_us)
benchmark_app.command("biplanar-memory")(benchmark_biplanar_memory)


@evaluate_app.command("fetal-volume")
def evaluate_fetal_volume(
    data: DataOption = _DATA,
    output: Annotated[
        Path, typer.Option(help="Folder for trials.csv, study.md and the figures; continued if it exists.")
    ] = Path("output/evaluation"),
    pairs: Annotated[
        list[PairGroup] | None, typer.Option(help="Groups of pairs; repeat for several. Default: all.")
    ] = None,
    method: Annotated[list[FetalVolumeMethod] | None, typer.Option(help=_METHODS)] = None,
    rotations: Annotated[int, typer.Option(help="Poses per pair, uniform over all rotations.", min=0)] = 20,
    per_bin: Annotated[
        int, typer.Option(help="More poses per pair in each of the six bins of 30 degrees.", min=0)
    ] = 1,
    unseen_only: Annotated[
        bool, typer.Option("--unseen-only", help="Leave out brains that networks were trained on.")
    ] = False,
    header_only: Annotated[
        bool, typer.Option("--header-only", help="Turn the header instead of resampling the brain.")
    ] = False,
    join: JoinOption = None,
    device: DeviceOption = Device.AUTO,
    seed: PosesSeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Register every pair of public images from many poses and write the tables of errors [degrees, mm]."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.fetal_volume_study import StudySettings, run_study

        settings = StudySettings(
            groups=tuple(pairs or PairGroup),
            methods=tuple(method) if method else None,
            rotations=rotations,
            per_bin=per_bin,
            unseen_only=unseen_only,
            header_only=header_only,
            device=device,
            seed=seed,
            join=tuple(join or ()),
        )
        return run_study(data, output, settings, keep_going)

    run_study(run, output, quiet)


@evaluate_app.command("fetal-slice")
def evaluate_fetal_slice(
    data: DataOption = _DATA,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for slice_trials.csv, stack_trials.csv, slice_study.md and the figure; continued if "
            "it exists."
        ),
    ] = Path("output/evaluation"),
    brains: BrainsOption = None,
    method: Annotated[list[FetalSliceMethod] | None, typer.Option(help=_METHODS)] = None,
    slices: Annotated[
        int, typer.Option(help="Slices per brain, uniform over half of all orientations.", min=0)
    ] = 20,
    per_bin: Annotated[
        int, typer.Option(help="More slices per brain in each of the six bins of 30 degrees.", min=0)
    ] = 1,
    join: JoinOption = None,
    device: DeviceOption = Device.AUTO,
    seed: PosesSeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Find slices that were cut from brains in known poses, and stacks; write the tables [degrees, mm]."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.fetal_slice_study import SliceStudySettings, run_slice_study

        settings = SliceStudySettings(
            groups=tuple(brains or SliceGroup),
            methods=tuple(method) if method else None,
            slices=slices,
            per_bin=per_bin,
            device=device,
            seed=seed,
            join=tuple(join or ()),
        )
        return run_slice_study(data, output, settings, keep_going)

    run_study(run, output, quiet)


@evaluate_app.command("slice-confidence")
def evaluate_slice_confidence(
    data: DataOption = _DATA,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for slice_confidence_trials.csv and slice_confidence.md; continued if it exists."
        ),
    ] = Path("output/evaluation"),
    slices: Annotated[int, typer.Option(help="Slices per brain.", min=1)] = 16,
    device: DeviceOption = Device.AUTO,
    seed: PosesSeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Fit the constants of the slice job's confidence, on brains that no other study reports on."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.slice_confidence_study import run_slice_confidence_study

        return run_slice_confidence_study(data, output, slices, device, seed, keep_going)

    run_study(run, output, quiet)


@evaluate_app.command("contrast-transfer")
def evaluate_contrast_transfer(
    data: DataOption = _DATA,
    output: Annotated[
        Path, typer.Option(help="Folder for contrast_transfer.md, its figure and its numbers as JSON.")
    ] = Path("output/evaluation"),
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Seed of the signals that tissues have on T1.")] = 0,
    quiet: QuietOption = False,
) -> None:
    """Compare T1-weighted brains, made to look like T2, with their T2 (correlation, -1 to 1)."""

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation.contrast_study import run_contrast_study

        return run_contrast_study(data, output, device, seed, keep_going)

    run_study(run, output, quiet)


@evaluate_app.command("fetal-networks")
def evaluate_fetal_networks(
    data: DataOption = _DATA,
    output: Annotated[
        Path,
        typer.Option(
            help="Folder for network_trials.csv, networks.md, networks.json and the figure; continued if it "
            "exists."
        ),
    ] = Path("output/evaluation"),
    pose_net: Annotated[
        Path | None,
        typer.Option(
            help="Weights of a training (safetensors or checkpoint) instead of the installed ones; networks "
            "that are not named are then left out."
        ),
    ] = None,
    correction_net: Annotated[Path | None, typer.Option(help="The same for Correction-Net.")] = None,
    slice_net: Annotated[Path | None, typer.Option(help="The same for the slice net.")] = None,
    brains: BrainsOption = None,
    per_bin: Annotated[
        int,
        typer.Option(help="Poses per brain in each of the six bins; six times as many slices.", min=1),
    ] = 24,
    device: DeviceOption = Device.AUTO,
    seed: PosesSeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Ask the networks alone about brains in known poses; write the tables and figures [degrees, mm].

    Installed networks are measured; the variable DEEPREGISTRATION_MODELS names another folder with them.
    """
    given = {
        Network.POSE_NET: pose_net,
        Network.CORRECTION_NET: correction_net,
        Network.SLICE_NET: slice_net,
    }

    def run(keep_going: Report) -> Path:
        from DeepRegistrationLib.evaluation import network_study

        settings = network_study.NetworkStudySettings(
            weights={kind: path for kind, path in given.items() if path is not None},
            per_bin=per_bin,
            groups=tuple(brains or network_study.BRAINS),
            device=device,
            seed=seed,
        )
        return network_study.run_network_study(data, output, settings, keep_going)

    run_study(run, output, quiet)


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


@benchmark_app.command("fetal-networks")
def benchmark_fetal_networks(
    data: DataOption = _DATA,
    output: Annotated[Path, typer.Option(help="Folder for networks_time.md and networks_time.json.")] = Path(
        "output/benchmark"
    ),
    repeats: Annotated[int, typer.Option(help="Repetitions of each step in one process.", min=1)] = 20,
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Time Pose-Net and Correction-Net per volume [ms] in a process that has loaded them, and a peer."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.evaluation.network_benchmark import benchmark_networks

        say(benchmark_networks(data, output, repeats, device, keep_going).read_text(encoding="utf-8"))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


@benchmark_app.command("projector")
def benchmark_projector(
    ct: Annotated[Path, typer.Option(help="A CT in HU.")] = (
        _DATA.parent / "ct-bone" / "totalseg" / "example_ct.nii.gz"
    ),
    output: Annotated[Path, typer.Option(help="Folder for projector.md and projector.json.")] = Path(
        "output/benchmark"
    ),
    repeats: Annotated[int, typer.Option(help="Repetitions of each measurement.", min=1)] = 20,
    peers_python: Annotated[
        Path | None,
        typer.Option(help="Python of another environment with nanodrr or DiffDRR, to be timed beside."),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Time a radiograph of a CT, alone and with its pose gradient [ms], and other projectors."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.evaluation import projector_benchmark as timing

        path = timing.benchmark_projector(ct, output, repeats, peers_python, keep_going)
        say(path.read_text(encoding="utf-8"))
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


@benchmark_app.command("worker-memory")
def benchmark_worker_memory(
    job: Annotated[
        list[JobKind] | None, typer.Option(help="Registrations in turn; repeat for several. Default: all.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for worker_memory.md and .json.")] = Path(
        "output/benchmark"
    ),
    registrations: Annotated[int, typer.Option(help="How many, in one worker.", min=21)] = 200,
    quiet: QuietOption = False,
) -> None:
    """Register synthetic cases again and again in one worker; exit code 1 if its memory grows by 5 %."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.data.phantom_cases import PHANTOM_KINDS
        from DeepRegistrationLib.evaluation.worker_memory import measure_worker_memory

        measured = measure_worker_memory(job or PHANTOM_KINDS, output, registrations, keep_going)
        say((output / "worker_memory.md").read_text(encoding="utf-8"))
        return ExitCode.DONE if measured.is_flat else ExitCode.FAILED

    raise typer.Exit(run_to_exit_code(work, quiet))
