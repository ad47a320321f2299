"""Ultrasound images freed of gain, depth gain and shadows: what is left are edges and texture."""

from functools import cache

import torch

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
    weight = blurred(mask, width, 2).clamp(min=1e-3)
    centred = images - blurred(images * mask, width, 2) / weight
    deviation = (blurred(centred.square() * mask, width, 2) / weight).clamp(min=0).sqrt()
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
        return blurred(values, _SPECKLE, 1)

    weight = mean(mask).clamp(min=1e-3)
    centred = (images - mean(images * mask) / weight) * mask
    deviation = (mean(centred.square()) / weight).clamp(min=0).sqrt()
    return (centred / (deviation + _FLAT)).clamp(-_LARGEST, _LARGEST) * mask


def blurred(images: torch.Tensor, width: int, times: int) -> torch.Tensor:
    """Moving averages along both axes; outside is zero.

    As products with a banded matrix: on images of this size six times faster than running sums or
    convolutions.

    Args:
        images: (B, C, n, n) float.
        width: of the window, odd [pixels].
        times: averages after each other; 2 is nearly round.
    """
    band = _band(images.shape[-1], width, times).to(images)
    return band @ images @ band  # the matrix is symmetric


@cache
def _band(size: int, width: int, times: int) -> torch.Tensor:
    """(n, n); one row holds the weights of one pixel."""
    index = torch.arange(size)
    once = ((index[:, None] - index).abs() <= width // 2).double() / width
    return torch.linalg.matrix_power(once, times).float()
