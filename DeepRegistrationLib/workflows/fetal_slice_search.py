"""From proposals to the best pose of slices, its mirror image and its best rival.

Every proposal stands for a pair: itself and its mirror image. Pairs are refined together and compared by
their better member, from coarse to fine; fewer of them reach each level.
"""

import math
from dataclasses import dataclass

import torch

from DeepRegistrationLib.jobs.fetal_slice import HalfSpace, SliceMeasure
from DeepRegistrationLib.optimize.pose_batch import PoseBatch, stack_poses
from DeepRegistrationLib.workflows.fetal_slice_proposals import (
    AT_EQUATOR,
    NEAR_EQUATOR,
    allowed,
    distance,
    distinct,
    facing_up,
    mirrored,
)
from DeepRegistrationLib.workflows.fetal_slice_refinement import (
    COARSE,
    MEDIUM,
    Advance,
    SliceLevel,
    last_level,
    make_level,
)
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice

SEPARATION_DEG, SEPARATION_RADII = 12.0, 0.15
"""Proposals closer than this end in the same place."""
_SAME_DEG, _SAME_RADII = 6.0, 0.1
"""Refined poses closer than this are the same."""
_DIFFERENT_DEG, _DIFFERENT_RADII = 20.0, 0.35
"""A rival lies further away than this from the answer and from its mirror image."""
_PAIRS_MEDIUM, _PAIRS_FINE = 8, 3
_USUAL_SIZE_CHANGE, _SIZE_COST = 0.05, 0.01
"""Brains of one age differ by 5 % in length; so much similarity weighs as much as that. Chosen on brains
that are not reported on, among them two with spina bifida: half or twice as much finds as many slices."""
FEW_SLICES, MANY_SLICES = 7, 16
"""Of a stack so many slices, evenly spread, judge the first two levels and the last one."""


@dataclass(frozen=True, eq=False)
class SliceSearch:
    """What the search found.

    Attributes:
        poses: the answer first, its mirror image second if there is one.
        similarity: (N,); of the answer and of its mirror image.
        rival: similarity of the best pose that is neither; 0 if there was none.
        agreement: share of the coarse candidates started near the answer or its mirror image that arrived
            there; None if there were none.
        history: level -> best similarity after each iteration.
    """

    poses: PoseBatch
    similarity: torch.Tensor
    rival: float
    agreement: float | None
    history: dict[str, list[float]]


def choose_starts(
    poses: PoseBatch, score: torch.Tensor, atlas: PreparedBrain, part: PreparedSlice, count: int
) -> PoseBatch:
    """The best distinct ones of many proposals; mirror images count as one.

    Returns:
        Up to `count` poses, their normals facing up.
    """
    poses = facing_up(poses, part)
    return poses[distinct(poses, score, count, SEPARATION_DEG, SEPARATION_RADII * atlas.radius_mm)]


def search(
    atlas: PreparedBrain,
    part: PreparedSlice,
    starts: PoseBatch,
    scale: float,
    half_space: HalfSpace,
    measure: SliceMeasure,
    advance: Advance = lambda fraction: None,
) -> SliceSearch:
    """Refines pairs from coarse to fine.

    Args:
        atlas: the atlas brain.
        part: one slice or a stack.
        starts: one pose of each pair.
        scale: size of the atlas relative to the subject, as the age tells it.
        half_space: which members of the pairs are possible.
        measure: similarity of the last level.
        advance: told the fraction done; raises to stop.

    Returns:
        The answer with what speaks for and against it.
    """
    poses, pair = _pairs(starts, part, half_space)
    few = part.thinned(FEW_SLICES)
    coarse = make_level(atlas, few, scale, COARSE)
    refined, values, coarse_history = coarse.refine(poses, lambda f: advance(0.4 * f))
    begun, arrived = poses, refined
    refined, values, pair = _best_pairs(refined, values, pair, part, atlas, scale, _PAIRS_MEDIUM)
    medium = make_level(atlas, few, scale, MEDIUM)
    refined, values, medium_history = medium.refine(refined, lambda f: advance(0.4 + 0.3 * f))
    left, left_values = refined, values - size_costs(refined, scale)
    refined, values, pair = _best_pairs(refined, values, pair, part, atlas, scale, _PAIRS_FINE)
    refined, pair = _with_exact_twins(refined, values, pair, part, medium)
    fine = make_level(atlas, part.thinned(MANY_SLICES), scale, last_level(measure))
    refined, values, fine_history = fine.refine(refined, lambda f: advance(0.7 + 0.3 * f))

    possible = allowed(refined, part, half_space, AT_EQUATOR)
    if bool(possible.any()):
        kept = torch.nonzero(possible).flatten()
        refined, values, pair = refined[kept], values[kept], pair[kept]
    best = int((values - size_costs(refined, scale)).argmax())
    chosen = [best]
    other = (pair == pair[best]) & (torch.arange(len(pair), device=pair.device) != best)
    if bool(other.any()):
        twin = int(torch.nonzero(other).flatten()[0])
        if float(distance(refined[[twin]], refined[[best]], *_units(atlas, _SAME_DEG, _SAME_RADII))[0]) > 1:
            chosen.append(twin)
    answer = refined[chosen]
    images = stack_poses(answer, mirrored(answer[[0]], part))
    answer_value = medium.score(answer[[0]]) - size_costs(answer[[0]], scale)
    return SliceSearch(
        poses=answer,
        similarity=values[chosen],
        rival=rival_of(left, left_values, answer_value, images, atlas),
        agreement=_agreement(begun, arrived, images, atlas),
        history={"coarse": coarse_history, "medium": medium_history, "fine": fine_history},
    )


