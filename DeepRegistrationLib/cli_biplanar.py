"""`deepregistration biplanar`."""

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
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.biplanar import BiplanarFiles, BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity


def biplanar(
    ap: Annotated[
        Path, typer.Option(help="First radiograph: DICOM, NRRD, PNG or TIFF. Its camera fixes the world.")
    ],
    lateral: Annotated[
        Path, typer.Option(help="Second radiograph of the same moment, from any other angle.")
    ],
    geometry: GeometriesOption = None,
    mask: Annotated[
        list[Path] | None,
        typer.Option(
            help="Shadow of the bone on the pixels of each radiograph, not 0 inside, first AP, then lateral. "
            "Left out, it is proposed from the atlas."
        ),
    ] = None,
    atlas: Annotated[Path | None, typer.Option(help=f"CT of the atlas in Hounsfield units: {IMAGE}.")] = None,
    atlas_labels: Annotated[
        Path | None, typer.Option(help="Labels on the grid of --atlas; all but 0 is the bone.")
    ] = None,
    atlas_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder with atlas_ct.nii.gz, atlas_labels.nii.gz and, if there is one, "
            "shape_model.safetensors. Left out, the femur of the program."
        ),
    ] = None,
    initial_pose: Annotated[
        Path | None,
        typer.Option(
            help="Start: transform file of ITK (.tfm, LPS, world to atlas). Left out, the atlas "
            "lies in the world as it is."
        ),
    ] = None,
    frame: FramesOption = None,
    source_to_detector: SourceToDetectorOption = None,
    output: OutputOption = OUTPUT,
    method: Annotated[
        BiplanarMethod,
        typer.Option(
            help="auto: as optimize, with the network's answer as one of the starts where it may be asked. "
            "optimize: pose, proportions and shape from the radiographs. sdm: the statistical model alone. "
            "network: the paper's answer, for the program's femur and two masked views from front and side."
        ),
    ] = BiplanarMethod.AUTO,
    search_rotation: SearchRotationOption = BiplanarSettings.search_rotation_deg,
    search_translation: SearchTranslationOption = BiplanarSettings.search_translation_mm,
    view_rotation: Annotated[
        float,
        typer.Option(
            help="By how much the direction of the second view is expected to be wrong against the first "
            "[degrees]. 0 trusts the cameras."
        ),
    ] = BiplanarSettings.view_rotation_deg,
    view_translation: Annotated[
        float, typer.Option(help="The same for its place [mm].")
    ] = BiplanarSettings.view_translation_mm,
    shape_freedom: Annotated[
        float,
        typer.Option(help="Factor on how far shapes may differ from the atlas; 0 keeps its mean."),
    ] = BiplanarSettings.shape_freedom,
    polarity: PolarityOption = XrayPolarity.AUTO,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    warped: Annotated[
        bool, typer.Option(help="Write warped.nrrd: the atlas as it was bent, in the world [HU].")
    ] = True,
    segmentation: Annotated[
        bool, typer.Option(help="Write segmentation.seg.nrrd: its labels there, with closed surfaces.")
    ] = True,
    report: ReportOption = True,
    scene: SceneOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bend a CT atlas until its radiographs are those that were taken: a bone model from two views.

    Fixed are the radiographs with their cameras, moving is the atlas. World is the frame of the cameras: the
    atlas's own RAS [mm] at the start. The output folder gets transform.tfm (the affine part), transform.h5
    (everything, a displacement grid, world to atlas), inverse.h5 (atlas to world), warped.nrrd,
    segmentation.seg.nrrd, uncertainty.nrrd [mm], drr.nrrd, drr_start.nrrd and xray.nrrd on the detectors, and
    report.html.
    """

    def job() -> Job:
        for name, values in (("geometry", geometry), ("mask", mask), ("frame", frame)):
            if values and len(values) != 2:
                raise InputError(
                    f"--{name} was given {len(values)} times; give it twice, first for --ap and then for "
                    "--lateral, or not at all."
                )
        return Job(
            kind=JobKind.BIPLANAR,
            files=BiplanarFiles(
                (ap, lateral),
                tuple(geometry or ()),
                tuple(mask or ()),
                atlas,
                atlas_labels,
                atlas_dir,
                initial_pose,
                tuple(frame or ()),
                source_to_detector,
            ),
            settings=BiplanarSettings(
                method=method,
                search_rotation_deg=search_rotation,
                search_translation_mm=search_translation,
                view_rotation_deg=view_rotation,
                view_translation_mm=view_translation,
                shape_freedom=shape_freedom,
                polarity=polarity,
                device=device,
                seed=seed,
            ),
            output_folder=output,
            outputs=Outputs(warped=warped, segmentation=segmentation, report=report, scene=scene),
        )

    run_and_exit(job, json, quiet)
