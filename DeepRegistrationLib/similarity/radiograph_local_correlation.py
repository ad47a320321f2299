"""Local correlation of radiographs: around every pixel a line of its own explains one image by the other."""

import torch

from DeepRegistrationLib.similarity.local_correlation import LocalCorrelation
from DeepRegistrationLib.similarity.mixed_components import MixedComponents
from DeepRegistrationLib.similarity.radiograph_filters import pixels
from DeepRegistrationLib.similarity.radiograph_measure import PoseFit


def radiograph_local_correlation(
    fixed: torch.Tensor, mask: torch.Tensor, radius: int = 4, noise: float = 0.05
) -> MixedComponents:
    """Mean squared local correlation; stands slow changes of brightness and contrast.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        radius: windows have 2 radius + 1 pixels along rows and columns.
        noise: standard deviation below which a window counts as flat, as a part of that of the whole image.
    """
    return MixedComponents(fixed, mask, _LocalCorrelation(fixed, mask, radius, noise))


class _LocalCorrelation:
    """Of single images (N, rows, columns)."""

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, radius: int, noise: float) -> None:
        self._pixels = pixels(mask)
        used = fixed[mask]
        # flat windows are found on one scale for both images: each is divided by its own spread
        scaled = (fixed - used.mean()) / used.std(correction=0).clamp(min=_tiny(fixed)) * mask
        windows = (0, radius, radius)
        self._local = LocalCorrelation(scaled[None], mask[None].to(fixed), windows, noise, shared_noise=True)

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        values = self._pixels(images)
        return self._local(values / self._spread(values)).similarity

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """That the spread changes with the pose, too, is left out."""
        values = self._pixels(images)
        spread = self._spread(values)
        fit = self._local(values / spread)
        changes = self._pixels(tangents.flatten(0, 1)).unflatten(0, tangents.shape[:2])
        columns = (changes / spread[:, None]).mT.contiguous()  # (N, P, S)
        jacobian = columns * fit.slope[..., None]
        hessian = (jacobian.mT @ jacobian - fit.absorbed(columns)) / self._local.total
        gradient = (jacobian * fit.residual[..., None]).sum(1) / self._local.total
        return PoseFit(fit.similarity, gradient, hessian)

    def _spread(self, values: torch.Tensor) -> torch.Tensor:
        """(N, 1); standard deviation of values (N, P)."""
        return values.std(1, correction=0, keepdim=True).clamp(min=_tiny(values))


def _tiny(values: torch.Tensor) -> float:
    return torch.finfo(values.dtype).tiny ** 0.5
