"""The radiographs of the study: DRRs of the CT, realistic simulations, two views."""

from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.evaluation.xray_study_cts import StudyCt, drr_target, paper_camera
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.radiograph_intensity import attenuation_from_stored
from DeepRegistrationLib.images.read_radiograph import RadiographTags, StoredRadiograph
from DeepRegistrationLib.projection.collimation import Collimation
from DeepRegistrationLib.projection.radiograph_simulation import (
    SimulationSettings,
    material_integrals,
    simulate_radiograph,
)

_SECOND_VIEW_DEG = 90.0
_FINE_PX = 512
"""Edge of a realistic radiograph: noise and blur of the detector belong to small pixels."""
_PHOTONS_PER_MM2 = (5e4, 1e6)
_SCATTER = (0.1, 1.0)
_UNEVEN = 0.15
_BLADES = (0.7, 1.1)
"""Distance of each blade from the middle, in halves of the image."""
_BLADE_TURN_DEG = 8.0
_ROUND_SHARE = 0.3
"""Of the radiographs, so many come from an image intensifier."""

_TAGS = {
    PixelMeaning.INTENSITY: RadiographTags("XA", "MONOCHROME2", "LIN", 1),
    PixelMeaning.ATTENUATION: RadiographTags("XA", "MONOCHROME2", "LOG", -1),
}


def radiographs_of(
    study: StudyCt, target: XrayTarget, world_from_ct: np.ndarray, seed: int
) -> tuple[Radiograph, ...]:
    """Takes the radiographs of a trial.

    Args:
        study: the CT.
        target: what is taken.
        world_from_ct: (4, 4); where the CT is.
        seed: of everything random in a realistic radiograph.
    """
    camera = paper_camera(study.middle_ras)
    if target in (XrayTarget.DRR, XrayTarget.BONES):
        return (drr_target(study, camera, world_from_ct, "view 1"),)
    if target == XrayTarget.TWO_VIEWS:
        lateral = paper_camera(study.middle_ras, _SECOND_VIEW_DEG)
        return tuple(
            drr_target(study, each, world_from_ct, f"view {number}")
            for number, each in enumerate((camera, lateral), 1)
        )
    return (realistic_target(study, camera.resized((_FINE_PX, _FINE_PX)), world_from_ct, seed),)


def realistic_target(study: StudyCt, camera: Camera, world_from_ct: np.ndarray, seed: int) -> Radiograph:
    """A simulated radiograph, stored as grey values with the tags of a C-arm, prepared as every file is.

    Args:
        study: the CT, with its soft tissue.
        camera: of the fine pixels.
        world_from_ct: (4, 4); where the CT is.
        seed: of dose, scatter, collimation and noise.
    """
    generator = torch.Generator().manual_seed(seed)
    integrals = material_integrals(study.ct, camera, world_from_ct)
    settings = random_acquisition(generator)
    taken = simulate_radiograph(integrals, camera.pixel_spacing_mm, settings, generator)
    # every DICOM file of a C-arm tells whether the logarithm was taken, and which way grey runs
    tags = _TAGS[settings.meaning]
    stored = StoredRadiograph(taken.pixels, "view 1", tags, Path("simulated"), is_dicom=True)
    return attenuation_from_stored(stored, camera)[0]


def random_acquisition(generator: torch.Generator) -> SimulationSettings:
    """Dose, scatter, blades, field and grey scale of one radiograph."""

    def between(low: float, high: float, count: int = 1) -> list[float]:
        return (low + (high - low) * torch.rand(count, generator=generator)).tolist()

    (dose,) = between(*np.log(_PHOTONS_PER_MM2))
    (scatter,) = between(*_SCATTER)
    uneven = between(-_UNEVEN, _UNEVEN, 2)
    blades = between(*_BLADES, 4)
    (turn,) = between(-_BLADE_TURN_DEG, _BLADE_TURN_DEG)
    is_round = between(0.0, 1.0)[0] < _ROUND_SHARE
    meanings = tuple(_TAGS)
    return SimulationSettings(
        photons_per_mm2=float(np.exp(dose)),
        scatter_to_primary=scatter,
        uneven=tuple(uneven),
        collimation=Collimation(
            blades=tuple(blades), angle_deg=turn, circle_radius=1.0 if is_round else None
        ),
        meaning=meanings[int(between(0.0, 1.0)[0] < 0.5)],
    )
