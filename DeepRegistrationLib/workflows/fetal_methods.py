"""The methods of the fetal volume job: from two prepared brains to a pose and what speaks for it."""

import math
from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.atlases.brain_growth import age_of_brain_volume_weeks, brain_volume_ml
from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod, FetalVolumeSettings, FinalMeasure
from DeepRegistrationLib.models.catalog import ModelStamp
from DeepRegistrationLib.progress import StageProgress
from DeepRegistrationLib.workflows import fetal_pose_search as pose_search
from DeepRegistrationLib.workflows.fetal_confidence import PoseEvidence
from DeepRegistrationLib.workflows.fetal_network_methods import propose, propose_if_installed
from DeepRegistrationLib.workflows.fetal_volume_baselines import register_baseline
from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas, prepare_atlas
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

SEARCH, REFINE = "Searching all orientations", "Refining"
"""Stages that the methods enter."""


@dataclass(frozen=True, eq=False)
class FoundPose:
    """Answer of one method: subject from atlas, with and without scale, and what it rests on."""

    subject_from_atlas: np.ndarray
    subject_from_atlas_rigid: np.ndarray
    atlas: PreparedAtlas
    similarity: dict[str, float]
    evidence: PoseEvidence
    history: dict[str, list[float]]
    models: tuple[ModelStamp, ...] = ()


def by_search(
    ages: FetalAtlas,
    subject: PreparedBrain,
    atlas: PreparedAtlas,
    settings: FetalVolumeSettings,
    stages: StageProgress,
) -> FoundPose:
    """Bank (and networks) propose, all candidates are refined; chooses the age on the way if not given."""
    any_contrast = settings.method == FetalVolumeMethod.AUTO
    scale = _scale(subject, atlas, settings)
    stages.enter(SEARCH)
    bank = atlas.bank
    stages.advance(0.4)
    found = pose_search.search(
        atlas.brain,
        subject,
        bank,
        scale,
        settings.candidates,
        3 if any_contrast else 1,
        lambda fraction: stages.advance(0.4 + 0.5 * fraction),
    )
    candidates = pose_search.rivals(found, atlas.brain)
    proposal = propose_if_installed(atlas.brain, subject, scale) if any_contrast else None
    if proposal is not None:
        candidates = pose_search.stack_poses(candidates, proposal.pose)
    return _refined(
        ages,
        subject,
        atlas,
        candidates,
        settings,
        settings.measure if any_contrast else None,
        stages,
        found,
        proposal.models if proposal is not None else (),
    )


def by_networks(
    ages: FetalAtlas,
    subject: PreparedBrain,
    atlas: PreparedAtlas,
    settings: FetalVolumeSettings,
    stages: StageProgress,
) -> FoundPose:
    """Pose-Net, with or without Correction-Net and refinement, as the method says."""
    stages.enter(SEARCH)
    corrected = settings.method != FetalVolumeMethod.POSE_NET
    proposal = propose(atlas.brain, subject, _scale(subject, atlas, settings), corrected)
    if settings.method == FetalVolumeMethod.VVR_DEEP:
        candidates = pose_search.with_half_turns(proposal.pose, atlas.brain)
        return _refined(
            ages, subject, atlas, candidates, settings, settings.measure, stages, None, proposal.models
        )
    stages.enter(REFINE)
    return _judged(subject, atlas, proposal.pose, {}, proposal.models)


def _refined(
    ages: FetalAtlas,
    subject: PreparedBrain,
    atlas: PreparedAtlas,
    candidates: pose_search.PoseBatch,
    settings: FetalVolumeSettings,
    measure: FinalMeasure | None,
    stages: StageProgress,
    found: pose_search.PoseSearch | None,
    models: tuple[ModelStamp, ...],
) -> FoundPose:
    """Medium level for all candidates, the age if it is not given, fine level for the best one."""
    stages.enter(REFINE)
    poses, medium, history = pose_search.refine_medium(
        atlas.brain, subject, candidates, lambda fraction: stages.advance(0.5 * fraction)
    )
    order = pose_search.best_distinct(poses.rotation, medium, 2, pose_search.DIFFERENT_POSE_DEG)
    pose, value = poses[order[:1]], float(medium[order[0]])
    runner_up = float(medium[order[1]]) if len(order) > 1 else 0.0
    if settings.gestational_age_weeks is None:
        atlas, pose, value = _best_age(ages, atlas, subject, pose, value, stages)
    fine, fine_value, fine_history = pose_search.refine_fine(
        atlas.brain, subject, pose, measure, lambda fraction: stages.advance(0.7 + 0.3 * fraction)
    )
    return FoundPose(
        subject_from_atlas=fine.moving_from_fixed(),
        subject_from_atlas_rigid=fine.rigid().moving_from_fixed(),
        atlas=atlas,
        similarity={
            str(measure or "normalized-correlation"): fine_value,
            "local-correlation (medium)": value,
        },
        evidence=PoseEvidence(
            local_correlation=value,
            runner_up=runner_up,
            agreement=None if found is None else pose_search.agreement(found, pose.rotation[0]),
            brain_volume_ml=atlas.brain.volume_ml * math.exp(3 * float(fine.log_scale[0])),
            turned_deg=pose_search.angle_deg(pose.rotation[0], fine.rotation[0]),
        ),
        history={"medium": history, "fine": fine_history},
        models=models,
    )


