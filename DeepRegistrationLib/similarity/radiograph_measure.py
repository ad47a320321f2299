"""What a similarity of radiographs hands to the optimizer of the pose, and how measures are put together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from DeepRegistrationLib.similarity.fit import LeastSquaresSimilarity


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
        """(N,) from projected images (N, rows, columns)."""
        ...

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """Similarity and its expansion in the pose.

        Args:
            images: (N, rows, columns); projected at N poses.
            tangents: (N, S, rows, columns); their derivatives by the parameters of the pose.
        """
        ...


@dataclass(frozen=True, eq=False)
class Channel:
    """One linear picture of a radiograph, and what compares it.

    Attributes:
        features: images (M, rows, columns) -> (M, P); linear: a filter, and the choice of pixels.
        similarity: explains the features of the radiograph by those of the projected image.
        variance: what `similarity` calls 1: sum of squares of the fixed features.
        weight: share of the channel; those of a measure add up to 1.
    """

    features: Callable[[torch.Tensor], torch.Tensor]
    similarity: LeastSquaresSimilarity
    variance: torch.Tensor
    weight: float


class ChannelMeasure:
    """Weighted mean of least-squares similarities of linearly filtered images.

    Args:
        channels: at least one.
    """

    def __init__(self, channels: Sequence[Channel]) -> None:
        self.channels = tuple(channels)

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        """See `RadiographMeasure`."""
        return sum(c.weight * c.similarity(c.features(images)).similarity for c in self.channels)

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """See `RadiographMeasure`."""
        fits = [_channel_fit(channel, images, tangents) for channel in self.channels]
        return sum_of_fits(fits, [channel.weight for channel in self.channels])


def sum_of_fits(fits: Sequence[PoseFit], weights: Sequence[float]) -> PoseFit:
    """Weighted sum of measures of the same poses: channels of one view, or several views.

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


def _channel_fit(channel: Channel, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
    count, size = tangents.shape[:2]
    both = torch.cat([images[:, None], tangents], 1)  # (N, 1 + S, rows, columns)
    features = channel.features(both.flatten(0, 1)).unflatten(0, (count, 1 + size))  # (N, 1 + S, P)
    fit = channel.similarity(features[:, 0])
    columns = features[:, 1:].mT  # (N, P, S)
    jacobian = columns * fit.slope[..., None]
    hessian = jacobian.mT @ jacobian - fit.absorbed(columns)
    gradient = (jacobian * fit.residual[..., None]).sum(1)
    return PoseFit(fit.similarity, gradient / channel.variance, hessian / channel.variance)
