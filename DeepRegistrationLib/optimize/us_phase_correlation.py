"""Baseline: rotation by phase correlation of the spectra in polar coordinates, then the shift the same
way.
"""

import math

import torch

from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion, brought_back

_ANGLES, _RADII = 720, 48
"""Samples of half a circle, and along each ray."""
_PADDED = 2
"""Images are padded to this many times their size, so that the spectrum is smooth enough to be sampled."""
_HIGHEST, _WHITENED = 60, 0.5
"""Frequencies along the angle that count; exponent of the magnitude that is divided out. With all
frequencies and all of the magnitude, as in the source, the grid of the spectrum itself correlates best, at
0 degrees."""
_LARGEST_DEG = 15.0
_LARGEST_SHIFT = 0.2


def phase_correlation(pairs: FramePairs) -> PairMotion:
    """Motions of pairs; a shift leaves the magnitude of the spectrum alone, a turn turns it.

    Args:
        pairs: P pairs.

    Returns:
        Motions.

    Source: Reddy and Chatterji, "An FFT-based technique for translation, rotation, and scale-invariant image
        registration", IEEE Trans. Image Processing 1996; without the scale.
    """
    size = pairs.size
    window = _window(size, pairs.moving)
    moving, fixed = (frames * window for frames in pairs.normalized)
    polar_moving, polar_fixed = _polar(moving), _polar(fixed)  # (P, angles, radii)
    spectra = torch.fft.rfft(polar_moving, dim=1) * torch.fft.rfft(polar_fixed, dim=1).conj()
    summed = spectra.sum(2)
    summed = summed / summed.abs().clamp(min=1e-9) ** _WHITENED
    summed[:, _HIGHEST:] = 0
    peak = torch.fft.irfft(summed, n=_ANGLES, dim=1)  # (P, angles)
    allowed = round(_LARGEST_DEG / 180 * _ANGLES)
    angle = _peak(peak, allowed) * (math.pi / _ANGLES)
    turned = PairMotion(angle, torch.zeros_like(pairs.moving[:, 0, 0, :2]))
    back = brought_back(moving, turned)
    cross = torch.fft.rfft2(back[:, 0]) * torch.fft.rfft2(fixed[:, 0]).conj()
    surface = torch.fft.irfft2(cross / cross.abs().clamp(min=1e-9), s=(size, size))  # (P, n, n)
    allowed = round(_LARGEST_SHIFT * size)
    columns = _peak(surface.amax(1), allowed)
    rows = _peak(surface.amax(2), allowed)
    found = PairMotion(torch.zeros_like(angle), torch.stack([columns, rows], -1) / size)
    return turned.after(found)


def _polar(images: torch.Tensor) -> torch.Tensor:
    """(P, angles, radii); logarithm of the spectrum's magnitude, over half a circle."""
    size = _PADDED * images.shape[-1]
    spectrum = torch.fft.fftshift(torch.fft.fft2(images[:, 0], s=(size, size)), dim=(1, 2)).abs()
    angle = torch.arange(_ANGLES, device=images.device) * (math.pi / _ANGLES)
    radius = torch.linspace(4 * _PADDED, 0.3 * size, _RADII, device=images.device)
    # zero frequency lies at size // 2 after the shift
    i = size // 2 + radius[None] * angle.cos()[:, None]
    j = size // 2 + radius[None] * angle.sin()[:, None]
    values = sample_plane(torch.log1p(spectrum)[:, None], torch.stack([i, j], -1)[None])[:, 0]
    return values - values.mean(1, keepdim=True)


def _window(size: int, like: torch.Tensor) -> torch.Tensor:
    edge = torch.hann_window(size, periodic=False, dtype=like.dtype, device=like.device)
    return edge[:, None] * edge[None]


def _peak(values: torch.Tensor, allowed: int) -> torch.Tensor:
    """(P,); position of the highest of the first and last `allowed` entries of a circular axis,
    sub-sample.
    """
    count = values.shape[1]
    lag = torch.arange(count, device=values.device)
    lag = torch.where(lag < count // 2, lag, lag - count)
    top = values.masked_fill(lag.abs() > allowed, -torch.inf).argmax(1)
    at = [values.gather(1, ((top + step) % count)[:, None])[:, 0] for step in (-1, 0, 1)]
    curvature = (at[0] - 2 * at[1] + at[2]).clamp(max=-1e-12)
    return lag[top] + ((at[0] - at[2]) / (2 * curvature)).clamp(-0.5, 0.5)
