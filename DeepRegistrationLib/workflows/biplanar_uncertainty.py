"""Where the radiographs leave a bone open: the spread of maps that match them about as well."""

from dataclasses import replace

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_atlas import BendableAtlas
from DeepRegistrationLib.geometry.displacement import DisplacementField, moved_indices
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.spline_grid import on_grid, spline_matrices
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.biplanar_fit import BiplanarFit
from DeepRegistrationLib.optimize.deformation_model import AtlasMap, DeformationNumbers

_STEP = 0.05
_GRID_MM = 8.0
_PIXELS_PER_SAMPLE = 3.0
"""What is left of a radiograph is structured: so many pixels count as one, beyond what their weights say."""


def uncertainty_map(
    atlas: BendableAtlas,
    fit: BiplanarFit,
    bent: AtlasMap,
    deformation: DisplacementField,
) -> Volume:
    """Standard deviation of the place of each point of the bone.

    The cost is a sum of squares about the answer: its curvature, with the prior's, is the inverse covariance
    of pose, proportions and modes. What goes beyond the modes is not counted.

    Args:
        atlas: prepared.
        fit: the answer.
        bent: meaning of its numbers.
        deformation: world -> atlas; the result is on its grid.

    Returns:
        Volume [mm]; root of the summed variances of the three directions.

    Source: Laplace's approximation of the posterior.
    """
    with torch.no_grad():
        names = [name for name in ("pose", "stretch", "modes") if fit.numbers.blocks()[name].numel()]
        grid = atlas.grid(_GRID_MM)
        base, base_points = fit.objective.residuals(fit.numbers), _places(bent, fit.numbers, grid)
        columns, moved = [], []
        for name in names:
            for index in range(fit.numbers.blocks()[name].numel()):
                changed = fit.numbers.blocks()[name].clone()
                changed.view(-1)[index] += _STEP
                numbers = replace(fit.numbers, **{name: changed})
                columns.append((fit.objective.residuals(numbers) - base) / _STEP)
                moved.append((_places(bent, numbers, grid) - base_points) / _STEP)
        jacobian = torch.stack(columns, -1).double()  # (R, P)
        precision = jacobian.T @ jacobian / _PIXELS_PER_SAMPLE + torch.eye(
            jacobian.shape[1], dtype=torch.float64
        )
        covariance = torch.linalg.inv(precision)
        directions = torch.stack(moved, -1)  # (K, J, I, 3, P)
        variance = torch.einsum("kjicp,pq,kjicq->kji", directions, covariance, directions)
        ijk = moved_indices(deformation, grid)[None]
        values = sample(variance.clamp(min=0).sqrt().float()[None, None], ijk, padding="border")[0, 0]
        return Volume(values, deformation.geometry, "uncertainty")


def _places(bent: AtlasMap, numbers: DeformationNumbers, grid: VolumeGeometry) -> torch.Tensor:
    """(K, J, I, 3) float64; where voxels of the atlas lie in the world, to first order."""
    world_from_atlas = torch.from_numpy(np.linalg.inv(bent.atlas_from_world(numbers).numpy()))
    velocity = on_grid(bent.coefficients(numbers).float(), spline_matrices(bent.model.control, grid)).double()
    points = affine_grid(grid.ras_from_ijk, grid.shape_kji) - velocity
    return points @ world_from_atlas[:3, :3].T + world_from_atlas[:3, 3]
