"""Ultrasound images freed of gain, depth gain and shadows: what is left are edges and texture."""

import torch
import torch.nn.functional as F

_WINDOW = 0.14
"""Edge of the neighbourhood, relative to the image."""
_FLAT = 0.02
"""Deviation that counts as nothing; grey values reach from 0 to 1."""
_LARGEST = 3.0
_SPECKLE = 5
"""Pixels; on 128 pixels a few grains of speckle."""


def locally_normalized(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Each pixel less the mean of its neighbourhood, in units of the neighbourhood's deviation.

    A gain that varies smoothly with place and depth, and a different brightness, leave no trace. The
    neighbourhood is two box means after each other, nearly round, so that a turned image stays the turned
    image.

    Args:
        images: (B, C, n, n) float; about 0 to 1.
        mask: (B or 1, 1, n, n) float; 1 where pixels count.

    Returns:
        (B, C, n, n); within -3..3, 0 outside the mask.
    """
    width = 2 * round(_WINDOW * images.shape[-1] / 2) + 1
    weight = _box(mask, width).clamp(min=1e-3)
    centred = images - _box(images * mask, width) / weight
    deviation = (_box(centred.square() * mask, width) / weight).clamp(min=0).sqrt()
    return (centred / (deviation + _FLAT)).clamp(-_LARGEST, _LARGEST) * mask


def fine_texture(images: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Speckle alone: each pixel against the 5 x 5 around it.

    Speckle changes within a fraction of the beam's width out of plane, while edges of organs stay: two frames
    whose edges fit and whose speckle does not were taken at different places.

    Args:
        images: (B, C, n, n) float; about 0 to 1.
        mask: (B or 1, 1, n, n) float.

    Returns:
        (B, C, n, n); within -3..3, 0 outside the mask.

    Source: Chen et al., "Determination of scan-plane motion using speckle decorrelation", Int. J. Imaging
        Systems and Technology 1997.
    """

    def mean(values: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(values, _SPECKLE, 1, _SPECKLE // 2)

    weight = mean(mask).clamp(min=1e-3)
    centred = (images - mean(images * mask) / weight) * mask
    deviation = (mean(centred.square()) / weight).clamp(min=0).sqrt()
    return (centred / (deviation + _FLAT)).clamp(-_LARGEST, _LARGEST) * mask


def _box(images: torch.Tensor, width: int) -> torch.Tensor:
    """Two moving averages after each other, along each axis; outside is zero."""
    for axis in (-1, -2) * 2:
        images = _moving_average(images, width, axis)
    return images


def _moving_average(images: torch.Tensor, width: int, axis: int) -> torch.Tensor:
    """Differences of running sums: the time does not depend on the width."""
    padding = [0, 0, 0, 0]
    padding[-2 * axis - 2], padding[-2 * axis - 1] = width // 2 + 1, width // 2
    sums = F.pad(images, padding).cumsum(axis)
    length = images.shape[axis]
    return (sums.narrow(axis, width, length) - sums.narrow(axis, 0, length)) / width
