"""Stationary velocity fields: what is integrated becomes a map that does not fold and has an inverse.

Vectors are in mm per unit time, RAS, at the voxels of a grid, and continue beyond its outermost voxels.
Everything is batched and differentiable: a network's output goes in, displacements come out.
"""

import math

import torch

from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry


def flow(velocity: torch.Tensor, geometry: VolumeGeometry, squarings: int | None = None) -> torch.Tensor:
    """Displacement after unit time: scaling and squaring.

    The first step is taken by the midpoint rule, whose error falls with the square of the step; then the step
    is composed with itself again and again. The inverse is the flow of the negative velocity.

    Args:
        velocity: (B, K, J, I, 3) floating; [mm per unit time, RAS].
        geometry: where the vectors lie; oblique and unequal voxels are allowed.
        squarings: number of halvings; None takes enough for a first step below half a voxel. A fixed number
            makes equal inputs of a batch equal in every batch.

    Returns:
        (B, K, J, I, 3); the point x goes to x + u(x) [mm, RAS].

    Raises:
        ValueError: vectors that do not fit the grid.

    Source: Arsigny et al., "A log-Euclidean framework for statistics on diffeomorphisms", MICCAI 2006.
    """
    if velocity.ndim != 5 or tuple(velocity.shape[1:]) != (*geometry.shape_kji, 3):
        raise ValueError(f"velocity {tuple(velocity.shape)} does not fit the grid {geometry.shape_kji}")
    if squarings is None:
        squarings = squarings_for(velocity, geometry)
    start, index_from_mm = index_frame(geometry, velocity)
    midpoint = start + (velocity / 2 ** (squarings + 1)) @ index_from_mm
    step = _at(velocity, midpoint) / 2**squarings
    for _ in range(squarings):
        step = step + _at(step, start + step @ index_from_mm)
    return step


def squarings_for(velocity: torch.Tensor, geometry: VolumeGeometry) -> int:
    """Halvings after which the longest vector is below half of the smallest voxel edge."""
    largest = velocity.detach().norm(dim=-1).max().item()
    half_voxel = 0.5 * float(geometry.spacing_mm.min())
    return max(0, math.ceil(math.log2(max(largest, half_voxel) / half_voxel)))


def index_frame(geometry: VolumeGeometry, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """What turns displacements into indices of their own grid.

    Args:
        geometry: the grid.
        like: has the type and device wanted.

    Returns:
        (K, J, I, 3); index (i, j, k) of each voxel. (3, 3); index differences are vectors @ this matrix.
    """
    start = affine_grid(torch.eye(4, dtype=torch.float64).numpy(), geometry.shape_kji)
    index_from_mm = torch.from_numpy(geometry.ijk_from_ras[:3, :3].T.copy())
    return start.to(like), index_from_mm.to(like)


def _at(vectors: torch.Tensor, ijk: torch.Tensor) -> torch.Tensor:
    """(B, K, J, I, 3); vectors at continuous indices, linear between voxels."""
    return sample(vectors.movedim(-1, 1), ijk, padding="border").movedim(1, -1)
