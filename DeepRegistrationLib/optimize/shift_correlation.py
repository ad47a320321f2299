"""Similarity of a radiograph with images at all shifts at once, by Fourier transform."""

from typing import Protocol

import torch

from DeepRegistrationLib.similarity.radiograph_filters import derivative_images, eroded

# gradients much shorter than this part of the root mean square one count as flat, as in gradient orientation
_EDGE = 0.5
# windows that hold next to nothing of an image would be divided by rounding errors
_LEAST = 0.05


class ShiftCorrelation(Protocol):
    """Compares moving images at all shifts."""

    def __call__(self, moving: torch.Tensor) -> torch.Tensor:
        """Similarity at all shifts.

        Args:
            moving: (N, rows, columns); zero outside.

        Returns:
            (N, rows, columns) of the sum of both sizes; entry (a, b): when pixel (r, c) of the moving image
            lies on pixel (r + a, c + b) of the radiograph; negative shifts count from the end.
        """
        ...


class IntensityShifts:
    """Normalized correlation of intensities.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; where it counts.
        shape_px: rows, columns of the moving images.

    Source: Padfield, "Masked object registration in the Fourier domain", IEEE TIP 21(5), 2012, with a mask of
        the fixed image only.
    """

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, shape_px: tuple[int, int]) -> None:
        self._size = tuple(a + b for a, b in zip(fixed.shape, shape_px, strict=True))
        weight = mask.to(fixed)
        self._count = weight.sum()
        centred = (fixed - (fixed * weight).sum() / self._count) * weight
        self._norm = centred.norm().clamp(min=1e-12)
        self._fixed, self._weight = (torch.fft.rfft2(image, self._size) for image in (centred, weight))

    def __call__(self, moving: torch.Tensor) -> torch.Tensor:
        """See `ShiftCorrelation`."""
        size = self._size
        spectrum, squares = torch.fft.rfft2(moving, size), torch.fft.rfft2(moving.square(), size)
        total, energy = _correlated(self._weight, spectrum, size), _correlated(self._weight, squares, size)
        variance = energy - total.square() / self._count
        floor = _LEAST * energy.amax((1, 2), keepdim=True) + 1e-12
        return _correlated(self._fixed, spectrum, size) / (self._norm * variance.clamp(min=floor).sqrt())


class OrientationShifts:
    """Mean cosine of the angle between edges: finds bones among tissue that the moving image does not show.

    Args:
        fixed: (rows, columns); the radiograph.
        mask: (rows, columns) bool; where it counts.
        shape_px: rows, columns of the moving images.
    """

    def __init__(self, fixed: torch.Tensor, mask: torch.Tensor, shape_px: tuple[int, int]) -> None:
        self._size = tuple(a + b for a, b in zip(fixed.shape, shape_px, strict=True))
        weight = eroded(mask).to(fixed)
        directions = _directions(fixed[None], weight)[0] * weight  # (2, rows, columns)
        self._norm = directions.norm().clamp(min=1e-12)
        self._fixed, self._weight = (
            torch.fft.rfft2(directions, self._size),
            torch.fft.rfft2(weight, self._size),
        )

    def __call__(self, moving: torch.Tensor) -> torch.Tensor:
        """See `ShiftCorrelation`."""
        size = self._size
        directions = _directions(moving, torch.ones_like(moving[0]))  # (N, 2, rows, columns)
        spectra = torch.fft.rfft2(directions, size)
        product = torch.fft.irfft2((self._fixed * spectra.conj()).sum(1), size)
        energy = _correlated(self._weight, torch.fft.rfft2(directions.square().sum(1), size), size)
        floor = _LEAST * energy.amax((1, 2), keepdim=True) + 1e-12
        return product / (self._norm * energy.clamp(min=floor).sqrt())


def _directions(images: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """(N, 2, rows, columns); gradients over their length, nearly zero where the image is flat."""
    gradients = torch.stack(derivative_images(images), 1)
    squared = gradients.square().sum(1, keepdim=True)
    mean = (squared * weight).sum((2, 3), keepdim=True) / weight.sum()
    return gradients / (squared + _EDGE**2 * mean + torch.finfo(images.dtype).tiny).sqrt()


def _correlated(fixed: torch.Tensor, moving: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Correlation at all shifts from two spectra."""
    return torch.fft.irfft2(fixed * moving.conj(), size)
