"""Displacement fields: a vector at each voxel that carries a point of the fixed image into the moving image.

Vectors are in mm, RAS; the point x of the fixed image goes to x + u(x). Between voxels vectors are
interpolated linearly; beyond the outermost voxels the outermost vectors continue, as in Slicer's grid
transforms. Everything is differentiable. Indices are formed as grid index plus displacement, so a far origin
costs no precision.
"""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.velocity_field import flow
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class DisplacementField:
    """Map from fixed to moving.

    Attributes:
        vectors: (K, J, I, 3) floating; displacement [mm, RAS].
        geometry: where the vectors lie, in the fixed image's space.

    Raises:
        ValueError: vectors and geometry differ in shape.
    """

    vectors: torch.Tensor
    geometry: VolumeGeometry

    def __post_init__(self) -> None:
        if tuple(self.vectors.shape) != (*self.geometry.shape_kji, 3):
            raise ValueError(
                f"vectors {tuple(self.vectors.shape)} do not fit the geometry {self.geometry.shape_kji}"
            )


def from_linear(
    moving_from_fixed: np.ndarray, geometry: VolumeGeometry, dtype: torch.dtype = torch.float32
) -> DisplacementField:
    """The field of a linear map.

    Args:
        moving_from_fixed: (4, 4) [mm, RAS].
        geometry: grid of the field.
        dtype: of the vectors.

    Returns:
        Field on the CPU.
    """
    difference = (np.asarray(moving_from_fixed, dtype=np.float64) - np.eye(4)) @ geometry.ras_from_ijk
    return DisplacementField(affine_grid(difference, geometry.shape_kji).to(dtype), geometry)


def warp_points(field: DisplacementField, points: torch.Tensor) -> torch.Tensor:
    """Carries points from fixed to moving.

    Args:
        field: the map.
        points: (..., 3) [mm, RAS]; float64 keeps far positions exact.

    Returns:
        (..., 3) [mm, RAS].
    """
    ijk_from_ras = torch.from_numpy(field.geometry.ijk_from_ras).to(points)
    ijk = points @ ijk_from_ras[:3, :3].T + ijk_from_ras[:3, 3]
    return points + vectors_at(field, ijk).to(points.dtype)


def vectors_at(field: DisplacementField, ijk: torch.Tensor) -> torch.Tensor:
    """Interpolated vectors.

    Args:
        field: the map.
        ijk: (..., 3); continuous indices of the field's grid.

    Returns:
        (..., 3) [mm, RAS] of the field's type.
    """
    values = field.vectors.movedim(-1, 0)[None]  # (1, 3, K, J, I)
    return sample(values, ijk[None], padding="border")[0].movedim(0, -1)


def compose(second: DisplacementField, first: DisplacementField) -> DisplacementField:
    """One field that does what `first` and then `second` do: x -> second(first(x)).

    Args:
        second: map from the middle space on; any grid.
        first: map into the middle space.

    Returns:
        Field on the grid of `first`.
    """
    return DisplacementField(
        first.vectors + vectors_at(second, moved_indices(first, second.geometry)), first.geometry
    )


def moved_indices(field: DisplacementField, moving: VolumeGeometry) -> torch.Tensor:
    """Where the voxels of a field arrive.

    Args:
        field: the map.
        moving: grid in the moving image's space.

    Returns:
        (K, J, I, 3); continuous index (i, j, k) of `moving` for each voxel of the field.
    """
    start, index_from_mm = _start_and_scale(field, moving)
    return start + field.vectors @ index_from_mm


def invert(
    field: DisplacementField, iterations: int = 100, tolerance_mm: float = 1e-3
) -> tuple[DisplacementField, torch.Tensor]:
    """Inverse by fixed-point iteration: v(y) = -u(y + v(y)).

    Converges where the field changes by less than the distance (it then does not fold either). The residual
    says where it did not; it is also large where the inverse needs vectors from outside the grid.

    Args:
        field: the map, on one grid that holds fixed and moving space.
        iterations: at most.
        tolerance_mm: stops when no vector changes by more [mm].

    Returns:
        inverse: field on the same grid, moving -> fixed.
        residual_mm: (K, J, I); distance between y and the field applied to the inverse of y [mm].

    Source: Chen et al., "A simple fixed-point approach to invert a deformation field", Medical Physics 2008.
    """
    start, index_from_mm = _start_and_scale(field, field.geometry)
    inverse = -field.vectors
    for _ in range(iterations):
        before, inverse = inverse, -vectors_at(field, start + inverse @ index_from_mm)
        if (inverse - before).detach().norm(dim=-1).max() <= tolerance_mm:
            break
    residual = inverse + vectors_at(field, start + inverse @ index_from_mm)
    return DisplacementField(inverse, field.geometry), residual.norm(dim=-1)


def jacobian_determinant(field: DisplacementField) -> torch.Tensor:
    """Local change of volume: 1 nothing, 2 doubled, at most 0 folded.

    Args:
        field: the map, with at least 2 voxels along each axis.

    Returns:
        (K, J, I); determinant of the derivative of x + u(x) by x, from central differences.
    """
    along_k, along_j, along_i = torch.gradient(field.vectors, dim=(0, 1, 2))
    by_index = torch.stack([along_i, along_j, along_k], dim=-1)  # (K, J, I, 3 components, 3 axes i j k)
    # chain rule: oblique axes and unequal spacings are all in this matrix
    ijk_from_ras = (
        torch.from_numpy(field.geometry.ijk_from_ras[:3, :3]).to(by_index.dtype).to(by_index.device)
    )
    eye = torch.eye(3, dtype=by_index.dtype, device=by_index.device)
    return torch.linalg.det(eye + by_index @ ijk_from_ras)


def exponential(velocity: DisplacementField, squarings: int | None = None) -> DisplacementField:
    """Flow of a stationary velocity field over unit time: a map that does not fold.

    Args:
        velocity: vectors are velocities [mm per unit time].
        squarings: number of halvings; None takes enough for a first step below half a voxel.

    Returns:
        Field on the same grid. Its inverse is the exponential of the negative velocity.

    Source: `velocity_field.flow`.
    """
    return DisplacementField(flow(velocity.vectors[None], velocity.geometry, squarings)[0], velocity.geometry)


def _start_and_scale(field: DisplacementField, moving: VolumeGeometry) -> tuple[torch.Tensor, torch.Tensor]:
    """Indices of `moving` at the voxels (K, J, I, 3), and (3, 3) from vectors to index differences."""
    vectors = field.vectors
    start = affine_grid(moving.ijk_from_ras @ field.geometry.ras_from_ijk, field.geometry.shape_kji)
    index_from_mm = torch.from_numpy(moving.ijk_from_ras[:3, :3].T.copy())
    return start.to(vectors.dtype).to(vectors.device), index_from_mm.to(vectors.dtype).to(vectors.device)
