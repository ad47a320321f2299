"""Loss of the biplanar registration: volumes alike, a smooth field; masks and projections if wanted."""

import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

_TINY = 1e-6


def volume_correlation(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Normalized cross correlation of whole volumes or images.

    Args:
        first: (B, C, ...) floating.
        second: the same shape.

    Returns:
        (B,) in [-1, 1]; 0 for a constant image.

    Source: Van Houtte et al., 2022, loss function.
    """
    first, second = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (first, second))
    norms = (first.square().sum(1) * second.square().sum(1)).clamp_min(_TINY**2).sqrt()
    return (first * second).sum(1) / norms


def smoothness(displacement: torch.Tensor, geometry: VolumeGeometry) -> torch.Tensor:
    """Mean squared change of a displacement from voxel to voxel, per mm.

    Args:
        displacement: (B, K, J, I, 3) [mm].
        geometry: its grid; unequal voxels count by their length.

    Returns:
        (B,), without a unit; 0 for a shift.

    Source: Balakrishnan et al., "VoxelMorph", IEEE TMI 2019, eq. 4, by mm instead of voxels.
    """
    along = zip((1, 2, 3), geometry.spacing_mm[::-1], strict=True)
    parts = [(displacement.diff(dim=axis) / float(mm)).square().flatten(1).mean(1) for axis, mm in along]
    return sum(parts)


def soft_dice(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(B,); Dice of shares in [0, 1], (B, C, ...) each; 1 for equal masks."""
    common = (first * second).flatten(1).sum(1)
    return (2 * common + _TINY) / ((first + second).flatten(1).sum(1) + _TINY)
