"""The methods of the fetal slice job: from prepared slices to poses and what speaks for them."""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.atlases.brain_growth import brain_volume_ml
from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas
from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings, SliceMeasure
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.optimize.pose_batch import PoseBatch, stack_poses
from DeepRegistrationLib.optimize.slice_bank import SliceBank
from DeepRegistrationLib.workflows.fetal_slice_baselines import register_slice_baseline
from DeepRegistrationLib.workflows.fetal_slice_proposals import (
    SLICE_NET,
    bank_proposals,
    distance,
    make_slice_bank,
    mirrored,
    net_proposals,
)
from DeepRegistrationLib.workflows.fetal_slice_refinement import (
    COARSE,
    FINE,
    MEDIUM,
    Advance,
    last_level,
    make_level,
)
from DeepRegistrationLib.workflows.fetal_slice_search import (
    FEW_SLICES,
    MANY_SLICES,
    choose_starts,
    rival_of,
    search,
    size_cost,
    size_costs,
)
from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas, prepare_atlas
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.slice_atlas import cerebrum_of
from DeepRegistrationLib.workflows.slice_confidence import SliceEvidence, judge_slice
from DeepRegistrationLib.workflows.slice_poses import about, pose_of_matrix, towards

_PROPOSALS = 200
"""Best scores of each channel of the bank, at each size, from which distinct ones are chosen."""
_SIZES_TRIED = (0.93, 1.0, 1.07)
"""Relative to the size that the age tells; brains of one age differ by 5 % in length."""
_ASKED_SLICES = 6
"""Slices of a stack of which the bank is asked: those that show most of the brain."""
_AGES_TRIED_WEEKS = (22.5, 27.0, 31.5, 36.0)
"""Four ages stay in memory; between them the fitted size makes up for the rest."""
FOLLOWED_RIVAL = 0.9
"""A pose that was followed is searched anew where turned by quarters it fits so well, relative to itself, or
where it is not trusted."""
_RIVAL_ITERATIONS = 5
_FOLLOWED_DEG, _FOLLOWED_RADII = 25.0, 0.5
"""Further from the slice before the pose is searched anew."""


@dataclass(frozen=True, eq=False)
class FoundSlicePose:
    """Answer of one method.

    Attributes:
        poses: the answer, and its mirror image if it may be right as well; atlas from slice.
        similarity: (N,); of each.
        atlas: the age that was taken.
        evidence: what the confidence rests on.
        history: level -> best similarity after each iteration.
        models: names of the networks that were asked.
        followed: the pose of the slice before was refined, nothing was searched.
    """

    poses: PoseBatch
    similarity: torch.Tensor
    atlas: PreparedAtlas
    evidence: SliceEvidence
    history: dict[str, list[float]]
    models: tuple[str, ...] = ()
    followed: bool = False


# a bank takes a second and 33 MB; it is worth keeping for the next slice. Four ages, with and without fluid
@functools.lru_cache(maxsize=8)
def slice_bank(atlas: PreparedAtlas) -> SliceBank:
    """The atlas cut along all planes, kept between jobs of a resident worker."""
    return make_slice_bank(atlas.brain)


def ages_to_try(ages: FetalAtlas, settings: FetalSliceSettings) -> list[AtlasFiles]:
    """The atlas week of the given age, or a few weeks spread over all ages."""
    if settings.gestational_age_weeks is not None:
        return [ages.nearest(settings.gestational_age_weeks)[0]]
    return list(dict.fromkeys(ages.nearest(week)[0] for week in _AGES_TRIED_WEEKS))


def expected_scale(atlas: PreparedAtlas, settings: FetalSliceSettings) -> float:
    """Size of the atlas relative to the subject, from both ages; 1 if one is not known."""
    atlas_age, age = atlas.source.gestational_age_weeks, settings.gestational_age_weeks
    if age is None or atlas_age is None:
        return 1.0
    return (brain_volume_ml(atlas_age) / brain_volume_ml(age)) ** (1 / 3)


