"""The program `deepregistration`: every job, the samples, the studies. Starts without torch.

Exit codes: 0 done, 1 failed, 2 bad input or usage, 3 cancelled, 4 done but not to be trusted.
"""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_data import data_app
from DeepRegistrationLib.cli_fetal_slice import fetal_slice
from DeepRegistrationLib.cli_models import models_app
from DeepRegistrationLib.cli_options import (
    IMAGE,
    OUTPUT,
    AtlasDirOption,
    AtlasLabelsOption,
    AtlasMaskOption,
    AtlasOption,
    DeviceOption,
    JsonOption,
    MaskOption,
    OutputOption,
    QuietOption,
    ReportOption,
    SceneOption,
    SeedOption,
    run_and_exit,
)
from DeepRegistrationLib.cli_studies import benchmark_app, evaluate_app
from DeepRegistrationLib.cli_train import train
from DeepRegistrationLib.cli_us_angles import us_angles
from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.jobs.fetal_volume import (
    Device,
    FetalVolumeFiles,
    FetalVolumeMethod,
    FetalVolumeSettings,
    FinalMeasure,
    MovingContrast,
    TransformModel,
)
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs
from DeepRegistrationLib.progress import Report
from DeepRegistrationLib.threads import share_the_processor
from DeepRegistrationLib.versions import versions

_HELP = """Image registration for 3D Slicer, from the terminal.

World coordinates are patient RAS in millimetres. transform.tfm is for ITK: fixed to moving, LPS.

Exit codes: 0 done, 1 failed, 2 bad input or usage, 3 cancelled (Ctrl-C), 4 done but not to be trusted.
"""
_INPUT, _OUTPUT, _COMPUTING = "Input", "Output", "Computing"

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")
app.add_typer(models_app, name="models")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(benchmark_app, name="benchmark")
app.command("train")(train)


@app.command("fetal-volume")
def fetal_volume(
    moving: Annotated[Path, typer.Option(help=f"Reconstructed fetal brain, any orientation: {IMAGE}.")],
    mask: MaskOption = None,
    atlas: AtlasOption = None,
    atlas_labels: AtlasLabelsOption = None,
    atlas_mask: AtlasMaskOption = None,
    atlas_dir: AtlasDirOption = None,
    gestational_age: Annotated[
        float | None,
        typer.Option(help="Age of the fetus [weeks]; left out, size and similarity tell.", min=15, max=50),
    ] = None,
    output: OutputOption = OUTPUT,
    method: Annotated[
        FetalVolumeMethod,
        typer.Option(
            help="auto: search of all orientations and networks. bank: same contrast only. pose-net, "
            "correction-net: networks alone. vvr-deep: networks, then refinement. vvr-gc, vvr-paa: baselines."
        ),
    ] = FetalVolumeMethod.AUTO,
    measure: Annotated[
        FinalMeasure, typer.Option(help="Similarity of the last refinement.")
    ] = FinalMeasure.LOCAL_CORRELATION,
    contrast: Annotated[
        MovingContrast,
        typer.Option(help="t1-to-t2: a network makes a T1-weighted brain look T2-weighted first."),
    ] = MovingContrast.AS_IT_IS,
    transform_model: Annotated[
        TransformModel, typer.Option(help="rigid, or similarity: rigid and one scale.")
    ] = TransformModel.RIGID,
    candidates: Annotated[
        int, typer.Option(help="Orientations refined after the search.", min=1, max=500)
    ] = 24,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    warped: Annotated[bool, typer.Option(help="Write warped.nrrd: the brain on the atlas grid.")] = True,
    segmentation: Annotated[
        bool, typer.Option(help="Write segmentation.seg.nrrd: atlas labels on the brain's grid.")
    ] = True,
    report: ReportOption = True,
    scene: SceneOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Register a reconstructed fetal brain to the atlas of its age.

    Fixed is the atlas, moving the brain. The output folder gets result.json, transform.tfm, warped.nrrd,
    segmentation.seg.nrrd and report.html.
    """
    job = Job(
        kind=JobKind.FETAL_VOLUME,
        files=FetalVolumeFiles(moving, mask, atlas, atlas_labels, atlas_mask, atlas_dir),
        settings=FetalVolumeSettings(
            method=method,
            gestational_age_weeks=gestational_age,
            measure=measure,
            contrast=contrast,
            transform_model=transform_model,
            candidates=candidates,
            device=device,
            seed=seed,
        ),
        output_folder=output,
        outputs=Outputs(warped=warped, segmentation=segmentation, report=report, scene=scene),
    )
    run_and_exit(lambda: job, json, quiet)


app.command("fetal-slice")(fetal_slice)
app.command("us-angles")(us_angles)


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("deepregistration-demo"),
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with sample data; left out, it is looked for, downloaded, or a phantom made."
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Register a sample brain that lies in an arbitrary orientation, and show what comes out."""

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.demo import run_demo

        outcome = run_demo(output, data, device, keep_going)
        say("\n".join(outcome.lines))
        return int(outcome.exit_code)

    raise typer.Exit(run_to_exit_code(work, quiet))


@app.command()
def version() -> None:
    """Print versions of the program and of what it computes with."""
    say("\n".join(f"{package} {number}" for package, number in versions().items()))


def main() -> None:
    """Entry point of the program."""
    share_the_processor()
    app()


if __name__ == "__main__":
    main()
