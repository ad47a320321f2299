"""Sub-pixel, sub-degree registration of many pairs of ultrasound frames at once.

Locally normalized frames are compared: gain and depth gain leave no trace, and the residual is in units of
the local contrast. Gauss-Newton in the second-order form that averages the gradients of both frames;
residuals beyond the local contrast, which is where speckle has changed, count less and less.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from DeepRegistrationLib.images.us_texture import blurred, fine_texture
from DeepRegistrationLib.optimize import us_sums
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion
from DeepRegistrationLib.optimize.us_patches import patch_motion
from DeepRegistrationLib.optimize.us_sums import frames_and_masks_back, pair_sums


@dataclass(frozen=True)
class UsRefinementSettings:
    """How pairs are refined.

    Attributes:
        sizes: pixels along each edge of the levels, coarse to fine; halvings of the pairs' size; what is
            finer than the pairs is left out.
        iterations: at each level, at most.
        outlier: residual that counts half [local contrast].
        least_overlap: a step that leaves less of the sector in view than this share is not taken.
        angle_tolerance_rad: a level ends when no pair turns more than this in a step.
        shift_tolerance: nor moves more than this [edges].
        polish: steps in the end on frames that are normalized anew over what both show: the neighbourhoods at
            the sector's edge are then the same in both.
    """

    sizes: tuple[int, ...] = (32, 64, 128, 256)
    iterations: tuple[int, ...] = (6, 6, 4, 2)
    outlier: float = 1.0
    least_overlap: float = 0.3
    angle_tolerance_rad: float = 5e-5
    shift_tolerance: float = 5e-5
    polish: int = 1


@dataclass(frozen=True, eq=False)
class PairFit:
    """How well P pairs fit at their motion.

    Attributes:
        motion: moving from fixed.
        correlation: (P,); of the locally normalized frames where both show tissue, -1 to 1.
        overlap: (P,); share of the sector where both do.
        texture: (P,); correlation of the speckle alone, -1 to 1.
        angle_sigma: (P,) [rad]; expected error of the angle if residuals were noise, correlated as speckle
        is.
        patch_motion: (P,); how far patches would still move against each other [edge of the image].
    """

    motion: PairMotion
    correlation: torch.Tensor
    overlap: torch.Tensor
    angle_sigma: torch.Tensor
    texture: torch.Tensor
    patch_motion: torch.Tensor


def refine_pairs(
    pairs: FramePairs,
    start: PairMotion,
    settings: UsRefinementSettings,
    advance: Callable[[float], None] = lambda fraction: None,
) -> PairFit:
    """Refines the motions of all pairs.

    Args:
        pairs: P pairs on the finest level's grid, or one that can be halved to it.
        start: motions within about a degree and 2 % of the image.
        settings: levels and stopping rules.
        advance: told the fraction of iterations done; raises to stop.

    Returns:
        Motions at the finest level; how well they fit is judged on 128 pixels, whatever the level.

    Source: Benhimane and Malis, "Real-time image-based tracking of planes using efficient second-order
        minimization", IROS 2004; weights of Geman and McClure.
    """
    levels = [
        (size, count)
        for size, count in zip(settings.sizes, settings.iterations, strict=True)
        if size <= pairs.size
    ]
    motion, done, total = start, 0, max(sum(count for _, count in levels), 1)
    for size, iterations in levels:
        level = _Level(pairs.of_size(size))
        for iteration in range(iterations):
            advance((done + iteration) / total)
            step, overlap = level.step(motion, settings)
            # nothing is learned from a pair that hardly overlaps: it keeps its motion
            step = step * (overlap > settings.least_overlap)[:, None]
            motion = motion.after(PairMotion(step[:, 0], step[:, 1:]))
            small = (step[:, 0].abs() < settings.angle_tolerance_rad) & (
                step[:, 1:].norm(dim=1) < settings.shift_tolerance
            )
            if bool(small.all()):
                break
        done += iterations
    finest = pairs.of_size(levels[-1][0]) if levels else pairs
    for _ in range(settings.polish):
        back = _brought_back_pairs(finest, motion)
        step, _ = _Level(back).step(PairMotion.none(back), settings)
        overlap = back.mask.mean((1, 2, 3)) / finest.mask.mean((1, 2, 3)).clamp(min=1e-6)
        step = step * (overlap > settings.least_overlap)[:, None]
        motion = motion.after(PairMotion(step[:, 0], step[:, 1:]))
    judged = pairs.of_size(min(_JUDGED_SIZE, pairs.size))
    fit = _Level(judged).fit(motion, settings, _texture_correlation(_brought_back_pairs(judged, motion)))
    advance(1.0)
    return fit


def _brought_back_pairs(pairs: FramePairs, motion: PairMotion) -> FramePairs:
    """Moving frames on the grid of the fixed ones, with what both show as their mask."""
    warped, seen = frames_and_masks_back(pairs.moving, pairs.mask, motion)
    return FramePairs(warped, pairs.fixed, (seen > 0.99).to(warped.dtype) * pairs.mask)


def _texture_correlation(pairs: FramePairs) -> torch.Tensor:
    """(P,); of the speckle of pairs that lie on each other."""
    inner = _eroded(pairs.mask)
    moving, fixed = (fine_texture(frames, pairs.mask) * inner for frames in (pairs.moving, pairs.fixed))
    area = inner.sum((1, 2, 3)).clamp(min=1)

    def mean(values: torch.Tensor) -> torch.Tensor:
        return values.sum((1, 2, 3)) / area

    m, f = mean(moving), mean(fixed)
    variance = (mean(moving.square()) - m.square()) * (mean(fixed.square()) - f.square())
    return (mean(moving * fixed) - m * f) / variance.clamp(min=1e-9).sqrt()


class _Level:
    """Pairs of one size, normalized once."""

    def __init__(self, pairs: FramePairs) -> None:
        self._moving, self._fixed = pairs.normalized
        # a gradient across the sector's edge is no tissue
        self._inner = _eroded(pairs.mask)

    def step(self, motion: PairMotion, settings: UsRefinementSettings) -> tuple[torch.Tensor, torch.Tensor]:
        """(P, 3) change of angle [rad] and shift [edges] from the right, and (P,) overlap."""
        sums = pair_sums(self._moving, self._fixed, self._inner, motion, settings.outlier)
        step = torch.linalg.solve(_hessian(sums), sums[:, us_sums.RIGHT])
        return -step, self._overlap(sums)

    def fit(self, motion: PairMotion, settings: UsRefinementSettings, texture: torch.Tensor) -> PairFit:
        """Fit at a motion."""
        sums = pair_sums(self._moving, self._fixed, self._inner, motion, settings.outlier)
        variance = sums[:, us_sums.SQUARED] / sums[:, us_sums.ROBUST].clamp(min=1)
        covariance = torch.linalg.inv(_hessian(sums))[:, 0, 0] * variance
        return PairFit(
            motion=motion,
            correlation=_correlation(sums),
            overlap=self._overlap(sums),
            angle_sigma=(covariance * _SPECKLE_PX).clamp(min=0).sqrt(),
            texture=texture,
            patch_motion=patch_motion(self._moving, self._fixed, self._inner, motion),
        )

    def _overlap(self, sums: torch.Tensor) -> torch.Tensor:
        return sums[:, us_sums.AREA] / self._inner.sum((1, 2, 3)).clamp(min=1)


_JUDGED_SIZE = 128
_SPECKLE_PX = 6.0
"""Pixels that speckle correlates over at this size; so many fewer are independent."""


def _hessian(sums: torch.Tensor) -> torch.Tensor:
    """(P, 3, 3); a direction without texture still gets a positive diagonal."""
    i, j = torch.triu_indices(3, 3, device=sums.device)
    hessian = sums.new_zeros(len(sums), 3, 3)
    hessian[:, i, j] = sums[:, us_sums.HESSIAN]
    hessian[:, j, i] = sums[:, us_sums.HESSIAN]
    trace = hessian.diagonal(dim1=1, dim2=2).mean(1)
    return hessian + torch.diag_embed((1e-4 * trace + 1e-3)[:, None].expand(-1, 3))


def _correlation(sums: torch.Tensor) -> torch.Tensor:
    means = sums / sums[:, us_sums.AREA].clamp(min=1)[:, None]
    m, f = means[:, us_sums.MOVING], means[:, us_sums.FIXED]
    covariance = means[:, us_sums.PRODUCT] - m * f
    variance = (means[:, us_sums.MOVING2] - m.square()) * (means[:, us_sums.FIXED2] - f.square())
    return covariance / variance.clamp(min=1e-9).sqrt()


def _eroded(mask: torch.Tensor) -> torch.Tensor:
    """The mask without the two pixels along its edge and along the border of the image."""
    # all of the 5 x 5 around a pixel lie inside; beyond the border is outside
    return (blurred(mask, 5, 1) > 0.999).to(mask.dtype)
