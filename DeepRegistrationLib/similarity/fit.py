"""What a least-squares similarity hands to the optimizer."""

from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, eq=False)
class IntensityFit:
    """How well moving intensities explain fixed ones, linearized.

    Attributes:
        similarity: (N,); share of the fixed variance that is explained, 0 to 1; larger is better.
        residual: (N, P); what the fit leaves unexplained, times the square root of each point's weight.
        slope: (N, P); derivative of the explained intensity by the moving intensity, same weighting.
        basis: (N, P, D); weighted directions that the fit itself absorbs, orthonormal over P; D may be 0.
            A change of the pose along them changes nothing, so the optimizer removes them from its Jacobian
            (variable projection: Golub and Pereyra 1973, with Kaufman's approximation).
    """

    similarity: torch.Tensor
    residual: torch.Tensor
    slope: torch.Tensor
    basis: torch.Tensor


class LeastSquaresSimilarity(Protocol):
    """Explains fixed intensities at P points by the moving intensities found there."""

    def __call__(self, moving: torch.Tensor) -> IntensityFit:
        """Fits N poses at once.

        Args:
            moving: (N, P); moving intensities at the mapped points, one row per pose.
        """
        ...
