"""Targets for DeepNet as an X-ray machine takes them: spectrum, scatter, noise, collimation."""

import torch

from DeepRegistrationLib.geometry.detector_rays import DetectorRays
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.projection.materials import material_densities
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from DeepRegistrationLib.projection.radiograph_simulation import simulate_radiograph
from DeepRegistrationLib.projection.random_simulation import random_simulation

_PER_CM = 0.1
"""Densities are per cm^3, the projector measures in mm."""


def realistic_targets(
    in_water: torch.Tensor,
    geometry: VolumeGeometry,
    rays: DetectorRays,
    poses: torch.Tensor,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Radiographs of a patient, each taken with random settings.

    Args:
        in_water: (K, J, I); attenuation in units of water's, 0 in air.
        geometry: of the patient.
        rays: of one C-arm.
        poses: (P, 4, 4); world from patient.
        generator: source of randomness, on the device of everything else.

    Returns:
        negative logarithm of the signal (P, rows, columns), with scatter and noise; mask (P, rows, columns)
        bool, True where the collimator lets the X-rays through.
    """
    densities = material_densities(1000 * (in_water - 1))  # HU; (3, K, J, I) [g/cm^3]
    step = ProjectionSettings(step_mm=float(geometry.spacing_mm.min()))
    integrals = _PER_CM * project(densities[None], geometry, rays, poses, step)
    spacing_mm = (float(rays.column_step[0].norm()), float(rays.row_step[0].norm()))
    images, masks = [], []
    for one in integrals:
        taken = simulate_radiograph(one, spacing_mm, random_simulation(generator), generator)
        images.append(taken.measured)
        # blades that leave nothing open tell nothing about the pose
        masks.append(taken.field if bool(taken.field.any()) else torch.ones_like(taken.field))
    return torch.stack(images), torch.stack(masks)
