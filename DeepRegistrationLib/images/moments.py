"""Volume, centre of gravity and principal axes of a mask or an image."""

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.volume import Volume


def volume_mm3(mask: Volume) -> float:
    """Volume [mm^3] of the voxels of a mask that are not zero."""
    return int(torch.count_nonzero(mask.values)) * mask.geometry.voxel_volume_mm3


def centre_of_gravity_ras(volume: Volume, mask: Volume | None = None) -> np.ndarray:
    """Mean position, weighted by the values.

    Args:
        volume: mask, or image with values >= 0 (negative ones count as zero).
        mask: only its voxels that are not zero count; on the same grid.

    Returns:
        (3,) float64 [mm, RAS].

    Raises:
        InputError: nothing has a positive value.
    """
    mean_ijk, _ = _moments_ijk(volume, mask)
    return volume.geometry.ras_from_ijk[:3, :3] @ mean_ijk + volume.geometry.ras_from_ijk[:3, 3]


def principal_axes_ras(volume: Volume, mask: Volume | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Directions along which the weight spreads most, second and least.

    An axis has no sign of its own: here the largest component of the first two is positive and the third
    completes a right-handed frame. The three half turns about the axes describe the same spread.

    Args:
        volume: mask, or image with values >= 0 (negative ones count as zero).
        mask: only its voxels that are not zero count; on the same grid.

    Returns:
        axes: (3, 3) float64, a rotation; columns are unit vectors in RAS, longest spread first.
        deviation_mm: (3,) float64; standard deviation along each axis [mm].

    Raises:
        InputError: nothing has a positive value.
    """
    _, covariance_ijk = _moments_ijk(volume, mask)
    linear = volume.geometry.ras_from_ijk[:3, :3]
    variances, axes = np.linalg.eigh(linear @ covariance_ijk @ linear.T)
    variances, axes = variances[::-1], axes[:, ::-1].copy()
    for column in range(2):
        axes[:, column] *= np.sign(axes[np.abs(axes[:, column]).argmax(), column])
    axes[:, 2] = np.cross(axes[:, 0], axes[:, 1])
    return axes, np.sqrt(np.maximum(variances, 0.0))


def _moments_ijk(volume: Volume, mask: Volume | None) -> tuple[np.ndarray, np.ndarray]:
    """Mean (3,) and covariance (3, 3) of the index (i, j, k), from projections: no grid of positions."""
    weights = volume.values.clamp(min=0)
    if mask is not None:
        weights = weights * (mask.values != 0)
    # sums of millions of voxels need float64, which not every device has
    weights = weights.cpu()
    jk, ik, ij = (weights.sum(axis, dtype=torch.float64).numpy() for axis in (2, 1, 0))
    total = float(jk.sum())
    if not total > 0:
        raise InputError(
            f"'{volume.name}' has no voxel above zero{' inside its mask' if mask is not None else ''}, "
            "so it has no centre. Choose another image or mask."
        )
    i, j, k = (np.arange(n, dtype=np.float64) for n in volume.geometry.size_ijk)
    mean = np.array([ij.sum(0) @ i, ij.sum(1) @ j, jk.sum(1) @ k]) / total
    i, j, k = i - mean[0], j - mean[1], k - mean[2]
    covariance = np.empty((3, 3))
    covariance[0, 0], covariance[1, 1], covariance[2, 2] = (
        ij.sum(0) @ i**2, ij.sum(1) @ j**2, jk.sum(1) @ k**2,
    )  # fmt: skip
    covariance[0, 1] = covariance[1, 0] = j @ ij @ i
    covariance[0, 2] = covariance[2, 0] = k @ ik @ i
    covariance[1, 2] = covariance[2, 1] = k @ jk @ j
    return mean, covariance / total