def size_cost(size_change: float) -> float:
    """What speaks against a size, as similarity.

    Args:
        size_change: logarithm of the fitted size relative to the size expected from the age.
    """
    return _SIZE_COST * (size_change / _USUAL_SIZE_CHANGE) ** 2


def size_costs(poses: PoseBatch, scale: float) -> torch.Tensor:
    """(N,); of each pose, where an atlas of relative size `scale` is expected."""
    return _SIZE_COST * ((poses.log_scale - math.log(scale)) / _USUAL_SIZE_CHANGE).square()


def _pairs(starts: PoseBatch, part: PreparedSlice, half_space: HalfSpace) -> tuple[PoseBatch, torch.Tensor]:
    """All members that the half space allows, and (N,) the number of the pair that each belongs to."""
    number = torch.arange(len(starts), device=starts.rotation.device)
    poses, pair = stack_poses(starts, mirrored(starts, part)), torch.cat([number, number])
    kept = torch.nonzero(allowed(poses, part, half_space, NEAR_EQUATOR)).flatten()
    return poses[kept], pair[kept]


def _best_pairs(
    poses: PoseBatch,
    values: torch.Tensor,
    pair: torch.Tensor,
    part: PreparedSlice,
    atlas: PreparedBrain,
    scale: float,
    count: int,
) -> tuple[PoseBatch, torch.Tensor, torch.Tensor]:
    """Both members of the best pairs that are not the same."""
    worth = values - size_costs(poses, scale)
    pair_worth = worth.new_full((int(pair.max()) + 1,), -torch.inf).scatter_reduce(0, pair, worth, "amax")
    leader = torch.where(worth >= pair_worth[pair], worth, torch.full_like(worth, -torch.inf))
    chosen = distinct(facing_up(poses, part), leader, count, *_units(atlas, _SAME_DEG, _SAME_RADII))
    members = torch.nonzero(torch.isin(pair, pair[chosen])).flatten()
    return poses[members], values[members], pair[members]


def _with_exact_twins(
    poses: PoseBatch, values: torch.Tensor, pair: torch.Tensor, part: PreparedSlice, level: SliceLevel
) -> tuple[PoseBatch, torch.Tensor]:
    """The better member of each pair, and as its twin what fits better: the other member or its mirror image.

    A twin may have strayed on its own way; the mirror image of the better one has not.
    """
    leaders, twins = [], []
    images = mirrored(poses, part)
    image_values = level.score(images)
    for number in torch.unique(pair).tolist():
        members = torch.nonzero(pair == number).flatten().tolist()
        leader = max(members, key=lambda member: float(values[member]))
        leaders.append(leader)
        others = [member for member in members if member != leader]
        strayed = not others or float(values[others[0]]) < float(image_values[leader])
        twins.append(images[[leader]] if strayed else poses[others])
    together = poses[leaders]
    for twin in twins:
        together = stack_poses(together, twin)
    return together, torch.arange(len(leaders), device=pair.device).repeat(2)


def rival_of(
    poses: PoseBatch, values: torch.Tensor, answer: torch.Tensor, images: PoseBatch, atlas: PreparedBrain
) -> float:
    """How well the best different pose fits, relative to the answer, at one level: 0 to about 1."""
    apart = _apart(poses, images, atlas, _DIFFERENT_DEG, _DIFFERENT_RADII) > 1
    if not bool(apart.any()):
        return 0.0
    return float(values[apart].max() / answer.clamp(min=1e-6)[0])


def _agreement(begun: PoseBatch, arrived: PoseBatch, images: PoseBatch, atlas: PreparedBrain) -> float | None:
    near = _apart(begun, images, atlas, 30.0, 0.6) < 1
    if not bool(near.any()):
        return None
    there = _apart(arrived, images, atlas, 10.0, 0.2) < 1
    return float((near & there).sum() / near.sum())


def _apart(
    poses: PoseBatch, images: PoseBatch, atlas: PreparedBrain, unit_deg: float, unit_radii: float
) -> torch.Tensor:
    """(N,); distance to the nearest of the images of the answer."""
    units = _units(atlas, unit_deg, unit_radii)
    return torch.stack([distance(poses, images[[number]], *units) for number in range(len(images))]).amin(0)


def _units(atlas: PreparedBrain, degrees: float, radii: float) -> tuple[float, float]:
    return degrees, radii * atlas.radius_mm
