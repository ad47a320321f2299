"""Everything that a step of the refinement needs of a pair of frames, as sums over its pixels.

Two backends add up the same: torch on any device, and machine code (numba) on the CPU, which goes through the
pixels once instead of through memory twenty times.
"""

import numpy as np
import torch

from DeepRegistrationLib.images.us_texture import machine_code_is_available
from DeepRegistrationLib.optimize.us_pairs import PairMotion, brought_back, plane_points
from DeepRegistrationLib.task_pool import run_tasks, split_evenly

HESSIAN, RIGHT = slice(0, 6), slice(6, 9)
"""Products of the derivatives (angle angle, angle u, angle v, u u, u v, v v), and with the residual."""
AREA, ROBUST, SQUARED = 9, 10, 11
"""Pixels that both show; their robust weights; squared residuals with these weights."""
MOVING, FIXED, MOVING2, FIXED2, PRODUCT = 12, 13, 14, 15, 16
COUNT = 17
SEEN = 0.99
"""A pixel is seen where interpolation used this share of pixels inside the sector."""


def pair_sums(
    moving: torch.Tensor, fixed: torch.Tensor, inner: torch.Tensor, motion: PairMotion, outlier: float
) -> torch.Tensor:
    """Sums over the pixels of pairs at their motions.

    Args:
        moving: (P, 1, n, n) float32; locally normalized.
        fixed: (P, 1, n, n) float32.
        inner: (1 or P, 1, n, n) float32; 1 where both value and gradient of a frame may be used.
        motion: of P pairs, moving from fixed.
        outlier: residual whose weight is a quarter of the full one.

    Returns:
        (P, 17); see the names in this file; derivatives per rad and per edge of the image.
    """
    if moving.device.type == "cpu" and moving.dtype == torch.float32 and machine_code_is_available():
        return _by_machine_code(moving, fixed, inner, motion, outlier)
    return by_torch(moving, fixed, inner, motion, outlier)


def by_torch(
    moving: torch.Tensor, fixed: torch.Tensor, inner: torch.Tensor, motion: PairMotion, outlier: float
) -> torch.Tensor:
    """The sums of `pair_sums`, on any device."""
    count, size = len(moving), moving.shape[-1]
    both = torch.cat([moving, inner.expand(count, -1, -1, -1)], 1)
    warped, seen = brought_back(both, motion).split(1, 1)
    weight = ((seen > SEEN) * inner).flatten(1)  # (P, n n)
    gradient = size * (_gradient(fixed) + _gradient(warped)) / 2  # per edge
    u, v = plane_points(size, moving).unbind(-1)
    gu, gv = gradient[:, 0], gradient[:, 1]
    jacobian = torch.stack([gv * u - gu * v, gu, gv], 1).flatten(2)  # (P, 3, n n)
    m, f = warped.flatten(1), fixed.flatten(1)
    residual = m - f
    robust = weight / (1 + (residual / outlier).square()).square()
    weighted = jacobian * robust[:, None]
    hessian = weighted @ jacobian.mT
    i, j = torch.triu_indices(3, 3, device=moving.device)
    right = (weighted @ residual[..., None])[..., 0]
    single = [weight, robust, robust * residual.square()]
    single += [weight * product for product in (m, f, m * m, f * f, m * f)]
    return torch.cat([hessian[:, i, j], right, torch.stack([part.sum(1) for part in single], 1)], 1)


def frames_and_masks_back(
    moving: torch.Tensor, mask: torch.Tensor, motion: PairMotion
) -> tuple[torch.Tensor, torch.Tensor]:
    """Moving frames and their masks on the grids of the fixed ones: two (P, 1, n, n).

    Args:
        moving: (P, 1, n, n) float32.
        mask: (1 or P, 1, n, n) float32.
        motion: of P pairs, moving from fixed.
    """
    count = len(moving)
    if moving.device.type != "cpu" or moving.dtype != torch.float32 or not machine_code_is_available():
        both = torch.cat([moving, mask.expand(count, -1, -1, -1)], 1)
        return brought_back(both, motion).split(1, 1)
    from DeepRegistrationLib.optimize.us_kernels import bring_all_back

    warped, seen = torch.empty_like(moving), torch.empty_like(moving)
    frames, masks = (images.detach().contiguous().numpy()[:, 0] for images in (moving, mask))
    matrix = motion.matrix().detach().double().numpy()
    out, also = warped.numpy()[:, 0], seen.numpy()[:, 0]

    def part(own: slice) -> None:
        bring_all_back(frames[own], _masks_of(masks, own), matrix[own], out[own], also[own])

    run_tasks([(part, (own,)) for own in _shares(count)])
    return warped, seen


def _by_machine_code(
    moving: torch.Tensor, fixed: torch.Tensor, inner: torch.Tensor, motion: PairMotion, outlier: float
) -> torch.Tensor:
    from DeepRegistrationLib.optimize.us_kernels import add_up

    out = torch.zeros(len(moving), COUNT, dtype=torch.float64)
    matrix = motion.matrix().detach().double()
    images = [image.detach().contiguous().numpy() for image in (moving, fixed, inner)]
    frames, others, masks = (image[:, 0] for image in images)
    matrices, sums = matrix.numpy(), out.numpy()

    def part(own: slice) -> None:
        mask = _masks_of(masks, own)
        add_up(frames[own], others[own], mask, matrices[own], float(outlier), sums[own])

    run_tasks([(part, (own,)) for own in _shares(len(moving))])
    return out.to(moving.dtype)


def _shares(pairs: int) -> list[slice]:
    """Pairs for each thread."""
    threads = max(1, min(pairs, torch.get_num_threads()))
    return [slice(*share) for share in split_evenly(pairs, threads)]


def _masks_of(masks: np.ndarray, own: slice) -> np.ndarray:
    return masks[own] if len(masks) > 1 else masks


def _gradient(images: torch.Tensor) -> torch.Tensor:
    """(P, 2, n, n); central differences along u and v [per pixel], zero at the border."""
    out = images.new_zeros(len(images), 2, *images.shape[2:])
    out[:, 0, :, 1:-1] = (images[:, 0, :, 2:] - images[:, 0, :, :-2]) / 2
    out[:, 1, 1:-1, :] = (images[:, 0, 2:, :] - images[:, 0, :-2, :]) / 2
    return out
