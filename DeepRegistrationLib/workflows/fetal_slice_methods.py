"""The methods of the fetal slice job: from prepared slices to poses and what speaks for them."""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.atlases.brain_growth import brain_volume_ml
from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings, SliceMeasure
from DeepRegistrationLib.jobs.fetal_volume import MovingContrast
from DeepRegistrationLib.optimize.pose_batch import PoseBatch, stack_poses
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2
from DeepRegistrationLib.workflows.fetal_slice_baselines import register_slice_baseline
from DeepRegistrationLib.workflows.fetal_slice_proposals import (
    NET_TURNS,
    SLICE_NET,
    distance,
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
    MANY_SLICES,
    rival_of,
    search,
    size_cost,
)
from DeepRegistrationLib.workflows.fetal_slice_starts import ask_net, propose_starts, slices_to_ask
from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas, prepare_atlas
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.slice_atlas import cerebrum_of
from DeepRegistrationLib.workflows.slice_confidence import SliceEvidence, judge_slice
from DeepRegistrationLib.workflows.slice_contrast import slices_as_t2
from DeepRegistrationLib.workflows.slice_poses import about, pose_of_matrix, towards

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


def as_compared(part: PreparedSlice, atlas: PreparedAtlas, settings: FetalSliceSettings) -> PreparedSlice:
    """The slices in the contrast in which they are compared with the atlas.

    Args:
        part: the slices as they are.
        atlas: the whole brain at the age that is tried.
        settings: choices.

    Raises:
        RegistrationError: the contrast needs a network that is not installed.
    """
    if settings.contrast == MovingContrast.AS_IT_IS:
        return part
    return slices_as_t2(part, atlas.brain.radius_mm / expected_scale(atlas, settings))


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

        atlas = prepare_atlas(files, device)
        found = _at_one_age(atlas, as_compared(part, atlas, settings), settings, part_done)
        if best is None or _age_fit(found) > _age_fit(best):
            best = found
    if settings.contrast == MovingContrast.AS_IT_IS:
        return best
    return replace(best, models=(*best.models, T1_TO_T2))


def _age_fit(found: FoundSlicePose) -> float:
    """Similarity, less what a size speaks against that is unusual at the age."""
    return float(found.similarity[0]) - size_cost(found.evidence.size_change)


def _at_one_age(
    atlas: PreparedAtlas, part: PreparedSlice, settings: FetalSliceSettings, advance: Advance
) -> FoundSlicePose:
    advance(0.0)
    if settings.initial_pose is not None:
        followed = _follow_with_or_without_fluid(atlas, part, settings, advance)
        if followed is not None:
            return followed
    if settings.method == FetalSliceMethod.SVR_GC:
        return _by_baseline(atlas, part, None, settings, advance)
    if settings.method in (FetalSliceMethod.SLICE_NET, FetalSliceMethod.SVR_DEEP):
        answer = _net_answer(atlas, part, expected_scale(atlas, settings))
        if settings.method == FetalSliceMethod.SVR_DEEP:
            return _by_baseline(atlas, part, answer, settings, advance)
        return _judged(atlas, part, answer, settings, (SLICE_NET,))
    return _by_search(atlas, part, settings, advance)


def _follow_with_or_without_fluid(
    atlas: PreparedAtlas, part: PreparedSlice, settings: FetalSliceSettings, advance: Advance
) -> FoundSlicePose | None:
    """The pose followed in the whole atlas or, where it is not trusted there, in the cerebrum."""
    found = _follow(atlas, part, settings, advance)
    if found is not None:
        return found
    cerebrum = cerebrum_of(atlas)
    return None if cerebrum is None else _follow(cerebrum, part, settings, advance)


def _by_search(
    atlas: PreparedAtlas, part: PreparedSlice, settings: FetalSliceSettings, advance: Advance
) -> FoundSlicePose:
    """Searches the whole atlas and, where that leaves doubts, the cerebrum, and the atlas from there again.

    The outline weighs much: slices without fluid are often found in the cerebrum only, and yet fit best
    where the fluid in the folds is seen too.
    """
    scale = expected_scale(atlas, settings)
    by_net = ask_net(atlas, part, settings, scale)
    starts = propose_starts(atlas, part, settings, scale, by_net, lambda f: advance(0.2 * f))
    found = _search_from(starts, atlas, part, settings, by_net, lambda f: advance(0.2 + 0.2 * f))
    cerebrum = None if judge_slice(found.evidence).trust == Trust.HIGH else cerebrum_of(atlas)
    if cerebrum is None:
        return found
    starts = propose_starts(cerebrum, part, settings, scale, by_net, lambda f: advance(0.4 + 0.2 * f))
    there = _search_from(starts, cerebrum, part, settings, by_net, lambda f: advance(0.6 + 0.2 * f))
    starts = towards(starts, atlas.brain.centre_ras)
    again = _search_from(starts, atlas, part, settings, by_net, lambda f: advance(0.8 + 0.2 * f))
    return _best_of([found, there, again], part)


def _search_from(
    starts: PoseBatch,
    atlas: PreparedAtlas,
    part: PreparedSlice,
    settings: FetalSliceSettings,
    by_net: PoseBatch | None,
    advance: Advance,
) -> FoundSlicePose:
    """Pairs of mirror images from coarse to fine."""
    scale = expected_scale(atlas, settings)
    found = search(atlas.brain, part, starts, scale, settings.half_space, settings.measure, advance)
    evidence = _evidence(atlas, part, found.poses, found.rival, found.agreement, settings)
    if by_net is not None:
        evidence = replace(evidence, net_deg=_apart_from_net_deg(found.poses[[0]], part, by_net))
    return FoundSlicePose(
        poses=found.poses,
        similarity=found.similarity,
        atlas=atlas,
        evidence=evidence,
        history=found.history,
        models=() if by_net is None else (SLICE_NET,),
    )


def _best_of(answers: list[FoundSlicePose], part: PreparedSlice) -> FoundSlicePose:
    """The answer that fits best; those that lie elsewhere are its rivals."""
    best = max(answers, key=_age_fit)
    images = stack_poses(best.poses[[0]], mirrored(best.poses[[0]], part))
    rival = best.evidence.rival
    for other in answers:
        pose = towards(other.poses[[0]], best.atlas.brain.centre_ras)
        value = images.rotation.new_tensor([_age_fit(other)])
        own = images.rotation.new_tensor([_age_fit(best)])
        rival = max(rival, rival_of(pose, value, own, images, best.atlas.brain))
    return replace(best, evidence=replace(best.evidence, rival=rival))


def _follow(
    atlas: PreparedAtlas, part: PreparedSlice, settings: FetalSliceSettings, advance: Advance
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
    poses = about(net_proposals(atlas.brain, _shows_most(part), scale), part.centre_ras)
    values = make_level(atlas.brain, part, scale, COARSE).score(poses)
    return poses[[int(values.argmax())]]


def _shows_most(part: PreparedSlice) -> PreparedSlice:
    return part.single(slices_to_ask(part)[0]) if len(part.image.values) > 1 else part


def _apart_from_net_deg(answer: PoseBatch, part: PreparedSlice, by_net: PoseBatch) -> float:
    """Median angle to the answer (batch of one) or its mirror image, whichever is nearer.

    Only what the net says of the slice that shows most counts.
    """
    seen = by_net.rotation[:NET_TURNS]
    angles = [
        geodesic_distance(seen, pose.rotation.expand_as(seen)) for pose in (answer, mirrored(answer, part))
    ]
    return math.degrees(float(torch.minimum(*angles).median()))


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
