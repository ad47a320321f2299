"""Reconstructed fetal brain to the atlas of its age, from any orientation.

After Mohseni Salehi et al., "Real-time deep registration with geodesic loss", arXiv:1803.05982, 2018: centres
of gravity give the translation, the age gives the size. What the paper's Pose-Net predicts is searched here:
all of SO(3) by a bank of rotations, many candidates refined at once, and a last refinement that follows other
contrasts too.
"""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.atlases.brain_growth import age_of_brain_volume_weeks
from DeepRegistrationLib.atlases.fetal_atlas import AtlasImage, FetalAtlas
from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.checks import check_image, check_same_grid
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import (
    FetalVolumeMethod,
    FetalVolumeSettings,
    MovingContrast,
    TransformModel,
)
from DeepRegistrationLib.models.catalog import ModelStamp, find_model
from DeepRegistrationLib.progress import Report, StageProgress, keep_going
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2, t1_to_t2
from DeepRegistrationLib.workflows.fetal_confidence import judge
from DeepRegistrationLib.workflows.fetal_methods import (
    REFINE,
    SEARCH,
    by_baseline,
    by_networks,
    by_search,
)
from DeepRegistrationLib.workflows.fetal_network_methods import NETWORK_METHODS
from DeepRegistrationLib.workflows.prepared_atlas import prepare_atlas
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain
from DeepRegistrationLib.workflows.result import NamedTransform, RegistrationResult

_SMALLEST_MASK_ML = 10.0
"""What is smaller is a slip of the mouse; what is a little small is for the confidence to tell."""
_BASELINES = (FetalVolumeMethod.VVR_GC, FetalVolumeMethod.VVR_PAA)
_FIND, _CHOOSE, _CARRY = "Finding the brain", "Choosing the atlas", "Carrying labels"
_SHARES = {_FIND: 0.2, _CHOOSE: 0.1, SEARCH: 0.25, REFINE: 0.35, _CARRY: 0.1}


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
        RegistrationError: the device or a network is not there.
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
    if inputs.mask is not None and subject.volume_ml < _SMALLEST_MASK_ML:
        raise InputError(
            f"The mask '{inputs.mask.name}' marks {subject.volume_ml:.2g} mL; fetal brains have 50 to 650 "
            "mL. Choose a mask of the whole brain, or leave it out."
        )
    models: tuple[ModelStamp, ...] = ()
    if settings.contrast == MovingContrast.T1_TO_T2:
        subject, models = t1_to_t2(subject), (find_model(T1_TO_T2).stamp,)

    stages.enter(_CHOOSE)
    age = settings.gestational_age_weeks or age_of_brain_volume_weeks(subject.volume_ml)
    atlas = prepare_atlas(inputs.atlas.nearest(age)[0], device)

    if settings.method in _BASELINES:
        pose = by_baseline(subject, atlas, settings, stages)
    elif settings.method in NETWORK_METHODS:
        pose = by_networks(inputs.atlas, subject, atlas, settings, stages)
    else:
        pose = by_search(inputs.atlas, subject, atlas, settings, stages)

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
            "contrast": str(settings.contrast),
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
        models=models + pose.models,
    )


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
