"""Motion between the slices of a stack: each slice gets a pose of its own, tied to those of its neighbours.

A fetus moves little between one slice and the next in time. Slices are taken one after the other or every
second one first, so a slice is tied to the next one and to the next but one on either side. Minimized is the
sum of squares that local correlation leaves unexplained, of all slices, plus the squared motion of each slice
and the squared differences along the ties, each in units of what is usual.
"""

import itertools
import math
from dataclasses import replace

import torch

from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.workflows.fetal_slice_methods import FoundSlicePose
from DeepRegistrationLib.workflows.fetal_slice_refinement import MEDIUM, Advance, SliceLevel, make_level
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice
from DeepRegistrationLib.workflows.result import SlicePose
from DeepRegistrationLib.workflows.slice_poses import about

_USUAL_DEG, _USUAL_MM = 6.0, 4.0
"""Standard deviation of a slice's motion against the stack."""
_TIED_DEG, _TIED_MM = 3.0, 2.0
"""Standard deviation of the difference between tied slices."""
_PIXELS_THAT_AGREE = 20.0
"""Neighbouring pixels whose errors are alike: they count as one measurement. What differs between the brain
and the atlas is so in larger patches than noise; with fewer pixels slices of foreign brains follow that."""
_SMALLEST_AREA_MM2 = 150.0
_ITERATIONS = 10


def follow_motion(
    found: FoundSlicePose, part: PreparedSlice, advance: Advance = lambda fraction: None
) -> tuple[SlicePose, ...]:
    """Refines each slice of a stack about the pose of the stack.

    Args:
        found: pose of the stack.
        part: the stack.
        advance: told the fraction done; raises to stop.

    Returns:
        One pose for each slice that shows enough of the brain.
    """
    stack = found.poses[[0]]
    scale = float(stack.log_scale[0].exp())
    areas = part.areas_mm2().cpu()
    numbers = torch.nonzero(areas >= _SMALLEST_AREA_MM2).flatten().tolist()
    levels, starts = [], []
    for count, number in enumerate(numbers):
        single = part.single(number)
        levels.append(make_level(found.atlas.brain, single, scale, MEDIUM))
        starts.append(about(stack, single.centre_ras))
        advance(0.4 * (count + 1) / len(numbers))
    motion = torch.zeros(len(numbers), 6, dtype=torch.float64)
    ties = _ties(numbers)
    cost, hessian, gradient, similarity = _linearize(levels, starts, motion, ties)
    damping = 1e-3
    for iteration in range(_ITERATIONS):
        advance(0.4 + 0.6 * iteration / _ITERATIONS)
        size = hessian.shape[0]
        damped = hessian + damping * torch.diag(hessian.diagonal() + 1e-9 * torch.ones(size).to(hessian))
        step = torch.linalg.solve(damped, gradient).unflatten(0, (-1, 6))
        trial = _linearize(levels, starts, motion + step, ties)
        if trial[0] >= cost:
            damping *= 10
            continue
        gained, motion = cost - trial[0], motion + step
        cost, hessian, gradient, similarity = trial
        damping = max(damping / 5, 1e-6)
        if gained < 1e-4 * cost:
            break
    advance(1.0)
    return tuple(
        _slice_pose(part.first_number + number, start, motion[index], similarity[index])
        for index, (number, start) in enumerate(zip(numbers, starts, strict=True))
    )


def _ties(numbers: list[int]) -> list[tuple[int, int]]:
    """Pairs of positions in the list whose slices are next or next but one to each other."""
    return [
        (first, second)
        for first, second in itertools.combinations(range(len(numbers)), 2)
        if numbers[second] - numbers[first] in (1, 2)
    ]


def _linearize(
    levels: list[SliceLevel], starts: list[PoseBatch], motion: torch.Tensor, ties: list[tuple[int, int]]
) -> tuple[float, torch.Tensor, torch.Tensor, list[float]]:
    """Cost; (6 N, 6 N) normal matrix; (6 N,) right side; similarity of each slice."""
    count = len(levels)
    hessian = torch.zeros(count, 6, count, 6, dtype=torch.float64)
    gradient = torch.zeros(count, 6, dtype=torch.float64)
    cost, similarities = 0.0, []
    for index, (level, start) in enumerate(zip(levels, starts, strict=True)):
        values, changes = level.sampler.linearized(_moved(start, motion[index]), level.offsets, False)
        fit = level.similarity(values)
        jacobian = changes * fit.slope[..., None]
        total = float(level.similarity.total)
        # per measurement, so that the unit of the cost is one standard deviation
        unexplained = max(total * (1 - float(fit.similarity[0])), 1e-6)
        weight = 1 / (_PIXELS_THAT_AGREE * unexplained / len(level.offsets))
        normal = (jacobian.mT @ jacobian - fit.absorbed(changes))[0]
        hessian[index, :, index] += weight * normal.double().cpu()
        gradient[index] += weight * torch.einsum("pa,p->a", jacobian[0], fit.residual[0]).double().cpu()
        # log of the residual sum of squares: its derivative is what `weight` makes of the two above
        cost += len(level.offsets) / _PIXELS_THAT_AGREE * math.log(unexplained)
        similarities.append(float(fit.similarity[0]))
    usual, tied = _precision(_USUAL_DEG, _USUAL_MM), _precision(_TIED_DEG, _TIED_MM)
    for index in range(count):
        hessian[index, :, index] += torch.diag(usual)
        gradient[index] -= usual * motion[index]
        cost += float((usual * motion[index].square()).sum())
    for first, second in ties:
        apart = motion[first] - motion[second]
        cost += float((tied * apart.square()).sum())
        for index, sign in ((first, 1.0), (second, -1.0)):
            hessian[index, :, index] += torch.diag(tied)
            gradient[index] -= sign * tied * apart
        hessian[first, :, second] -= torch.diag(tied)
        hessian[second, :, first] -= torch.diag(tied)
    return cost, hessian.reshape(6 * count, 6 * count), gradient.flatten(), similarities


def _precision(deviation_deg: float, deviation_mm: float) -> torch.Tensor:
    """(6,); inverse variances of a rotation vector [rad] and a translation [mm]."""
    deviations = torch.tensor([math.radians(deviation_deg)] * 3 + [deviation_mm] * 3, dtype=torch.float64)
    return 1 / deviations.square()


def _moved(start: PoseBatch, motion: torch.Tensor) -> PoseBatch:
    """A pose (batch of one) after a motion (6,): rotation vector about the slice's centroid, translation."""
    step = motion.to(start.translation)
    return replace(
        start,
        rotation=matrix_from_rotation_vector(step[None, :3]) @ start.rotation,
        translation=start.translation + step[None, 3:],
    )


def _slice_pose(number: int, start: PoseBatch, motion: torch.Tensor, similarity: float) -> SlicePose:
    return SlicePose(
        index=number,
        matrix=_moved(start, motion).rigid().moving_from_fixed(),
        turned_deg=math.degrees(float(motion[:3].norm())),
        moved_mm=float(motion[3:].norm()),
        similarity=similarity,
    )
