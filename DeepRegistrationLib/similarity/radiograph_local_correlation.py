"""Local correlation of radiographs: around every pixel a line of its own explains one image by the other."""

import torch

from DeepRegistrationLib.similarity.local_correlation import LocalCorrelation
from DeepRegistrationLib.similarity.radiograph_filters import pixels
from DeepRegistrationLib.similarity.radiograph_measure import Channel, ChannelMeasure, PoseFit


class RadiographLocalCorrelation:
    """Mean squared local correlation; stands slow changes of brightness and contrast.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; True where it may be used.
        radius: windows have 2 radius + 1 pixels along rows and columns.
        noise: standard deviation below which a window counts as flat, as a part of that of the whole image.
    """

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, radius: int = 4, noise: float = 0.05) -> None:
        self._pixels = pixels(mask)
        used = fixed[mask]
        # flat windows are found on one scale for both images: each is divided by its own spread
        scaled = (fixed - used.mean()) / used.std(correction=0).clamp(min=_tiny(fixed)) * mask
        local = LocalCorrelation(
            scaled[None], mask[None].to(fixed), (0, radius, radius), noise, shared_noise=True
        )
        self._measure = ChannelMeasure([Channel(self._pixels, local, local.total, 1.0)])

    def similarity(self, images: torch.Tensor) -> torch.Tensor:
        """See `RadiographMeasure`."""
        return self._measure.similarity(images / self._spread(images))

    def fit(self, images: torch.Tensor, tangents: torch.Tensor) -> PoseFit:
        """See `RadiographMeasure`; that the spread changes with the pose, too, is left out."""
        spread = self._spread(images)
        return self._measure.fit(images / spread, tangents / spread[:, None])

    def _spread(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 1, 1); standard deviation of each image within the mask."""
        return self._pixels(images).std(1, correction=0).clamp(min=_tiny(images))[:, None, None]


def _tiny(values: torch.Tensor) -> float:
    return torch.finfo(values.dtype).tiny ** 0.5
