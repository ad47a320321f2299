"""Reconstructed fetal brain to the atlas of its age, from any orientation.

After Mohseni Salehi et al., "Real-time deep registration with geodesic loss", IEEE TMI 2018: centres of
gravity give the translation, the age gives the size, and what the paper's Pose-Net predicts is here
searched: all of SO(3) by a bank of rotations, many candidates refined at once, and a last refinement that
    follows other contrasts too.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.atlases.brain_growth import age_of_brain_volume_weeks, brain_volume_ml
from DeepRegistrationLib.atlases.fetal_atlas import AtlasImage, FetalAtlas
from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.checks import check_image, check_same_grid
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod, FetalVolumeSettings, TransformModel
from DeepRegistrationLib.progress import Report, StageProgress, keep_going
from DeepRegistrationLib.workflows import fetal_pose_search as pose_search
from DeepRegistrationLib.workflows.fetal_confidence import PoseEvidence, judge
from DeepRegistrationLib.workflows.fetal_volume_baselines import register_baseline
from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas, prepare_atlas
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain
from DeepRegistrationLib.workflows.result import NamedTransform, RegistrationResult

_BASELINES = (FetalVolumeMethod.VVR_GC, FetalVolumeMethod.VVR_PAA)
_FIND, _CHOOSE, _SEARCH, _REFINE, _CARRY = (
    "Finding the brain",
    "Choosing the atlas",
    "Searching all orientations",
    "Refining",
    "Carrying labels",
)
_SHARES = {_FIND: 0.2, _CHOOSE: 0.1, _SEARCH: 0.25, _REFINE: 0.35, _CARRY: 0.1}


@dataclass(frozen=True, eq=False)
class FetalVolumeInputs:
    """What the workflow needs in memory.

    Attributes:
        moving: reconstructed fetal brain, at any orientation.
        mask: brain mask on the grid of `moving`; None finds it.
        atlas: where to register to.
    """

    moving: Volume
    mask: Volume | None
    atlas: FetalAtlas


@dataclass(frozen=True, eq=False)
class _Pose:
    """Answer of one method: subject from atlas, with and without scale, and what it rests on."""

    subject_from_atlas: np.ndarray
    subject_from_atlas_rigid: np.ndarray
    atlas: PreparedAtlas
    similarity: dict[str, float]
    evidence: PoseEvidence
    history: dict[str, list[float]]


def register(
    inputs: FetalVolumeInputs, settings: FetalVolumeSettings, report: Report = keep_going
) -> RegistrationResult:
    """Registers one brain.

    Args:
        inputs: image, mask and atlas.
        settings: choices.
        report: receives progress; returns False to stop.

    Returns:
        The result; `transforms["atlas_from_subject"]` is the answer, RAS from RAS.
        Labels are carried with the size fitted, also when the answer is rigid.

    Raises:
        InputError: image, mask or atlas cannot be used.
        RegistrationError: the device is not there.
        Cancelled: `report` returned False.
    """
    stages = StageProgress(report, _SHARES)
    device = torch_device(settings.device)
    torch.manual_seed(settings.seed)

    stages.enter(_FIND)
    check_image(inputs.moving)
    if inputs.mask is not None:
        check_same_grid(inputs.mask, inputs.moving)
    mask = inputs.mask or find_brain_mask(inputs.moving)
    stages.advance(0.7)
    subject = prepare_brain(inputs.moving, mask, device)

    stages.enter(_CHOOSE)
    age = settings.gestational_age_weeks or age_of_brain_volume_weeks(subject.volume_ml)
    atlas = prepare_atlas(inputs.atlas.nearest(age)[0], device)

    if settings.method in _BASELINES:
        pose = _baseline(subject, atlas, settings, stages)
    else:
        pose = _bank(inputs, subject, atlas, settings, stages)

    stages.enter(_CARRY)
    chosen = pose.atlas.source
    answer = (
        pose.subject_from_atlas
        if settings.transform_model == TransformModel.SIMILARITY
        else pose.subject_from_atlas_rigid
    )
    warped = resample(inputs.moving, chosen.image.geometry, answer)
    stages.advance(0.5)
    labels = _carry_labels(chosen, inputs.moving, np.linalg.inv(pose.subject_from_atlas))
    stages.finish()

    return RegistrationResult(
        job="fetal-volume",
        method=str(settings.method),
        device=describe_device(device),
        transforms={
            "atlas_from_subject": NamedTransform(np.linalg.inv(answer), "subject RAS", "atlas RAS"),
            "atlas_from_subject_with_scale": NamedTransform(
                np.linalg.inv(pose.subject_from_atlas), "subject RAS", "atlas RAS"
            ),
        },
        similarity=pose.similarity,
        confidence=judge(pose.evidence),
        fixed=chosen.image,
        moving=inputs.moving,
        warped=warped,
        segmentation=labels,
        segments=chosen.segments,
        start=_centres_aligned(subject, pose.atlas.brain),
        warnings=_warnings(inputs, settings, chosen.gestational_age_weeks),
        seconds=stages.seconds,
        settings={
            "method": str(settings.method),
            "measure": str(settings.measure),
            "transform_model": str(settings.transform_model),
            "gestational_age_weeks": settings.gestational_age_weeks,
            "atlas": inputs.atlas.name,
            "atlas_age_weeks": chosen.gestational_age_weeks,
            "candidates": settings.candidates,
            "mask": "found automatically" if inputs.mask is None else "given",
            "device": str(settings.device),
            "seed": settings.seed,
        },
        history=pose.history,
    )


def _bank(
    inputs: FetalVolumeInputs,
    subject: PreparedBrain,
    atlas: PreparedAtlas,
    settings: FetalVolumeSettings,
    stages: StageProgress,
) -> _Pose:
    """Bank, candidates, medium and fine refinement; chooses the age on the way when it is not given."""
    any_contrast = settings.method == FetalVolumeMethod.AUTO
    stages.enter(_SEARCH)
    bank = atlas.bank
    stages.advance(0.4)
    found = pose_search.search(
        atlas.brain,
        subject,
        bank,
        _scale(subject, atlas, settings),
        settings.candidates,
        3 if any_contrast else 1,
        lambda fraction: stages.advance(0.4 + 0.6 * fraction),
    )

    stages.enter(_REFINE)
    poses, medium, history = pose_search.refine_medium(
        atlas.brain,
        subject,
        pose_search.rivals(found, atlas.brain),
        lambda fraction: stages.advance(0.5 * fraction),
    )
    order = pose_search.best_distinct(poses.rotation, medium, 2, pose_search.DIFFERENT_POSE_DEG)
    pose, value = poses[order[:1]], float(medium[order[0]])
    runner_up = float(medium[order[1]]) if len(order) > 1 else 0.0
    if settings.gestational_age_weeks is None:
        atlas, pose, value = _best_age(inputs.atlas, atlas, subject, pose, value, stages)
    measure = settings.measure if any_contrast else None
    fine, fine_value, fine_history = pose_search.refine_fine(
        atlas.brain, subject, pose, measure, lambda fraction: stages.advance(0.7 + 0.3 * fraction)
    )
    return _Pose(
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
            agreement=pose_search.agreement(found, pose.rotation[0]),
            brain_volume_ml=atlas.brain.volume_ml * math.exp(3 * float(fine.log_scale[0])),
            turned_deg=pose_search.angle_deg(pose.rotation[0], fine.rotation[0]),
        ),
        history={"medium": history, "fine": fine_history},
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


def _baseline(
    subject: PreparedBrain, atlas: PreparedAtlas, settings: FetalVolumeSettings, stages: StageProgress
) -> _Pose:
    """The paper's intensity baselines; their pose is judged like ours."""
    stages.enter(_SEARCH)
    stages.enter(_REFINE)
    atlas_from_subject, value = register_baseline(
        subject.image,
        subject.mask,
        atlas.brain.image,
        atlas.brain.mask,
        settings.method,
        settings.seed,
        stages.advance,
    )
    subject_from_atlas = np.linalg.inv(atlas_from_subject)
    start = pose_search.pose_from_matrix(subject_from_atlas, atlas.brain, subject)
    poses, medium, _ = pose_search.refine_medium(
        atlas.brain, subject, pose_search.with_half_turns(start, atlas.brain)
    )
    return _Pose(
        subject_from_atlas=subject_from_atlas,
        subject_from_atlas_rigid=subject_from_atlas,
        atlas=atlas,
        similarity={"mutual-information": value, "local-correlation (medium)": float(medium[0])},
        evidence=PoseEvidence(
            local_correlation=float(medium[0]),
            runner_up=float(medium[1:].max()),
            agreement=None,
            brain_volume_ml=atlas.brain.volume_ml * math.exp(3 * float(poses.log_scale[0])),
            turned_deg=pose_search.angle_deg(start.rotation[0], poses.rotation[0]),
        ),
        history={},
    )


