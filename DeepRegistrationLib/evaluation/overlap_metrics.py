"""How well two label maps or two images agree voxel by voxel: Dice, Jaccard, structural similarity."""

from dataclasses import dataclass

import torch
from monai.metrics import SSIMMetric, compute_dice, compute_iou

_WINDOW = 11
"""Edge of the window of the structural similarity [voxels]; that of its authors."""


@dataclass(frozen=True)
class Overlap:
    """Agreement of two shapes on one grid.

    Attributes:
        dice: twice the common volume over the sum of the volumes, 0 to 1.
        jaccard: common volume over the volume of both together, 0 to 1.
    """

    dice: float
    jaccard: float


def overlap(found: torch.Tensor, reference: torch.Tensor) -> Overlap:
    """Dice and Jaccard of two masks.

    Args:
        found: (K, J, I); not 0 is inside.
        reference: (K, J, I); the same grid; at least one voxel is inside.

    Raises:
        ValueError: other shapes, or an empty reference, of which no share can be found.
    """
    if found.shape != reference.shape or not bool((reference != 0).any()):
        raise ValueError(
            f"needs one grid and a reference with a voxel; got {tuple(found.shape)}, {tuple(reference.shape)}"
        )
    first, second = ((mask != 0)[None, None].float() for mask in (found, reference))
    return Overlap(float(compute_dice(first, second)), float(compute_iou(first, second)))


def structural_similarity(found: torch.Tensor, reference: torch.Tensor, value_range: float) -> float:
    """Mean structural similarity of two volumes.

    Args:
        found: (K, J, I) floating.
        reference: (K, J, I) floating; at least 11 voxels along each axis.
        value_range: difference of the largest and the smallest value that images of this kind have; the
            same for all pairs that are compared.

    Returns:
        1 for equal images.

    Raises:
        ValueError: other shapes, or images smaller than the window.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE TIP
        2004, eq. 13, with a Gaussian window of 11 voxels and standard deviation 1.5.
    """
    if found.shape != reference.shape or found.ndim != 3 or min(found.shape) < _WINDOW:
        raise ValueError(
            f"needs two volumes of one shape, {_WINDOW} voxels at least; got {tuple(found.shape)}, "
            f"{tuple(reference.shape)}"
        )
    metric = SSIMMetric(spatial_dims=3, data_range=value_range, win_size=_WINDOW)
    return float(metric(found[None, None].float(), reference[None, None].float()))
