"""Smooth vector fields from few control points: cubic B-splines, and linear interpolation, axis by axis.

Grids that share their axes are products of three lines: a field is brought from one to the other by three
small matrices, much faster than by looking up every point, and differentiable.
"""

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

_ALIGNED = 1e-6
AxisMatrices = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Along k, j and i: (fine voxels, control points) each."""


def grid_over(
    whole: VolumeGeometry, low_ijk: np.ndarray, high_ijk: np.ndarray, spacing_mm: float, border: int = 0
) -> VolumeGeometry:
    """A grid with equal voxels along the axes of another one, over a box of it.

    Args:
        whole: tells axes and place.
        low_ijk: (3,); first corner of the box, as an index of `whole`.
        high_ijk: (3,); last corner.
        spacing_mm: of the result along all axes.
        border: voxels that are added at each side.
    """
    directions = whole.ras_from_ijk[:3, :3] / whole.spacing_mm
    extent_mm = (np.asarray(high_ijk, dtype=np.float64) - low_ijk) * whole.spacing_mm
    size = np.ceil(extent_mm / spacing_mm).astype(int) + 1
    middle = whole.ras_from_ijk[:3, :3] @ ((np.asarray(low_ijk) + high_ijk) / 2) + whole.ras_from_ijk[:3, 3]
    size = size + 2 * border
    ras_from_ijk = np.eye(4)
    ras_from_ijk[:3, :3] = directions * spacing_mm
    ras_from_ijk[:3, 3] = middle - ras_from_ijk[:3, :3] @ ((size - 1) / 2)
    return VolumeGeometry(tuple(int(n) for n in size[::-1]), ras_from_ijk)


def spline_matrices(control: VolumeGeometry, grid: VolumeGeometry) -> AxisMatrices:
    """Weights of control points at the voxels of a grid: cubic B-splines.

    Beyond the outermost control points the field falls to zero.

    Args:
        control: where the coefficients are.
        grid: where the field is wanted; its axes are those of `control`.

    Raises:
        ValueError: other axes.

    Source: Rueckert et al., "Nonrigid registration using free-form deformations", IEEE TMI 1999, eq. 2.
    """
    return _matrices(control, grid, _cubic)


def linear_matrices(coarse: VolumeGeometry, grid: VolumeGeometry) -> AxisMatrices:
    """The same with linear interpolation between the values at the voxels of a coarse grid."""
    return _matrices(coarse, grid, lambda distance: (1 - distance).clamp(min=0))


def on_grid(coefficients: torch.Tensor, matrices: AxisMatrices) -> torch.Tensor:
    """A field on the grid that the matrices were made for.

    Args:
        coefficients: (..., k, j, i, C) at control points or coarse voxels.
        matrices: of `spline_matrices` or `linear_matrices`.

    Returns:
        (..., K, J, I, C).
    """
    along_k, along_j, along_i = (m.to(coefficients) for m in matrices)
    field = torch.einsum("Ii,...kjic->...kjIc", along_i, coefficients)
    field = torch.einsum("Jj,...kjic->...kJic", along_j, field)
    return torch.einsum("Kk,...kjic->...Kjic", along_k, field)


def _matrices(control: VolumeGeometry, grid: VolumeGeometry, weight: object) -> AxisMatrices:
    map_ijk = control.ijk_from_ras @ grid.ras_from_ijk
    scale = np.diag(map_ijk)[:3]
    if np.abs(map_ijk[:3, :3] - np.diag(scale)).max() > _ALIGNED * np.abs(scale).max():
        raise ValueError("the two grids have different axes")
    found = []
    for axis, size, count in zip((2, 1, 0), grid.shape_kji, control.shape_kji, strict=True):
        position = map_ijk[axis, 3] + scale[axis] * torch.arange(size, dtype=torch.float64)
        if weight is not _cubic:
            position = position.clamp(0, count - 1)
        found.append(weight((position[:, None] - torch.arange(count, dtype=torch.float64)).abs()).float())
    return tuple(found)


def _cubic(distance: torch.Tensor) -> torch.Tensor:
    near = 2 / 3 - distance.square() + distance**3 / 2
    far = (2 - distance) ** 3 / 6
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(far)))
