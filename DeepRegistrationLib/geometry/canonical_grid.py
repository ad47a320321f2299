"""The cube and the square in which networks see a brain: about its centre, in units of its radius.

The radius is that of the ball with the brain's volume, so that every age has the same size.
"""

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

HALF_EDGE = 1.5
"""From the centre to the first and to the last voxel centre [brain radii]: no brain reaches further."""

STORED_SIZE = 48
"""Voxels along each edge of the cube in which brains are kept before networks see them, turned and smaller;
2.2 mm at week 28."""


def cube_offsets(size: int, device: torch.device | None = None, half_edge: float = HALF_EDGE) -> torch.Tensor:
    """(n, n, n, 3) float32; offset (x, y, z) of each voxel from the centre [brain radii], order k, j, i."""
    line = torch.linspace(-half_edge, half_edge, size, device=device)
    return torch.stack(torch.meshgrid(line, line, line, indexing="ij")[::-1], -1)


def square_offsets(
    size: int, device: torch.device | None = None, half_edge: float = HALF_EDGE
) -> torch.Tensor:
    """(n, n, 2) float32; offset (u, v) of each pixel from the centre [brain radii], order j, i."""
    line = torch.linspace(-half_edge, half_edge, size, device=device)
    return torch.stack(torch.meshgrid(line, line, indexing="ij")[::-1], -1)


def cube_index(offsets: torch.Tensor, size: int, half_edge: float = HALF_EDGE) -> torch.Tensor:
    """(..., 3); continuous index (i, j, k) in a cube of n^3 of offsets (..., 3) [brain radii]."""
    return (offsets + half_edge) * ((size - 1) / (2 * half_edge))


def cube_geometry(
    size: int, radius_mm: float, ras_from_brain: np.ndarray, half_edge: float = HALF_EDGE
) -> VolumeGeometry:
    """The cube as a grid in the patient's space.

    Args:
        size: voxels along each edge, at least 2.
        radius_mm: radius of the brain [mm].
        ras_from_brain: (4, 4); rotation and centre of the brain [mm, RAS].
        half_edge: from the centre to the outermost voxel centres [brain radii].

    Returns:
        Grid of n^3 voxels.
    """
    spacing_mm = 2 * half_edge * radius_mm / (size - 1)
    brain_from_ijk = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    brain_from_ijk[:3, 3] = -half_edge * radius_mm
    return VolumeGeometry((size, size, size), ras_from_brain @ brain_from_ijk)