def _scale(subject: PreparedBrain, atlas: PreparedAtlas, settings: FetalVolumeSettings) -> float:
    """Size of the subject relative to the atlas: from both ages if known, else from both masks."""
    atlas_age = atlas.source.gestational_age_weeks
    if settings.gestational_age_weeks is not None and atlas_age is not None:
        ratio = brain_volume_ml(settings.gestational_age_weeks) / brain_volume_ml(atlas_age)
        return ratio ** (1 / 3)
    return subject.radius_mm / atlas.brain.radius_mm


def _carry_labels(atlas: AtlasImage, moving: Volume, atlas_from_subject: np.ndarray) -> Volume | None:
    if atlas.labels is None:
        return None
    marked = box_around(atlas.labels.values != 0, atlas.labels.geometry, margin_mm=0.0)
    return resample(cropped(atlas.labels, marked), moving.geometry, atlas_from_subject, labels=True)


def _warnings(
    inputs: FetalVolumeInputs, settings: FetalVolumeSettings, atlas_age_weeks: float | None
) -> tuple[str, ...]:
    asked = settings.gestational_age_weeks
    if asked is None or atlas_age_weeks is None or abs(asked - atlas_age_weeks) <= 2:
        return ()
    return (
        f"The atlas '{inputs.atlas.name}' has no image within 2 weeks of {asked:g} weeks; "
        f"week {atlas_age_weeks:g} was used.",
    )


def _centres_aligned(subject: PreparedBrain, atlas: PreparedBrain) -> np.ndarray:
    """(4, 4) atlas from subject: the start, before any rotation."""
    matrix = np.eye(4)
    matrix[:3, 3] = atlas.centre_ras - subject.centre_ras
    return matrix
