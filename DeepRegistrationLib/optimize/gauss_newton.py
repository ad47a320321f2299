"""Levenberg-Marquardt refinement of many poses at once.

Each pose maps fixed points into the moving image; a least-squares similarity explains the fixed intensities
by those found. One evaluation per iteration serves both the decision on the last step and the next
linearization.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.similarity.fit import IntensityFit, LeastSquaresSimilarity


class ImageSampler(Protocol):
    """Values of the moving image at mapped points, and their changes; see `MovingSampler`."""

    def linearized(
        self, poses: PoseBatch, offsets: torch.Tensor, scaling: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (N, P) and changes (N, P, 6 or 7)."""
        ...


@dataclass(frozen=True)
class RefinementSettings:
    """When to stop and what may change.

    Attributes:
        iterations: at most.
        scaling: also optimize one scale.
        rotation_tolerance_rad: stop when every pose turns less than this in one step.
        translation_tolerance_mm: and moves less than this.
        damping: first Levenberg-Marquardt factor, relative to the diagonal.
    """

    iterations: int = 12
    scaling: bool = False
    rotation_tolerance_rad: float = 2e-4
    translation_tolerance_mm: float = 5e-3
    damping: float = 1e-2


def refine(
    poses: PoseBatch,
    offsets: torch.Tensor,
    moving: ImageSampler,
    similarity: LeastSquaresSimilarity,
    settings: RefinementSettings,
    advance: Callable[[float], None] = lambda fraction: None,
) -> tuple[PoseBatch, torch.Tensor, list[float]]:
    """Refines all poses until none moves any more.

    Args:
        poses: N start poses.
        offsets: (P, 3); fixed points relative to `poses.centre_fixed` [mm], in the order the similarity
            expects.
        moving: the moving image.
        similarity: explains fixed intensities at the points.
        settings: stopping rules.
        advance: told the fraction of iterations done; raises to stop.

    Returns:
        The refined poses; their similarity (N,); the best similarity after each iteration.
    """
    size = 7 if settings.scaling else 6
    damping = poses.translation.new_full((len(poses),), settings.damping)
    fit, hessian, gradient = _linearize(poses, offsets, moving, similarity, size)
    best = fit.similarity
    history = [float(best.max())]
    for iteration in range(settings.iterations):
        advance(iteration / settings.iterations)
        diagonal = torch.diagonal(hessian, dim1=-2, dim2=-1)
        # a direction without any signal still needs a positive diagonal
        diagonal = torch.maximum(diagonal, 1e-6 * diagonal.amax(-1, keepdim=True) + 1e-12)
        damped = hessian + torch.diag_embed(damping[:, None] * diagonal)
        step = torch.linalg.solve(damped, gradient)
        trial = poses.retracted(step)
        fit, trial_hessian, trial_gradient = _linearize(trial, offsets, moving, similarity, size)
        better = fit.similarity > best
        poses = trial.where(better, poses)
        best = torch.where(better, fit.similarity, best)
        hessian = torch.where(better[:, None, None], trial_hessian, hessian)
        gradient = torch.where(better[:, None], trial_gradient, gradient)
        damping = torch.where(better, damping / 5, damping * 5).clamp(1e-6, 1e4)
        history.append(float(best.max()))
        small = (step[:, :3].norm(dim=-1) < settings.rotation_tolerance_rad) & (
            step[:, 3:6].norm(dim=-1) < settings.translation_tolerance_mm
        )
        if bool(small.all()):
            break
    advance(1.0)
    return poses, best, history


def _linearize(
    poses: PoseBatch,
    offsets: torch.Tensor,
    moving: ImageSampler,
    similarity: LeastSquaresSimilarity,
    size: int,
) -> tuple[IntensityFit, torch.Tensor, torch.Tensor]:
    """Fit, (N, size, size) normal matrix and (N, size) right side of the step."""
    values, changes = moving.linearized(poses, offsets, scaling=size == 7)
    fit = similarity(values)
    jacobian = changes * fit.slope[..., None]
    hessian = jacobian.mT @ jacobian - fit.absorbed(changes)
    gradient = torch.einsum("npa,np->na", jacobian, fit.residual)
    return fit, hessian, gradient
