"""`deepregistration us-angles`."""

from pathlib import Path
from typing import Annotated

import typer

from DeepRegistrationLib.cli_options import (
    OUTPUT,
    DeviceOption,
    JsonOption,
    OutputOption,
    QuietOption,
    ReportOption,
    SceneOption,
    SeedOption,
    run_and_exit,
)
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs
from DeepRegistrationLib.jobs.us_angles import UsAnglesFiles, UsAnglesMethod, UsAnglesSettings


def us_angles(
    frames: Annotated[
        tuple[Path, Path, Path] | None,
        typer.Option(help="Three consecutive frames, in order: PNG, TIFF, DICOM, NRRD or MetaImage."),
    ] = None,
    sequence: Annotated[
        Path | None,
        typer.Option(help="A whole sweep: MetaImage (.igs.mha, .mhd), multi-frame DICOM, .seq.nrrd."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="PLUS configuration (XML) with the calibration of the image to the probe."),
    ] = None,
    pixel_size: Annotated[
        tuple[float, float] | None,
        typer.Option(help="Of a pixel along columns and rows [mm]; left out, calibration or file tell."),
    ] = None,
    mask: Annotated[
        Path | None,
        typer.Option(help="Picture of a frame's size, not 0 where it shows tissue; left out, it is found."),
    ] = None,
    probe: Annotated[str, typer.Option(help="Name of the tracked tool on the transducer.")] = "Probe",
    reference: Annotated[str, typer.Option(help="Name of the tracked tool on the patient.")] = "Reference",
    output: OutputOption = OUTPUT,
    method: Annotated[
        UsAnglesMethod,
        typer.Option(
            help="auto: network+refine if the network is installed, else search+refine. "
            "network: not refined. "
            "phase-correlation, intensity: baselines."
        ),
    ] = UsAnglesMethod.AUTO,
    device: DeviceOption = Device.AUTO,
    seed: SeedOption = 0,
    aligned: Annotated[bool, typer.Option(help="Write warped.nrrd: all frames on the middle one.")] = True,
    report: ReportOption = True,
    scene: SceneOption = False,
    json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Find the angles between consecutive ultrasound frames.

    Fixed is the middle frame, moving the frames before and after. Angles are those of the content of a frame
    against the middle one; positive is clockwise on the screen. The output folder gets result.json,
    transform.tfm (before to middle), angles.csv, frames.igs.mha (for SlicerIGSIO), sweep.seq.mha (sequence of
    transforms for Slicer), warped.nrrd, report.html.
    """

    def job() -> Job:
        return Job(
            kind=JobKind.US_ANGLES,
            files=UsAnglesFiles(tuple(frames or ()), sequence, calibration, mask),
            settings=UsAnglesSettings(method, pixel_size, probe, reference, device, seed),
            output_folder=output,
            outputs=Outputs(warped=aligned, segmentation=False, report=report, scene=scene),
        )

    run_and_exit(job, json, quiet)