def _best_age(
    atlas: FetalAtlas,
    start: PreparedAtlas,
    subject: PreparedBrain,
    pose: pose_search.PoseBatch,
    value: float,
    stages: StageProgress,
) -> tuple[PreparedAtlas, pose_search.PoseBatch, float]:
    """Tries the atlas ages around the size that the pose revealed; the most similar one wins."""
    revealed_ml = start.brain.volume_ml * math.exp(3 * float(pose.log_scale[0]))
    entries = atlas.nearest(age_of_brain_volume_weeks(revealed_ml), 3)
    best = start, pose, value
    for number, files in enumerate(entries):
        stages.advance(0.5 + 0.2 * number / len(entries))
        if files == start.files:
            continue
        other = prepare_atlas(files, pose.rotation.device)
        moved = pose_search.recentred(pose, start.brain, other.brain)
        poses, values, _ = pose_search.refine_medium(other.brain, subject, moved)
        if float(values[0]) > best[2]:
            best = other, poses, float(values[0])
    return best


def by_baseline(
    subject: PreparedBrain, atlas: PreparedAtlas, settings: FetalVolumeSettings, stages: StageProgress
) -> FoundPose:
    """The paper's intensity baselines; their pose is judged like ours."""
    stages.enter(SEARCH)
    stages.enter(REFINE)
    atlas_from_subject, value = register_baseline(
        subject.image,
        subject.mask,
        atlas.brain.image,
        atlas.brain.mask,
        settings.method,
        settings.seed,
        stages.advance,
    )
    pose = pose_search.pose_from_matrix(np.linalg.inv(atlas_from_subject), atlas.brain, subject)
    return _judged(subject, atlas, pose, {"mutual-information": value})


def _judged(
    subject: PreparedBrain,
    atlas: PreparedAtlas,
    answer: pose_search.PoseBatch,
    similarity: dict[str, float],
    models: tuple[ModelStamp, ...] = (),
) -> FoundPose:
    """An answer that stays as it is; refining it and its half turns shows how far it may be trusted."""
    poses, medium, _ = pose_search.refine_medium(
        atlas.brain, subject, pose_search.with_half_turns(answer, atlas.brain)
    )
    return FoundPose(
        subject_from_atlas=answer.moving_from_fixed(),
        subject_from_atlas_rigid=answer.rigid().moving_from_fixed(),
        atlas=atlas,
        similarity={**similarity, "local-correlation (medium)": float(medium[0])},
        evidence=PoseEvidence(
            local_correlation=float(medium[0]),
            runner_up=float(medium[1:].max()),
            agreement=None,
            brain_volume_ml=atlas.brain.volume_ml * math.exp(3 * float(poses.log_scale[0])),
            turned_deg=pose_search.angle_deg(answer.rotation[0], poses.rotation[0]),
        ),
        history={},
        models=models,
    )


def _scale(subject: PreparedBrain, atlas: PreparedAtlas, settings: FetalVolumeSettings) -> float:
    """Size of the subject relative to the atlas: from both ages if known, else from both masks."""
    atlas_age = atlas.source.gestational_age_weeks
    if settings.gestational_age_weeks is not None and atlas_age is not None:
        ratio = brain_volume_ml(settings.gestational_age_weeks) / brain_volume_ml(atlas_age)
        return ratio ** (1 / 3)
    return subject.radius_mm / atlas.brain.radius_mm
