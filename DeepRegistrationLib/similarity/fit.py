"""What a least-squares similarity hands to the optimizer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, eq=False)
class IntensityFit:
    """How well moving intensities explain fixed ones, linearized.

    With columns D (N, P, S), the change of the moving intensities by S pose parameters, the optimizer steps
    along (D slope)^T residual with the normal matrix (D slope)^T (D slope) - absorbed(D).

    Attributes:
        similarity: (N,); share of the fixed variance that is explained, 0 to 1; larger is better.
        residual: (N, P); what the fit leaves unexplained, weighted.
        slope: (N, P); derivative of what is explained by the moving intensity, weighted alike.
        absorbed: (N, P, S) -> (N, S, S); the part of the normal matrix that belongs to changes which the
            fit's own parameters follow, so that they change nothing (variable projection: Golub and Pereyra
            1973, with Kaufman's approximation).
    """

    similarity: torch.Tensor
    residual: torch.Tensor
    slope: torch.Tensor
    absorbed: Callable[[torch.Tensor], torch.Tensor]


class LeastSquaresSimilarity(Protocol):
    """Explains fixed intensities at P points by the moving intensities found there."""

    def __call__(self, moving: torch.Tensor) -> IntensityFit:
        """Fits N poses at once.

        Args:
            moving: (N, P); moving intensities at the mapped points, one row per pose.
        """
        ...