def find_pose(
    ages: FetalAtlas,
    part: PreparedSlice,
    settings: FetalSliceSettings,
    device: torch.device,
    advance: Advance,
) -> FoundSlicePose:
    """Finds slices with the method of the settings; of a long stack every n-th slice is enough.

    Args:
        ages: the atlas.
        part: one slice or a stack.
        settings: choices.
        device: where torch computes.
        advance: told the fraction done; raises to stop.

    Returns:
        The answer at the age that fits best.

    Raises:
        RegistrationError: the method needs a network that is not installed.
    """
    part = part.thinned(MANY_SLICES)
    entries = ages_to_try(ages, settings)
    best: FoundSlicePose | None = None
    for number, files in enumerate(entries):

        def part_done(fraction: float, number: int = number) -> None:
            advance((number + fraction) / len(entries))

        found = _at_one_age(prepare_atlas(files, device), part, settings, part_done)
        if best is None or _age_fit(found) > _age_fit(best):
            best = found
    return best


def _age_fit(found: FoundSlicePose) -> float:
    """Similarity, less what a size speaks against that is unusual at the age."""
    return float(found.similarity[0]) - size_cost(found.evidence.size_change)


def _at_one_age(
    atlas: PreparedAtlas, part: PreparedSlice, settings: FetalSliceSettings, advance: Advance
) -> FoundSlicePose:
    advance(0.0)
    if settings.initial_pose is not None:
        followed = _with_or_without_fluid(_follow, atlas, part, settings, advance)
        if followed is not None:
            return followed
    if settings.method == FetalSliceMethod.SVR_GC:
        return _by_baseline(atlas, part, None, settings, advance)
    if settings.method in (FetalSliceMethod.SLICE_NET, FetalSliceMethod.SVR_DEEP):
        answer = _net_answer(atlas, part, expected_scale(atlas, settings))
        if settings.method == FetalSliceMethod.SVR_DEEP:
            return _by_baseline(atlas, part, answer, settings, advance)
        return _judged(atlas, part, answer, settings, (SLICE_NET,))
    return _with_or_without_fluid(_by_search, atlas, part, settings, advance)


def _with_or_without_fluid(
    find: Callable[..., FoundSlicePose | None],
    atlas: PreparedAtlas,
    part: PreparedSlice,
    settings: FetalSliceSettings,
    advance: Advance,
) -> FoundSlicePose | None:
    """What is found in the whole atlas or, where that leaves doubts, in the cerebrum if it fits better."""
    found = find(atlas, atlas, part, settings, lambda f: advance(0.5 * f))
    if found is not None and judge_slice(found.evidence).trust == Trust.HIGH:
        return found
    cerebrum = cerebrum_of(atlas)
    if cerebrum is None:
        return found
    other = find(cerebrum, atlas, part, settings, lambda f: advance(0.5 + 0.5 * f))
    answers = [answer for answer in (found, other) if answer is not None]
    return max(answers, key=_age_fit, default=None)


