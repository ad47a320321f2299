"""`deepregistration fetal-slice`."""

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
from DeepRegistrationLib.jobs.fetal_slice import (
    FetalSliceFiles,
    FetalSliceMethod,
    FetalSliceSettings,
    HalfSpace,
    SliceMeasure,
    StackMode,
)
from DeepRegistrationLib.jobs.fetal_volume import Device, MovingContrast
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs


def fetal_slice(
    slice_: Annotated[
        Path, typer.Option("--slice", help=f"One slice or a stack of them: {IMAGE}, or a PNG or TIFF.")
    ],
    mask: MaskOption = None,
    slice_index: Annotated[
        int | None,
        typer.Option(help="Which slice of a volume, from 0; left out, the one that shows most.", min=0),
    ] = None,
    as_stack: Annotated[
        StackMode,
        typer.Option(help="stack: all slices belong together. single: one. auto: several are a stack."),
    ] = StackMode.AUTO,
    atlas: AtlasOption = None,
    atlas_labels: AtlasLabelsOption = None,
    atlas_mask: AtlasMaskOption = None,
    atlas_dir: AtlasDirOption = None,
    gestational_age: Annotated[
        float | None,
        typer.Option(help="Age of the fetus [weeks]; give it: one slice hardly tells.", min=15, max=50),
    ] = None,
    half_space: Annotated[
        HalfSpace,
        typer.Option(help="Where the slice's normal (columns x rows) points: to the head or to the feet."),
    ] = HalfSpace.UNKNOWN,
    output: OutputOption = OUTPUT,
    method: Annotated[
        FetalSliceMethod,
        typer.Option(help="auto: bank and, if there, slice net. slice-net: not refined. svr-*: baselines."),
    ] = FetalSliceMethod.AUTO,
    measure: Annotated[
        SliceMeasure, typer.Option(help="Similarity of the last refinement.")
    ] = SliceMeasure.LOCAL_CORRELATION,
    contrast: Annotated[
        MovingContrast,
        typer.Option(help="t1-to-t2: a network makes T1-weighted slices look T2-weighted first."),
    ] = MovingContrast.AS_IT_IS,
    slice_thickness: Annotated[
        float | None, typer.Option(help="Of the slices as acquired [mm]; left out, their spacing.")
    ] = None,
    candidates: Annotated[int, typer.Option(help="Poses refined after the search.", min=4, max=500)] = 48,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    matching: Annotated[
        bool,
        typer.Option(help="Write matching_atlas_slice.nrrd, and warped.nrrd: the slice put into the atlas."),
    ] = True,
    segmentation: Annotated[
        bool, typer.Option(help="Write segmentation.seg.nrrd: atlas labels on the slice.")
    ] = True,
    report: ReportOption = True,
    scene: SceneOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find one slice of a fetal brain, or the slices of a stack, in the atlas of its age.

    Fixed is the atlas, moving the slice. The output folder gets result.json, transform.tfm,
    matching_atlas_slice.nrrd, warped.nrrd, segmentation.seg.nrrd, report.html, and slices.csv for a stack.
    """

    def job() -> Job:
        return Job(
            kind=JobKind.FETAL_SLICE,
            files=FetalSliceFiles(slice_, mask, atlas, atlas_labels, atlas_mask, atlas_dir),
            settings=FetalSliceSettings(
                method=method,
                gestational_age_weeks=gestational_age,
                as_stack=as_stack,
                slice_index=slice_index,
                half_space=half_space,
                measure=measure,
                contrast=contrast,
                candidates=candidates,
                slice_thickness_mm=slice_thickness,
                device=device,
                seed=seed,
            ),
            output_folder=output,
            outputs=Outputs(warped=matching, segmentation=segmentation, report=report, scene=scene),
        )

    run_and_exit(job, json, quiet)
