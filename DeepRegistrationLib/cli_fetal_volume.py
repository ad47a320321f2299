"""`deepregistration fetal-volume`."""

from pathlib import Path
from typing import Annotated

import typer

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
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.fetal_volume import (
    FetalVolumeFiles,
    FetalVolumeMethod,
    FetalVolumeSettings,
    FinalMeasure,
    MovingContrast,
    TransformModel,
)
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs


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