def _by_search(
    atlas: PreparedAtlas,
    whole: PreparedAtlas,
    part: PreparedSlice,
    settings: FetalSliceSettings,
    advance: Advance,
) -> FoundSlicePose:
    """Proposals of bank and net, then pairs of mirror images from coarse to fine.

    The net's unit of length comes from the whole atlas, of which `atlas` may be a part.
    """
    bank = slice_bank(atlas)
    advance(0.2)
    scale = expected_scale(atlas, settings)
    # each candidate is a pair of mirror images, half of them found by intensity and half by edges
    pairs = max(settings.candidates // 2, 2)
    counts = (pairs - pairs // 2, pairs // 2)
    by_channel: list[PoseBatch | None] = [None, None]
    with_net = settings.method == FetalSliceMethod.AUTO and _net_is_installed()
    by_net: PoseBatch | None = None
    asked = _slices_to_ask(part)
    for number, index in enumerate(asked):
        single = part.single(index) if len(part.image.values) > 1 else part
        for size in _SIZES_TRIED:
            count = max(_PROPOSALS // len(asked), 50)
            poses, _ = bank_proposals(bank, atlas.brain, single, scale * size, count)
            poses = about(poses, part.centre_ras)
            for channel, half in enumerate(_halves(len(poses))):
                by_channel[channel] = _joined(by_channel[channel], poses[half])
        if with_net:
            poses = about(net_proposals(whole.brain, single, scale), part.centre_ras)
            by_net = _joined(by_net, towards(poses, atlas.brain.centre_ras))
        advance(0.2 + 0.2 * (number + 1) / len(asked))
    # what one slice proposes all slices judge
    level = make_level(atlas.brain, part.thinned(FEW_SLICES), scale, COARSE)
    starts: PoseBatch | None = None
    for poses, count in zip(by_channel, counts, strict=True):
        both = torch.maximum(level.score(poses), level.score(mirrored(poses, part)))
        both = both - size_costs(poses, scale)
        starts = _joined(starts, choose_starts(poses, both, atlas.brain, part, count))
    if by_net is not None:
        starts = _joined(by_net, starts)
    found = search(
        atlas.brain,
        part,
        starts,
        scale,
        settings.half_space,
        settings.measure,
        lambda f: advance(0.4 + 0.6 * f),
    )
    return FoundSlicePose(
        poses=found.poses,
        similarity=found.similarity,
        atlas=atlas,
        evidence=_evidence(atlas, part, found.poses, found.rival, found.agreement, settings),
        history=found.history,
        models=(SLICE_NET,) if with_net else (),
    )


def _follow(
    atlas: PreparedAtlas,
    _whole: PreparedAtlas,
    part: PreparedSlice,
    settings: FetalSliceSettings,
    advance: Advance,
) -> FoundSlicePose | None:
    """Refines the pose of the slice before; None if it does not fit any more."""
    atlas_from_slice = np.array(settings.initial_pose).reshape(4, 4)
    start = pose_of_matrix(atlas_from_slice, part, atlas, expected_scale(atlas, settings))
    scale = float(start.log_scale[0].exp())
    poses, _, medium = make_level(atlas.brain, part, scale, MEDIUM).refine(start)
    advance(0.5)
    level = make_level(atlas.brain, part, scale, last_level(settings.measure))
    poses, values, fine = level.refine(poses)
    units = (_FOLLOWED_DEG, _FOLLOWED_RADII * atlas.brain.radius_mm)
    if float(distance(poses, start, *units)[0]) > 1:
        return None
    coarse = make_level(atlas.brain, part, scale, COARSE)
    turned, turned_values, _ = coarse.refine(_quarter_turns(poses, part), iterations=_RIVAL_ITERATIONS)
    images = stack_poses(poses, mirrored(poses, part))
    rival = rival_of(turned, turned_values, coarse.score(poses), images, atlas.brain)
    evidence = _evidence(atlas, part, poses, rival, None, settings)
    if rival > FOLLOWED_RIVAL or judge_slice(evidence).trust == Trust.LOW:
        return None
    return FoundSlicePose(
        poses=poses,
        similarity=values,
        atlas=atlas,
        evidence=evidence,
        history={"medium": medium, "fine": fine},
        followed=True,
    )


def _by_baseline(
    atlas: PreparedAtlas,
    part: PreparedSlice,
    start: PoseBatch | None,
    settings: FetalSliceSettings,
    advance: Advance,
) -> FoundSlicePose:
    """The paper's registration of slices by intensity; its pose is judged like ours."""
    scale = expected_scale(atlas, settings)
    matrix = None if start is None else start.moving_from_fixed()
    found = register_slice_baseline(part, atlas.brain, scale, matrix, advance)
    answer = pose_of_matrix(found, part, atlas, None)
    return _judged(atlas, part, answer, settings, () if start is None else (SLICE_NET,))


def _judged(
    atlas: PreparedAtlas,
    part: PreparedSlice,
    answer: PoseBatch,
    settings: FetalSliceSettings,
    models: tuple[str, ...],
) -> FoundSlicePose:
    """A pose that is not refined here, with the similarity of it and of its mirror image."""
    scale = expected_scale(atlas, settings)
    poses = stack_poses(answer, mirrored(answer, part))
    values = make_level(atlas.brain, part, scale, last_level(SliceMeasure.LOCAL_CORRELATION)).score(poses)
    medium = make_level(atlas.brain, part, scale, MEDIUM)
    turned, turned_values, _ = medium.refine(_quarter_turns(answer, part))
    rival = rival_of(turned, turned_values, medium.score(answer), poses, atlas.brain)
    return FoundSlicePose(
        poses=poses[[0]],
        similarity=values[:1],
        atlas=atlas,
        evidence=_evidence(atlas, part, answer, rival, None, settings),
        history={},
        models=models,
    )


def _quarter_turns(answer: PoseBatch, part: PreparedSlice) -> PoseBatch:
    """The answer turned by 90, 180 and 270 degrees about each axis of the slice: rivals of a pose."""
    axes = part.ras_from_slice
    turns = []
    for axis in range(3):
        for quarter in (1, 2, 3):
            cosine, sine = round(math.cos(quarter * math.pi / 2)), round(math.sin(quarter * math.pi / 2))
            turn = np.eye(3)
            a, b = (axis + 1) % 3, (axis + 2) % 3
            turn[a, a], turn[a, b], turn[b, a], turn[b, b] = cosine, -sine, sine, cosine
            turns.append(axes @ turn @ axes.T)
    turned = answer.rotation @ torch.as_tensor(np.stack(turns)).to(answer.rotation)
    return replace(answer[[0] * len(turns)], rotation=turned)


def _net_answer(atlas: PreparedAtlas, part: PreparedSlice, scale: float) -> PoseBatch:
    """The net's pose of the slice that shows most; its best turn is that which all slices fit best."""
    single = part.single(_slices_to_ask(part)[0]) if len(part.image.values) > 1 else part
    poses = about(net_proposals(atlas.brain, single, scale), part.centre_ras)
    values = make_level(atlas.brain, part, scale, COARSE).score(poses)
    return poses[[int(values.argmax())]]


def _net_is_installed() -> bool:
    try:
        load_model(SLICE_NET, "cpu")
    except RegistrationError:
        return False
    return True


def _evidence(
    atlas: PreparedAtlas,
    part: PreparedSlice,
    answer: PoseBatch,
    rival: float,
    agreement: float | None,
    settings: FetalSliceSettings,
) -> SliceEvidence:
    scale = expected_scale(atlas, settings)
    return SliceEvidence(
        similarity=float(make_level(atlas.brain, part, scale, FINE).score(answer[[0]])[0]),
        rival=rival,
        agreement=agreement,
        size_change=float(answer.log_scale[0]) - math.log(scale),
    )


def _slices_to_ask(part: PreparedSlice) -> list[int]:
    """Slices that show most of the brain, largest first; neighbours tell much the same and are left out."""
    areas = part.areas_mm2().cpu()
    worth = torch.nonzero(areas > 0.4 * areas.max()).flatten()
    step = max(len(worth) // _ASKED_SLICES, 1)
    chosen = worth[step // 2 :: step]
    return sorted(chosen.tolist(), key=lambda index: -float(areas[index]))


def _halves(count: int) -> tuple[list[int], list[int]]:
    return list(range(count // 2)), list(range(count // 2, count))


def _joined(first: PoseBatch | None, second: PoseBatch) -> PoseBatch:
    return second if first is None else stack_poses(first, second)
