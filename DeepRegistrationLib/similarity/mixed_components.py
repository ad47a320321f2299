"""Measures of one image, for images of several components: these are mixed first."""

import torch

from DeepRegistrationLib.similarity.component_correlation import component_weights
from DeepRegistrationLib.similarity.radiograph_filters import pixels
from DeepRegistrationLib.similarity.radiograph_measure import PoseFit, RadiographMeasure


class MixedComponents:
    """Mixes the components of each pose as the radiograph suggests, then measures the mixture.

    The weights are those of the correlation of intensities, less what varies slowly.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        measure: of single images; here images are (N, rows, columns), tangents (N, S, rows, columns).
    """

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, measure: RadiographMeasure) -> None:
        self._measure = measure
        self._features = pixels(mask)
        there = self._features(fixed[None])[0]
        self._fixed = there - there.mean()

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        """See `RadiographMeasure`."""
        weights = self._weights(images)
        return self._measure.similarity((weights[..., None, None] * images).sum(1))

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """See `RadiographMeasure`; the weights are held."""
        weights = self._weights(images)
        mixture = (weights[..., None, None] * images).sum(1)
        return self._measure.fit(mixture, (weights[..., None, None, None] * tangents).sum(1))

    def _weights(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C); adding up to 1, equal where nothing is explained."""
        if images.shape[1] == 1:
            return torch.ones_like(images[:, :, 0, 0])
        found = self._features(images.flatten(0, 1)).unflatten(0, images.shape[:2])
        weights = component_weights(found - found.mean(-1, keepdim=True), self._fixed)
        none = weights.sum(1, keepdim=True) <= 0
        weights = torch.where(none, torch.ones_like(weights), weights)
        return weights / weights.sum(1, keepdim=True)
