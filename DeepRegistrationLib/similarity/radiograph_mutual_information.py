"""Normalized mutual information of a radiograph and projected images, with a curvature for Newton steps.

The histogram's change with the pose gives the gradient exactly, and a curvature of products of first
derivatives only, as Gauss-Newton's.
"""

import torch

from DeepRegistrationLib.similarity.mixed_components import MixedComponents
from DeepRegistrationLib.similarity.mutual_information import MutualInformation
from DeepRegistrationLib.similarity.radiograph_filters import pixels
from DeepRegistrationLib.similarity.radiograph_measure import PoseFit

_LOW, _HIGH = 0.01, 0.99


def radiograph_mutual_information(fixed: torch.Tensor, mask: torch.Tensor, bins: int = 24) -> MixedComponents:
    """Normalized mutual information (H(fixed) + H(moving)) / H(fixed, moving) - 1.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        bins: between the darkest and the brightest percent of each image.

    Source: measure as in `mutual_information.py`; curvature after Dowson and Bowden, "Mutual information for
        Lucas-Kanade tracking", IEEE TPAMI 30, 2008, with the terms of second derivatives left out.
    """
    return MixedComponents(fixed, mask, _MutualInformation(fixed, mask, bins))


class _MutualInformation:
    """Of single images (N, rows, columns)."""

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, bins: int) -> None:
        self._pixels = pixels(mask)
        there = self._pixels(fixed[None])
        self._measure = MutualInformation(_scaled(there)[0][0], torch.ones_like(there[0]), bins)

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        return torch.stack([self._measure(values) for values in _scaled(self._pixels(images))[0]])

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """The brightest and the darkest percent are held."""
        moving, spread = _scaled(self._pixels(images))
        changes = self._pixels(tangents.flatten(0, 1)).unflatten(0, tangents.shape[:2]) / spread[:, None]
        fits = [self._one(values, change) for values, change in zip(moving, changes, strict=True)]
        return PoseFit(*(torch.stack(parts) for parts in zip(*fits, strict=True)))

    def _one(
        self, values: torch.Tensor, changes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Value, half gradient (S,), curvature (S, S) of one image: values (P,), changes (S, P)."""
        with torch.enable_grad():
            values = values.detach().requires_grad_()
            value = self._measure(values)
            (by_value,) = torch.autograd.grad(value, values)
        joint, by_pose = self._measure.histogram_changes(values.detach(), changes)
        safe = joint.clamp(min=1e-9)
        # information contained in the changes of the joint histogram beyond those of the moving one
        moving, moving_by_pose = joint.sum(0), by_pose.sum(1)
        curvature = torch.einsum("sij,tij->st", by_pose / safe, by_pose)
        curvature = curvature - (moving_by_pose / moving.clamp(min=1e-9)) @ moving_by_pose.T
        entropy = -(safe * safe.log()).sum()
        return value.detach(), changes @ by_value / 2, curvature / entropy / 2


def _scaled(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Values (N, P) with their darkest percent at 0 and their brightest at 1; the unit of that (N, 1)."""
    ordered = values.detach().sort(1).values
    low, high = (ordered[:, round(part * (values.shape[1] - 1)), None] for part in (_LOW, _HIGH))
    spread = (high - low).clamp(min=torch.finfo(values.dtype).tiny ** 0.5)
    return (values - low) / spread, spread
