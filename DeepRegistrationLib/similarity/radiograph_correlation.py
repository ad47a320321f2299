"""Correlation of a radiograph with projected images: expects the same contrast in both.

With a neighbourhood the slow changes of brightness are taken away from both images first; then soft tissue
that is in the radiograph alone matters less.
"""

import torch

from DeepRegistrationLib.similarity.component_correlation import ComponentCorrelation
from DeepRegistrationLib.similarity.radiograph_filters import pixels, without_background
from DeepRegistrationLib.similarity.radiograph_measure import RadiographMeasure


def radiograph_correlation(
    fixed: torch.Tensor, mask: torch.Tensor, background_sigma_px: float | None = None
) -> RadiographMeasure:
    """Squared normalized correlation; a negative one counts as none.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        background_sigma_px: neighbourhood whose mean is subtracted [pixels]; None subtracts nothing.
    """
    features = pixels(mask) if background_sigma_px is None else without_background(mask, background_sigma_px)
    return ComponentCorrelation(fixed, features)
