"""Sub-pixel, sub-degree registration of many pairs of ultrasound frames at once.

Locally normalized frames are compared: gain and depth gain leave no trace, and the residual is in units of
the local contrast. Gauss-Newton in the second-order form that averages the gradients of both frames;
residuals beyond the local contrast, which is where speckle has changed, count less and less.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from DeepRegistrationLib.images.us_texture import locally_normalized
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion, brought_back, plane_points


@dataclass(frozen=True)
class UsRefinementSettings:
    """How pairs are refined.

    Attributes:
        sizes: pixels along each edge of the levels, coarse to fine; halvings of the pairs' size.
        iterations: at each level, at most.
        outlier: residual that counts half [local contrast].
        least_overlap: a step that leaves less of the sector in view than this share is not taken.
        angle_tolerance_rad: a level ends when no pair turns more than this in a step.
        shift_tolerance: nor moves more than this [edges].
    """

    sizes: tuple[int, ...] = (32, 64, 128)
    iterations: tuple[int, ...] = (6, 6, 5)
    outlier: float = 1.0
    least_overlap: float = 0.3
    angle_tolerance_rad: float = 5e-5
    shift_tolerance: float = 5e-5


@dataclass(frozen=True, eq=False)
class PairFit:
    """How well P pairs fit at their motion.

    Attributes:
        motion: moving from fixed.
        correlation: (P,); of the locally normalized frames where both show tissue, -1 to 1.
        overlap: (P,); share of the sector where both do.
        angle_sigma: (P,) [rad]; expected error of the angle if residuals were noise, correlated as speckle
        is.
    """

    motion: PairMotion
    correlation: torch.Tensor
    overlap: torch.Tensor
    angle_sigma: torch.Tensor


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
        Motions and fit at the finest level.

    Source: Benhimane and Malis, "Real-time image-based tracking of planes using efficient second-order
        minimization", IROS 2004; weights of Geman and McClure.
    """
    motion, done, total = start, 0, sum(settings.iterations)
    level = None
    for size, iterations in zip(settings.sizes, settings.iterations, strict=True):
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
    advance(1.0)
    return level.fit(motion, settings)


class _Level:
    """Pairs of one size, normalized once."""

    def __init__(self, pairs: FramePairs) -> None:
        self._moving = locally_normalized(pairs.moving, pairs.mask)
        self._fixed = locally_normalized(pairs.fixed, pairs.mask)
        self._mask = pairs.mask
        # a gradient across the sector's edge is no tissue
        self._inner = _eroded(pairs.mask)
        self._points = plane_points(pairs.size, pairs.moving)
        self._size = pairs.size
        self._fixed_gradient = _gradient(self._fixed)  # (P, 2, n, n)

    def step(self, motion: PairMotion, settings: UsRefinementSettings) -> tuple[torch.Tensor, torch.Tensor]:
        """(P, 3) change of angle [rad] and shift [edges] from the right, and (P,) overlap."""
        hessian, right, _, overlap, _ = self._equations(motion, settings)
        return -torch.linalg.solve(hessian, right), overlap

    def fit(self, motion: PairMotion, settings: UsRefinementSettings) -> PairFit:
        """Fit at a motion."""
        hessian, _, correlation, overlap, variance = self._equations(motion, settings)
        covariance = torch.linalg.inv(hessian)[:, 0, 0] * variance
        return PairFit(motion, correlation, overlap, (covariance * _SPECKLE_PX).clamp(min=0).sqrt())

    def _equations(
        self, motion: PairMotion, settings: UsRefinementSettings
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        count = len(motion.angle)
        both = torch.cat([self._moving, self._inner.expand(count, -1, -1, -1)], 1)
        warped, seen = brought_back(both, motion).split(1, 1)
        weight = (seen > 0.99) * self._inner  # (P, 1, n, n)
        area = weight.sum((1, 2, 3))
        residual = warped - self._fixed
        gradient = (self._fixed_gradient + _gradient(warped)) / 2
        u, v = self._points.unbind(-1)
        gu, gv = gradient[:, :1] * self._size, gradient[:, 1:] * self._size  # per edge
        jacobian = torch.cat([gv * u - gu * v, gu, gv], 1).flatten(2)  # (P, 3, n n)
        robust = weight / (1 + (residual / settings.outlier).square()).square()
        weighted = jacobian * robust.flatten(2)
        hessian = weighted @ jacobian.mT
        eye = torch.eye(3, dtype=hessian.dtype, device=hessian.device)
        # a direction without texture still needs a positive diagonal
        trace = hessian.diagonal(dim1=1, dim2=2).mean(1)
        hessian = hessian + (1e-4 * trace + 1e-3)[:, None, None] * eye
        right = (weighted @ residual.flatten(2).mT)[..., 0]
        area = area.clamp(min=1)
        variance = (robust * residual.square()).sum((1, 2, 3)) / robust.sum((1, 2, 3)).clamp(min=1)
        return (
            hessian,
            right,
            self._correlation(warped, weight, area),
            area / self._inner.sum((1, 2, 3)).clamp(min=1),
            variance,
        )

    def _correlation(self, warped: torch.Tensor, weight: torch.Tensor, area: torch.Tensor) -> torch.Tensor:
        def mean(values: torch.Tensor) -> torch.Tensor:
            return (values * weight).sum((1, 2, 3)) / area

        m, f = mean(warped), mean(self._fixed)
        covariance = mean(warped * self._fixed) - m * f
        variance = (mean(warped.square()) - m.square()) * (mean(self._fixed.square()) - f.square())
        return covariance / variance.clamp(min=1e-9).sqrt()


_SPECKLE_PX = 6.0
"""Pixels that speckle correlates over at the finest level; so many fewer are independent."""


def _gradient(images: torch.Tensor) -> torch.Tensor:
    """(P, 2, n, n); central differences along u and v [per pixel], zero at the border."""
    out = torch.zeros(len(images), 2, *images.shape[2:], dtype=images.dtype, device=images.device)
    out[:, 0, :, 1:-1] = (images[:, 0, :, 2:] - images[:, 0, :, :-2]) / 2
    out[:, 1, 1:-1, :] = (images[:, 0, 2:, :] - images[:, 0, :-2, :]) / 2
    return out


def _eroded(mask: torch.Tensor) -> torch.Tensor:
    return 1 - torch.nn.functional.max_pool2d(
        torch.nn.functional.pad(1 - mask, (2, 2, 2, 2), value=1.0), 5, stride=1
    )
