"""Gradient correlation: the mean of the correlations of the derivatives along columns and along rows.

Edges of bone decide, slowly varying soft tissue hardly counts.
"""

import torch

from DeepRegistrationLib.similarity.component_correlation import ComponentCorrelation
from DeepRegistrationLib.similarity.radiograph_filters import derivative
from DeepRegistrationLib.similarity.radiograph_measure import SumOfMeasures


def gradient_correlation(fixed: torch.Tensor, mask: torch.Tensor) -> SumOfMeasures:
    """Mean squared normalized correlation of both derivatives; negative ones count as none.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.

    Source: Penney et al., "A comparison of similarity measures for use in 2-D-3-D medical image
        registration", IEEE TMI 17(4), 1998, section II-C; squared, so that it is a sum of squares.
    """
    return SumOfMeasures([ComponentCorrelation(fixed, derivative(mask, axis)[0]) for axis in (0, 1)])
