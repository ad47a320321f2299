"""What a similarity of radiographs hands to the optimizer of the pose, and the sum of several.

Projected images have components, such as bone and soft tissue. A radiograph shows them with weights of its
own (tube voltage, contrast, tissue that moved), which every measure fits again for every pose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, eq=False)
class PoseFit:
    """How well projected images fit a radiograph, and how that changes with the pose.

    `1 - similarity` changes by `-2 gradient . step + step . hessian step` for a small step of the pose.

    Attributes:
        similarity: (N,); 1 is a perfect fit, 0 none.
        gradient: (N, S); half the derivative of the similarity by the S parameters.
        hessian: (N, S, S); curvature, symmetric and positive semidefinite (Gauss-Newton's or a substitute).
    """

    similarity: torch.Tensor
    gradient: torch.Tensor
    hessian: torch.Tensor


class RadiographMeasure(Protocol):
    """Similarity of one radiograph to projected images, indifferent to their brightness and contrast."""

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        """(N,) from projected images (N, C, rows, columns) of C components."""
        ...

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """Similarity and its expansion in the pose.

        Args:
            images: (N, C, rows, columns); projected at N poses.
            tangents: (N, C, S, rows, columns); their derivatives by the parameters of the pose.
        """
        ...


class SumOfMeasures:
    """Weighted mean of measures of one radiograph.

    Args:
        measures: at least one.
        weights: share of each; None: equal shares.
    """

    def __init__(self, measures: Sequence[RadiographMeasure], weights: Sequence[float] | None = None) -> None:
        self._measures = tuple(measures)
        self._weights = tuple(weights or [1 / len(self._measures)] * len(self._measures))

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        """See `RadiographMeasure`."""
        return sum(w * m.similarity(images) for w, m in zip(self._weights, self._measures, strict=True))

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """See `RadiographMeasure`."""
        return sum_of_fits([measure.fit(images, tangents) for measure in self._measures], self._weights)


def sum_of_fits(fits: Sequence[PoseFit], weights: Sequence[float]) -> PoseFit:
    """Weighted sum of measures of the same poses: of one view, or of several views.

    Args:
        fits: of N poses each.
        weights: one per fit.
    """
    pairs = list(zip(weights, fits, strict=True))
    return PoseFit(
        similarity=sum(weight * fit.similarity for weight, fit in pairs),
        gradient=sum(weight * fit.gradient for weight, fit in pairs),
        hessian=sum(weight * fit.hessian for weight, fit in pairs),
    )
