"""Linear filters of radiographs that respect a mask: what lies outside of it has no influence."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

Features = Callable[[torch.Tensor], torch.Tensor]
"""Images (M, rows, columns) -> (M, P)."""


def pixels(mask: torch.Tensor) -> Features:
    """The pixels of a mask as they are.

    Args:
        mask: (rows, columns) bool.
    """
    chosen = torch.nonzero(mask.flatten()).flatten()
    return lambda images: images.flatten(1)[:, chosen]


def derivative(mask: torch.Tensor, axis: int) -> tuple[Features, torch.Tensor]:
    """Sobel's derivative along rows or columns, where all nine pixels may be used.

    Args:
        mask: (rows, columns) bool; True where a pixel may be used.
        axis: 0 differentiates from row to row, 1 from column to column.

    Returns:
        The filter, and where it has a value: (rows, columns) bool; P pixels are True.
    """
    usable = eroded(mask)
    chosen = torch.nonzero(usable.flatten()).flatten()

    def features(images: torch.Tensor) -> torch.Tensor:
        return _derivative(images, axis).flatten(1)[:, chosen]

    return features, usable


def derivative_images(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Sobel's derivatives of images (M, rows, columns) from column to column and from row to row."""
    return _derivative(images, 1), _derivative(images, 0)


def _derivative(images: torch.Tensor, axis: int) -> torch.Tensor:
    smooth, slope = [0.25, 0.5, 0.25], [-0.5, 0.0, 0.5]
    down, across = (slope, smooth) if axis == 0 else (smooth, slope)
    return _separable(images, down, across)


def eroded(mask: torch.Tensor) -> torch.Tensor:
    """Pixels of a mask (rows, columns) bool whose eight neighbours exist and belong to it too."""
    return F.max_pool2d(F.pad(~mask[None, None], (1, 1, 1, 1), value=True).float(), 3, 1)[0, 0] == 0


def without_background(mask: torch.Tensor, sigma_px: float) -> Features:
    """The pixels of a mask less their mean in a Gaussian neighbourhood, in which only the mask counts.

    Takes away what varies slowly: soft tissue, scatter, the heel effect.

    Args:
        mask: (rows, columns) bool.
        sigma_px: standard deviation of the neighbourhood [pixels].
    """
    weight = mask.double()
    reach = int(3 * sigma_px + 0.5)
    offsets = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2).tolist()
    total = _separable(weight[None], kernel, kernel).clamp(min=1e-6)
    chosen = torch.nonzero(mask.flatten()).flatten()

    def features(images: torch.Tensor) -> torch.Tensor:
        background = _separable(images * weight.to(images), kernel, kernel) / total.to(images)
        return (images - background).flatten(1)[:, chosen]

    return features


def _separable(images: torch.Tensor, down: list[float], across: list[float]) -> torch.Tensor:
    """(M, rows, columns); correlated with a column of weights and a row of weights, zeros outside."""
    return _correlated(_correlated(images, down, 1), across, 2)


def _correlated(images: torch.Tensor, weights: list[float], axis: int) -> torch.Tensor:
    """Along one axis. Shifted images are added up: of one channel, that is ten times faster than conv2d."""
    reach, size = len(weights) // 2, images.shape[axis]
    padded = F.pad(images, (reach, reach) if axis == 2 else (0, 0, reach, reach))
    total = torch.zeros_like(images)
    for first, weight in enumerate(weights):
        if weight:
            total = total.add_(padded.narrow(axis, first, size), alpha=weight)
    return total
