"""Correlation of a radiograph with projected images: expects the same contrast in both.

With a neighbourhood the slow changes of brightness are taken away from both images first; then soft tissue
that is in the radiograph alone matters less.
"""

import torch

from DeepRegistrationLib.similarity.correlation import Correlation
from DeepRegistrationLib.similarity.radiograph_filters import pixels, without_background
from DeepRegistrationLib.similarity.radiograph_measure import Channel, ChannelMeasure


def radiograph_correlation(
    fixed: torch.Tensor, mask: torch.Tensor, background_sigma_px: float | None = None
) -> ChannelMeasure:
    """Squared normalized correlation; a negative one counts as none.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        background_sigma_px: neighbourhood whose mean is subtracted [pixels]; None subtracts nothing.
    """
    features = pixels(mask) if background_sigma_px is None else without_background(mask, background_sigma_px)
    return ChannelMeasure([correlated(fixed, features, 1.0)])


def correlated(fixed: torch.Tensor, features: object, weight: float) -> Channel:
    """Channel that correlates filtered images.

    Args:
        fixed: (rows, columns); the radiograph.
        features: the filter, see `Channel`.
        weight: share of the channel.
    """
    there = features(fixed[None])[0]
    similarity = Correlation(there, torch.ones_like(there), degree=1, signed=True)
    # a channel without any contrast would be a division by zero; it explains nothing
    similarity.variance = similarity.variance.clamp(min=torch.finfo(there.dtype).tiny ** 0.5)
    return Channel(features, similarity, similarity.variance, weight)
