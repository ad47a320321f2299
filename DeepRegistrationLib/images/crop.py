"""Keeping only the part of a volume that matters."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume

Box = tuple[slice, slice, slice]
"""Slices along k, j, i."""


def box_around(inside: torch.Tensor, geometry: VolumeGeometry, margin_mm: float) -> Box:
    """Smallest box around what is marked, with a margin, within the grid.

    Args:
        inside: (K, J, I) bool; at least one voxel is True.
        geometry: grid of `inside`.
        margin_mm: added on every side [mm].

    Returns:
        Slices along k, j, i.
    """
    slices = []
    for axis, spacing_mm in enumerate(geometry.spacing_mm[::-1]):
        others = [other for other in range(3) if other != axis]
        present = torch.nonzero(inside.any(dim=others[1]).any(dim=others[0])).flatten()
        margin = int(np.ceil(margin_mm / spacing_mm))
        last = min(int(present[-1]) + margin + 1, inside.shape[axis])
        slices.append(slice(max(int(present[0]) - margin, 0), last))
    return slices[0], slices[1], slices[2]


def cropped(volume: Volume, box: Box) -> Volume:
    """The voxels within a box, at the same positions."""
    return Volume(volume.values[box], cropped_geometry(volume.geometry, box), volume.name)


def cropped_geometry(geometry: VolumeGeometry, box: Box) -> VolumeGeometry:
    """The grid of the voxels within a box."""
    first_ijk = np.array([part.start for part in box[::-1]], dtype=np.float64)
    ras_from_ijk = geometry.ras_from_ijk.copy()
    ras_from_ijk[:3, 3] += ras_from_ijk[:3, :3] @ first_ijk
    return VolumeGeometry(tuple(part.stop - part.start for part in box), ras_from_ijk)


def reached_box(seen: VolumeGeometry, target: VolumeGeometry, seen_from_target: np.ndarray) -> Box | None:
    """The voxels of one grid that may see another one.

    Args:
        seen: grid that is sampled.
        target: grid whose voxels sample it.
        seen_from_target: (4, 4); RAS of `seen` from RAS of `target` [mm].

    Returns:
        Slices of `target` along k, j, i; None if it sees nothing.
    """
    # the outermost voxel edges, one voxel more against rounding
    low, high = np.full(3, -1.5), seen.size_ijk + 0.5
    corners = np.array([np.where(bits, high, low) for bits in np.ndindex(2, 2, 2)])
    target_from_seen = np.linalg.inv(seen.ijk_from_ras @ seen_from_target @ target.ras_from_ijk)
    reached = corners @ target_from_seen[:3, :3].T + target_from_seen[:3, 3]
    first = np.clip(np.floor(reached.min(0)), 0, target.size_ijk).astype(int)[::-1]
    last = np.clip(np.ceil(reached.max(0)) + 1, 0, target.size_ijk).astype(int)[::-1]
    if np.any(last <= first):
        return None
    k, j, i = (slice(int(start), int(stop)) for start, stop in zip(first, last, strict=True))
    return k, j, i
