"""Gradient orientation: edges must run in the same direction, however high they are.

Each gradient is divided by its length, regularized so that noise in flat regions has none. Half the squared
difference of two such vectors is one minus the cosine of the angle between them: a sum of squares.
"""

import torch

from DeepRegistrationLib.similarity.mixed_components import MixedComponents
from DeepRegistrationLib.similarity.radiograph_filters import derivative
from DeepRegistrationLib.similarity.radiograph_measure import PoseFit


def gradient_orientation(fixed: torch.Tensor, mask: torch.Tensor, edge: float = 0.5) -> MixedComponents:
    """Mean cosine of the angle between the edges of a radiograph and of projected images.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        edge: gradients much shorter than this part of the root mean square gradient of their image count as
            flat.

    Source: regularized unit vectors of Haber and Modersitzki, "Intensity gradient based registration and
        fusion of multi-modal images", MICCAI 2006, signed because both images show attenuation.
    """
    return MixedComponents(fixed, mask, _GradientOrientation(fixed, mask, edge))


class _GradientOrientation:
    """Of single images (N, rows, columns)."""

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, edge: float) -> None:
        self._filters = [derivative(mask, axis)[0] for axis in (0, 1)]
        self._edge = edge
        self._fixed = self._directions(self._gradients(fixed[None]))[0]  # (1, P, 2)
        self._total = self._fixed.square().sum().clamp(min=1e-6)

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        moving = self._directions(self._gradients(images))[0]
        return self._share(moving)

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        moving, length = self._directions(self._gradients(images))  # (N, P, 2), (N, P, 1)
        changes = self._gradients(tangents.flatten(0, 1)).unflatten(0, tangents.shape[:2])  # (N, S, P, 2)
        # of g / sqrt(g.g + e^2), with e held: (change - n (n . change)) / sqrt(g.g + e^2)
        along = (changes * moving[:, None]).sum(-1, keepdim=True) * moving[:, None]
        jacobian = ((changes - along) / length[:, None]).flatten(2)  # (N, S, 2 P)
        size, product = moving.square().sum((1, 2)), (moving * self._fixed).sum((1, 2))
        # similarity = product / sqrt(total size): its residual after the best factor, as for a correlation
        scale = (self._total * size).clamp(min=1e-12).sqrt()
        factor = product / size.clamp(min=1e-12)
        residual = (self._fixed - factor[:, None, None] * moving).flatten(1)
        gradient = (jacobian * residual[:, None]).sum(-1) / scale[:, None] / 2
        radial = (jacobian * moving.flatten(1)[:, None]).sum(-1)
        products = (
            jacobian @ jacobian.mT
            - radial[:, :, None] * radial[:, None] / size.clamp(min=1e-12)[:, None, None]
        )
        hessian = products * (factor.clamp(min=0) / scale)[:, None, None] / 2
        return PoseFit(self._share(moving), gradient, hessian)

    def _gradients(self, images: torch.Tensor) -> torch.Tensor:
        """(M, P, 2)."""
        return torch.stack([features(images) for features in self._filters], -1)

    def _directions(self, gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Regularized unit vectors (M, P, 2), and the lengths they were divided by (M, P, 1)."""
        squared = gradients.square().sum(-1, keepdim=True)
        floor = self._edge**2 * squared.mean(1, keepdim=True) + torch.finfo(gradients.dtype).tiny
        length = (squared + floor).sqrt()
        return gradients / length, length

    def _share(self, moving: torch.Tensor) -> torch.Tensor:
        product = (moving * self._fixed).sum((1, 2))
        return product / (self._total * moving.square().sum((1, 2))).clamp(min=1e-12).sqrt()
