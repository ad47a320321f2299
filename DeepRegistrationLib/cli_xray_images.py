"""`deepregistration drr` and `deepregistration simulate-xray`: radiographs from a CT."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from DeepRegistrationLib.cli_options import IMAGE, DeviceOption, QuietOption, SeedOption
from DeepRegistrationLib.console import run_to_exit_code, say
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Report

if TYPE_CHECKING:  # numpy and torch, which --help does without
    from DeepRegistrationLib.projection.collimation import Collimation
    from DeepRegistrationLib.projection.radiograph_simulation import SimulationSettings
    from DeepRegistrationLib.xray_image_command import View


class StoredMeaning(StrEnum):
    """What the pixels mean; `images/pixel_meaning.py` has the same names."""

    INTENSITY = "intensity"
    INVERTED_INTENSITY = "inverted-intensity"
    ATTENUATION = "attenuation"
    INVERTED_ATTENUATION = "inverted-attenuation"


CtOption = Annotated[Path, typer.Option(help=f"CT in Hounsfield units: {IMAGE}.")]
FolderOption = Annotated[Path, typer.Option(help="Folder for the files; new or empty.")]
GeometryOption = Annotated[
    Path | None,
    typer.Option(help="Camera file (JSON, lengths in mm); replaces the options below."),
]
PoseOption = Annotated[
    Path | None,
    typer.Option(
        help="Where the CT stands: transform file of ITK (.tfm, LPS, world to CT), such as transform.tfm of "
        "a registration. Left out, it lies in the world as it is.",
    ),
]
DetectorOption = Annotated[float, typer.Option(help="Distance from source to detector [mm].", min=1)]
IsocenterOption = Annotated[float, typer.Option(help="Distance from source to isocentre [mm].", min=1)]
PrimaryOption = Annotated[
    float,
    typer.Option(
        help="Primary angle [degrees]; 90: detector at the patient's left, 0: before the chest.",
        min=-180,
        max=180,
    ),
]
SecondaryOption = Annotated[
    float,
    typer.Option(help="Secondary angle [degrees]; 90: detector at the head.", min=-180, max=180),
]
PointOption = Annotated[
    tuple[float, float, float] | None,
    typer.Option(help="Isocentre: x y z [mm, RAS]; left out, the middle of the CT."),
]
SpacingOption = Annotated[
    tuple[float, float],
    typer.Option(help="Between columns and between rows, on the detector [mm]."),
]
SizeOption = Annotated[tuple[int, int], typer.Option(help="Image size: columns, rows [pixels].")]


def drr(
    ct: CtOption,
    geometry: GeometryOption = None,
    pose: PoseOption = None,
    source_to_detector: DetectorOption = 1020.0,
    source_to_isocenter: IsocenterOption = 620.0,
    primary_angle: PrimaryOption = 0.0,
    secondary_angle: SecondaryOption = 0.0,
    isocenter: PointOption = None,
    pixel_spacing: SpacingOption = (1.0, 1.0),
    image_size: SizeOption = (400, 400),
    ct_labels: Annotated[
        Path | None,
        typer.Option(help="Labels on the grid of --ct: their outline is drawn, too."),
    ] = None,
    label: Annotated[
        list[int] | None,
        typer.Option(help="Value in --ct-labels; repeat. Default: all.", min=1),
    ] = None,
    bones_only: Annotated[bool, typer.Option("--bones-only", help="Project the labels alone.")] = False,
    output: FolderOption = Path("deepregistration-drr"),
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Compute a plain radiograph (DRR) from a CT: line integrals of the attenuation at one energy.

    The folder gets drr.nrrd (values without a unit, on the detector in the world, for Slicer), drr.png (bone
    is bright), camera.json, and with labels drr-outline.png.
    """

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.xray_image_command import draw_drr

        view = _view(
            *(ct, geometry, pose, source_to_detector, source_to_isocenter, primary_angle, secondary_angle),
            *(isocenter, pixel_spacing, image_size),
        )
        folder = draw_drr(view, output, ct_labels, tuple(label or ()), bones_only, device)
        say(f"Radiograph and camera.json: {folder}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


def simulate_xray(
    ct: CtOption,
    geometry: GeometryOption = None,
    pose: PoseOption = None,
    source_to_detector: DetectorOption = 1020.0,
    source_to_isocenter: IsocenterOption = 620.0,
    primary_angle: PrimaryOption = 0.0,
    secondary_angle: SecondaryOption = 0.0,
    isocenter: PointOption = None,
    pixel_spacing: SpacingOption = (1.0, 1.0),
    image_size: SizeOption = (400, 400),
    random: Annotated[
        bool,
        typer.Option("--random", help="Draw how it is taken and stored from --seed."),
    ] = False,
    voltage: Annotated[float, typer.Option(help="Of the tube [kV].", min=40, max=150)] = 80.0,
    aluminium: Annotated[float, typer.Option(help="Filter [mm Al].", min=0, max=20)] = 3.0,
    copper: Annotated[float, typer.Option(help="Additional filter [mm Cu].", min=0, max=2)] = 0.0,
    photons: Annotated[
        float,
        typer.Option(
            help="Photons per mm2 of the detector without a patient: fluoroscopy 1e5, a radiograph 1e6.",
            min=1,
        ),
    ] = 2e5,
    scatter: Annotated[
        float,
        typer.Option(
            help="Scattered to primary X-rays behind the patient: 0.1 with a good grid, 1 without.",
            min=0,
            max=10,
        ),
    ] = 0.3,
    blur: Annotated[float, typer.Option(help="Full width at half maximum [mm].", min=0)] = 0.4,
    blades: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(
            help="Left, right, upper and lower blade: distance from the middle, in halves of the image's "
            "shorter side.",
        ),
    ] = None,
    blade_angle: Annotated[float, typer.Option(help="By which the blades are turned [degrees].")] = 0.0,
    circle: Annotated[
        float | None,
        typer.Option(help="Radius of a round field, in halves of the shorter side.", min=0.1),
    ] = None,
    meaning: Annotated[
        StoredMeaning,
        typer.Option(
            help="intensity: air is bright. attenuation: its logarithm, bone is bright. inverted-*: the "
            "other way round.",
        ),
    ] = StoredMeaning.INTENSITY,
    levels: Annotated[int, typer.Option(help="Number of grey values.", min=2, max=65536)] = 4096,
    saturation: Annotated[
        float | None,
        typer.Option(
            help="Signal at which the detector is full, in parts of that of air; left out, the exposure is "
            "automatic: the brightest hundredth of the picture.",
            min=0.001,
        ),
    ] = None,
    output: FolderOption = Path("deepregistration-xray"),
    seed: SeedOption = 0,
    device: DeviceOption = Device.AUTO,
    quiet: QuietOption = False,
) -> None:
    """Simulate a realistic radiograph of a CT: spectrum, scatter, noise, collimation, grey values.

    The folder gets xray.png and xray.nrrd (grey values), attenuation.nrrd (without scatter and noise),
    field.nrrd (1 inside of the collimator), camera.json and simulation.json. One seed gives one image.
    """

    def settings() -> "SimulationSettings":
        import torch

        from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
        from DeepRegistrationLib.projection.radiograph_simulation import SimulationSettings
        from DeepRegistrationLib.projection.random_simulation import random_simulation
        from DeepRegistrationLib.projection.spectrum import Tube

        if random:
            return random_simulation(torch.Generator().manual_seed(seed))
        return SimulationSettings(
            tube=Tube(voltage, aluminium, copper),
            photons_per_mm2=photons,
            scatter_to_primary=scatter,
            blur_mm=blur,
            collimation=_collimation(blades, blade_angle, circle),
            meaning=PixelMeaning(meaning.value),
            levels=levels,
            saturation=saturation,
        )

    def work(keep_going: Report) -> int:
        from DeepRegistrationLib.xray_image_command import simulate_xray as simulate

        view = _view(
            *(ct, geometry, pose, source_to_detector, source_to_isocenter, primary_angle, secondary_angle),
            *(isocenter, pixel_spacing, image_size),
        )
        say(f"Radiograph and camera.json: {simulate(view, output, settings(), seed, device)}")
        return ExitCode.DONE

    raise typer.Exit(run_to_exit_code(work, quiet))


def _collimation(
    blades: tuple[float, float, float, float] | None, angle_deg: float, radius: float | None
) -> "Collimation":
    from DeepRegistrationLib.projection.collimation import Collimation

    if blades is not None and min(blades[0] + blades[1], blades[2] + blades[3]) <= 0:
        raise InputError(f"The blades {blades} leave no field. Give larger distances from the middle.")
    return Collimation(blades, angle_deg, radius)


def _view(*entries: object) -> "View":
    from DeepRegistrationLib.xray_image_command import View

    return View(*entries)
