"""Fits an atlas to another CT by their labels: the shapes that a deformation model learns from."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.spline_grid import linear_matrices, on_grid, spline_matrices
from DeepRegistrationLib.geometry.velocity_field import flow
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.deformation_model import AtlasMap, DeformationNumbers
from DeepRegistrationLib.optimize.lbfgs import minimize_lbfgs

_SQUARINGS = 4
_UNEXPLAINED_MM3 = 15.0
"""Volume that labels may differ by for as much as one standard deviation of one number costs."""


@dataclass(frozen=True, eq=False)
class LabelledGrid:
    """Shares of labels on a grid.

    Attributes:
        channels: (1, C, K, J, I) in [0, 1]; one for each label.
        geometry: of the grid.
    """

    channels: torch.Tensor
    geometry: VolumeGeometry


def fit_labels(
    atlas: LabelledGrid,
    subject: LabelledGrid,
    bent: AtlasMap,
    flow_grid: VolumeGeometry,
    iterations: tuple[int, int] = (50, 100),
    watch: Callable[[int, float], None] = lambda iteration, cost: None,
) -> DeformationNumbers:
    """Numbers of the map that lays the labels of an atlas on those of a subject.

    Args:
        atlas: equal voxels along the atlas's axes.
        subject: the same labels of another patient, any grid.
        bent: the maps there are; its world is the subject's RAS.
        flow_grid: where velocities are integrated, along the atlas's axes.
        iterations: at most, for pose and stretch, and then for everything.
        watch: follows and can stop.
    """
    grid = atlas.geometry
    matrices = spline_matrices(bent.model.control, flow_grid)
    upwards = linear_matrices(flow_grid, grid)
    places = affine_grid(grid.ras_from_ijk, grid.shape_kji)  # (K, J, I, 3) float64
    own_index = affine_grid(np.eye(4), grid.shape_kji).float()
    index_from_mm = torch.from_numpy(grid.ijk_from_ras[:3, :3].T.copy()).float()
    subject_index = torch.from_numpy(subject.geometry.ijk_from_ras)
    numbers = DeformationNumbers.zeros(bent.model)

    def cost(parts: dict[str, torch.Tensor], bending: bool) -> torch.Tensor:
        found = DeformationNumbers(**(numbers.blocks() | parts))
        back = subject_index @ torch.linalg.inv(bent.atlas_from_world(found))
        ijk = places @ back[:3, :3].T + back[:3, 3]
        there = sample(subject.channels, ijk[None].float())
        here = atlas.channels
        if bending:
            moved = flow(bent.velocity(found, matrices)[None], flow_grid, _SQUARINGS)[0]
            here = sample(here, (own_index + on_grid(moved, upwards) @ index_from_mm)[None])
        unlike = (here - there).square().sum() * grid.voxel_volume_mm3 / _UNEXPLAINED_MM3
        return unlike.double() + 0.5 * sum(part.square().sum() for part in parts.values())

    stages = (("pose", "stretch"), ("pose", "stretch", "modes", "local"))
    for names, most in zip(stages, iterations, strict=True):
        start = {name: part for name, part in numbers.blocks().items() if name in names and part.numel()}
        found = minimize_lbfgs(
            lambda parts, bending="local" in names: cost(parts, bending), start, most, watch
        )
        numbers = DeformationNumbers(**(numbers.blocks() | found))
    return numbers
