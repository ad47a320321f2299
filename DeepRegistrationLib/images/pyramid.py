"""Smoothing, and coarser versions of a volume.

Along each axis smoothing and interpolation are one small matrix, so a level is three matrix products.
"""

from collections.abc import Sequence

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume

FWHM_PER_SIGMA = float(2 * np.sqrt(2 * np.log(2)))
"""Full width at half maximum of a Gaussian with standard deviation 1."""


def smooth(volume: Volume, sigma_mm: float) -> Volume:
    """Convolves with a Gaussian; at the border the weights that remain are normalized.

    Args:
        volume: image.
        sigma_mm: standard deviation [mm], the same in all directions. 0 changes nothing.

    Returns:
        Volume on the same grid.
    """
    gauss = [
        _gauss(n, sigma_mm / spacing)
        for n, spacing in zip(volume.geometry.size_ijk, volume.geometry.spacing_mm, strict=True)
    ]
    return volume.with_values(_along_axes(volume.values, gauss))


def downsample(volume: Volume, spacing_mm: float | Sequence[float]) -> Volume:
    """The same field of view with other voxel sizes, smoothed as much as the coarser axes need.

    Centre and directions stay. Where the new voxel is larger, the width of the Gaussian turns the old voxel's
    point-spread function into the new one's; where it is smaller, only interpolation happens.

    Args:
        volume: image.
        spacing_mm: new voxel size [mm], or one each along i, j, k.

    Returns:
        Volume with `spacing_mm` exactly.

    Source: Cardoso et al., "Scale factor point spread function matching", MICCAI 2015.
    """
    geometry = volume.geometry
    target = with_spacing(geometry, spacing_mm)
    matrices = []
    for axis in range(3):
        old, new = geometry.spacing_mm[axis], target.spacing_mm[axis]
        count, new_count = geometry.size_ijk[axis], target.size_ijk[axis]
        sigma = np.sqrt(max(new**2 - old**2, 0.0)) / FWHM_PER_SIGMA / old  # voxels
        positions = (count - 1) / 2 + (np.arange(new_count) - (new_count - 1) / 2) * new / old
        matrices.append(_linear(positions, count) @ _gauss(count, sigma))
    return Volume(_along_axes(volume.values, matrices), target, volume.name)


def pyramid(volume: Volume, spacings_mm: Sequence[float]) -> list[Volume]:
    """`downsample` to each of several isotropic voxel sizes [mm], in the order given."""
    return [downsample(volume, spacing) for spacing in spacings_mm]


def with_spacing(geometry: VolumeGeometry, spacing_mm: float | Sequence[float]) -> VolumeGeometry:
    """The grid with other voxel sizes that covers the same field of view about the same centre.

    Args:
        geometry: the grid.
        spacing_mm: new voxel size [mm], or one each along i, j, k.

    Returns:
        Grid with the same centre and directions, up to one voxel larger than before.

    Raises:
        ValueError: a spacing is not positive.
    """
    spacing = np.broadcast_to(np.asarray(spacing_mm, dtype=np.float64), (3,))
    if not np.all(spacing > 0):
        raise ValueError(f"voxel sizes must be positive, got {spacing.tolist()} mm")
    # 1e-6: an extent that is a whole number of new voxels must not gain one by rounding
    size = np.maximum(1, np.ceil(geometry.extent_mm / spacing - 1e-6)).astype(int)
    matrix = np.eye(4)
    matrix[:3, :3] = geometry.ras_from_ijk[:3, :3] / geometry.spacing_mm * spacing
    matrix[:3, 3] = geometry.centre_ras - matrix[:3, :3] @ ((size - 1) / 2)
    return VolumeGeometry(tuple(size[::-1]), matrix)


def _gauss(count: int, sigma: float) -> np.ndarray:
    """(n, n); row = weights that smooth one voxel. `sigma` in voxels."""
    if sigma <= 0:
        return np.eye(count)
    distance = np.arange(count)[:, None] - np.arange(count)
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    return weights / weights.sum(1, keepdims=True)


def _linear(positions: np.ndarray, count: int) -> np.ndarray:
    """(m, n); row = weights that interpolate at one continuous index; clamped to the outermost voxels."""
    positions = np.clip(positions, 0, count - 1)
    return np.maximum(0, 1 - np.abs(positions[:, None] - np.arange(count)))


def _along_axes(values: torch.Tensor, matrices_ijk: list[np.ndarray]) -> torch.Tensor:
    """Applies one matrix along i, j and k of values (K, J, I)."""
    values = values if values.is_floating_point() else values.float()
    along_i, along_j, along_k = (
        torch.tensor(m, dtype=values.dtype, device=values.device) for m in matrices_ijk
    )
    values = values @ along_i.T  # (K, J, I')
    values = along_j @ values  # (K, J', I')
    return torch.tensordot(along_k, values, dims=1)  # (K', J', I')
