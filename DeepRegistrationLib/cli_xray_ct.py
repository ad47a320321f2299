"""`deepregistration xray-ct`."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_options import (
    IMAGE,
    OUTPUT,
    DeviceOption,
    FramesOption,
    GeometriesOption,
    JsonOption,
    OutputOption,
    PolarityOption,
    QuietOption,
    ReportOption,
    SceneOption,
    SearchRotationOption,
    SearchTranslationOption,
    SeedOption,
    SourceToDetectorOption,
    run_and_exit,
)
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs
from DeepRegistrationLib.jobs.xray_ct import (
    XrayCtFiles,
    XrayCtMethod,
    XrayCtSettings,
    XrayMeasure,
    XrayPolarity,
)


def xray_ct(
    ct: Annotated[Path, typer.Option(help=f"CT in Hounsfield units: {IMAGE}.")],
    xray: Annotated[
        list[Path],
        typer.Option(help="Radiograph: DICOM, NRRD, PNG or TIFF; repeat for several views of one moment."),
    ],
    geometry: GeometriesOption = None,
    ct_labels: Annotated[
        Path | None,
        typer.Option(help="Labels of bones on the grid of --ct; left out, all that is dense is registered."),
    ] = None,
    bone_label: Annotated[
        list[int] | None, typer.Option(help="Value in --ct-labels to register; repeat. Default: all.", min=1)
    ] = None,
    initial_pose: Annotated[
        Path | None,
        typer.Option(
            help="Start: transform file of ITK (.tfm, LPS, world of the cameras to CT), such as "
            "transform.tfm of an earlier result. Left out, the CT lies in the world as it is."
        ),
    ] = None,
    frame: FramesOption = None,
    source_to_detector: SourceToDetectorOption = None,
    output: OutputOption = OUTPUT,
    method: Annotated[
        XrayCtMethod,
        typer.Option(
            help="auto: search around the start pose, then Gauss-Newton. grad-ncc, net, net+grad-ncc: the "
            "paper's, from the start pose."
        ),
    ] = XrayCtMethod.AUTO,
    measure: Annotated[
        XrayMeasure, typer.Option(help="Similarity of the last refinement; for the method auto.")
    ] = XrayMeasure.DETAIL,
    search_rotation: SearchRotationOption = XrayCtSettings.search_rotation_deg,
    search_translation: SearchTranslationOption = XrayCtSettings.search_translation_mm,
    candidates: Annotated[int, typer.Option(help="Poses refined in each round of the search.", min=1)] = (
        XrayCtSettings.candidates
    ),
    rounds: Annotated[
        int, typer.Option(help="Rounds of the search, at most, until one pose stands out.", min=1)
    ] = XrayCtSettings.rounds,
    time_limit: Annotated[
        float | None, typer.Option(help="No new round of the search begins after this time [s].")
    ] = XrayCtSettings.time_limit_s,
    polarity: PolarityOption = XrayPolarity.AUTO,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    warped: Annotated[
        bool, typer.Option("--warped", help="Write warped.nrrd: the CT where it stands before the cameras.")
    ] = False,
    segmentation: Annotated[
        bool, typer.Option("--segmentation", help="Write segmentation.seg.nrrd: the labels there.")
    ] = False,
    report: ReportOption = True,
    scene: SceneOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find where a CT stood when one or more radiographs were taken.

    Fixed are the radiographs with their cameras, moving is the CT. World is the frame of the cameras: the
    CT's own RAS [mm] at the start. The output folder gets result.json with camera_from_ct for each view,
    transform.tfm, drr.nrrd and xray.nrrd on the detector, and report.html.
    """

    def job() -> Job:
        return Job(
            kind=JobKind.XRAY_CT,
            files=XrayCtFiles(
                ct,
                tuple(xray),
                tuple(geometry or ()),
                ct_labels,
                initial_pose,
                tuple(frame or ()),
                source_to_detector,
            ),
            settings=XrayCtSettings(
                method=method,
                measure=measure,
                search_rotation_deg=search_rotation,
                search_translation_mm=search_translation,
                candidates=candidates,
                rounds=rounds,
                time_limit_s=time_limit,
                bone_labels=tuple(bone_label or ()),
                polarity=polarity,
                device=device,
                seed=seed,
            ),
            output_folder=output,
            outputs=Outputs(warped=warped, segmentation=segmentation, report=report, scene=scene),
        )

    run_and_exit(job, json, quiet)
