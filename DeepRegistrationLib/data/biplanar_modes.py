"""Modes of a shape model as displacements at control points: what the regressing network weights."""

from dataclasses import replace

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.affine_and_flow import AffineAndFlow
from DeepRegistrationLib.geometry.spline_grid import spline_matrices
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.deformation_model import AtlasMap, DeformationModel, DeformationNumbers

PROPORTIONS = 6
"""Modes of stretch; they come before those of shape."""


def control_geometry(whole: VolumeGeometry, shape_kji: tuple[int, int, int]) -> VolumeGeometry:
    """Control points over a grid, from its first voxel to its last along each axis."""
    scale = (whole.size_ijk - 1) / np.maximum(np.array(shape_kji[::-1]) - 1, 1)
    ras_from_ijk = whole.ras_from_ijk.copy()
    ras_from_ijk[:3, :3] *= scale
    return VolumeGeometry(shape_kji, ras_from_ijk)


def displacement_modes(
    model: DeformationModel, control: VolumeGeometry, centre_ras: np.ndarray, count: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and modes of a model of velocities, linearized where they deform by one standard deviation.

    Args:
        model: of velocities, with its proportions.
        control: where displacements are wanted; its axes are those of the model.
        centre_ras: (3,); about which the model stretches [mm, atlas RAS].
        count: number M of modes: 6 of proportions, then the largest of shape.

    Returns:
        (3, k, j, i); mean displacement of points of the atlas's frame [mm, RAS].
        (M, 3, k, j, i); half the difference of the displacements at +1 and -1 standard deviation [mm, RAS].

    Raises:
        InputError: the model has fewer modes.
    """
    known = PROPORTIONS + model.count
    if not PROPORTIONS <= count <= known:
        raise InputError(
            f"The shape model has {known} modes ({PROPORTIONS} of proportions, {model.count} of shape), the "
            f"network weights {count}. Set 'modes' to a number from {PROPORTIONS} to {known}."
        )
    bent = AtlasMap(model, np.eye(4), centre_ras)
    numbers = DeformationNumbers.zeros(model)
    matrices = spline_matrices(model.control, control)

    def displaced(changed: DeformationNumbers) -> torch.Tensor:
        stretch = bent.atlas_from_world(changed).numpy()
        moved = AffineAndFlow(np.linalg.inv(stretch), -bent.velocity(changed, matrices), control)
        return moved.inverse(control).vectors.movedim(-1, 0)

    modes = []
    for mode in range(count):
        block, number = ("stretch", mode) if mode < PROPORTIONS else ("modes", mode - PROPORTIONS)
        sides = []
        for sign in (1.0, -1.0):
            values = torch.zeros_like(numbers.blocks()[block])
            values[number] = sign
            sides.append(displaced(replace(numbers, **{block: values})))
        modes.append((sides[0] - sides[1]) / 2)
    return displaced(numbers), torch.stack(modes)
