"""Angle and shift of pairs without a start: all angles of a range, all shifts by correlation."""

import math

import torch

from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion, brought_back

SIZE = 64
_RANGE_DEG, _STEP_DEG = 12.0, 2.0
_LARGEST_SHIFT = 0.15
"""Beyond this share of the image too little is seen twice."""


def search_pairs(pairs: FramePairs) -> PairMotion:
    """Coarse motions.

    The moving frame is turned back by each angle; the correlation with the fixed frame at all whole-pixel
    shifts is one product of spectra.

    Args:
        pairs: P pairs on 64 x 64 pixels, or more that can be halved to that.

    Returns:
        Motions, right to about a degree and a pixel.
    """
    small = pairs.of_size(SIZE)
    count, size = len(small), small.size
    moving, fixed = small.normalized
    mask = small.mask.expand(count, -1, -1, -1)
    steps = round(_RANGE_DEG / _STEP_DEG)
    angles = [math.radians(_STEP_DEG * step) for step in range(-steps, steps + 1)]
    both = torch.cat([moving, mask], 1)
    best = moving.new_full((count,), -torch.inf)
    angle, shift = moving.new_zeros(count), moving.new_zeros(count, 2)
    spectrum, mask_spectrum = _spectrum(fixed, size), _spectrum(mask, size)
    square_spectrum = _spectrum(fixed.square(), size)
    for candidate in angles:
        turned = PairMotion(torch.full_like(angle, candidate), torch.zeros_like(shift))
        values, seen = brought_back(both, turned).split(1, 1)
        score = _scores(values * seen, seen, spectrum, mask_spectrum, square_spectrum, size)  # (P, 2n, 2n)
        top, index = score.flatten(1).max(1)
        rows, columns = index // (2 * size), index % (2 * size)
        # moving(x + d) fits fixed(x); negative lags wrap around
        found = torch.stack([_lag(columns, size), _lag(rows, size)], -1) / size
        better = top > best
        best = torch.where(better, top, best)
        angle = torch.where(better, turned.angle, angle)
        # the shift was measured in the turned-back frame: R(angle) brings it into the moving one
        moved = turned.after(PairMotion(torch.zeros_like(angle), found.to(shift)))
        shift = torch.where(better[:, None], moved.shift, shift)
    return PairMotion(angle, shift)


def _spectrum(images: torch.Tensor, size: int) -> torch.Tensor:
    return torch.fft.rfft2(images[:, 0], s=(2 * size, 2 * size))


def _scores(
    moving: torch.Tensor,
    seen: torch.Tensor,
    fixed: torch.Tensor,
    mask: torch.Tensor,
    square: torch.Tensor,
    size: int,
) -> torch.Tensor:
    """Correlation of what both show, at every shift of the moving frame; less the less both show."""

    def at_all_shifts(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft2(_spectrum(first, size) * second.conj(), s=(2 * size, 2 * size))

    product = at_all_shifts(moving, fixed)
    area = at_all_shifts(seen, mask).clamp(min=1)
    energy = at_all_shifts(moving.square(), mask) * at_all_shifts(seen, square)
    score = product / energy.clamp(min=1e-3).sqrt()
    score = score * (area / area.amax((1, 2), keepdim=True)).sqrt()
    lag = torch.arange(2 * size, device=score.device)
    near = _lag(lag, size).abs() <= _LARGEST_SHIFT * size
    return score.masked_fill(~(near[:, None] & near[None, :]), -torch.inf)


def _lag(index: torch.Tensor, size: int) -> torch.Tensor:
    return torch.where(index < size, index, index - 2 * size)
