"""What the networks propose to the fetal volume job."""

from dataclasses import dataclass

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod
from DeepRegistrationLib.models.catalog import ModelStamp, find_model, model_catalog
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.workflows.fetal_networks import (
    CORRECTION_NET,
    POSE_NET,
    correct_pose,
    estimate_pose,
    upright_axes,
)
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

NETWORK_METHODS = (
    FetalVolumeMethod.POSE_NET,
    FetalVolumeMethod.CORRECTION_NET,
    FetalVolumeMethod.VVR_DEEP,
)
"""Methods that cannot do without trained networks."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A pose of the networks: batch of one, and the models that it rests on."""

    pose: PoseBatch
    models: tuple[ModelStamp, ...]


def propose(atlas: PreparedBrain, subject: PreparedBrain, scale: float, corrected: bool = True) -> Proposal:
    """Pose-Net, and Correction-Net after it.

    Args:
        atlas: where the pose maps from.
        subject: the brain that is looked at.
        scale: size of the subject relative to the atlas.
        corrected: whether Correction-Net follows.

    Raises:
        InputError: the catalogue lacks a model.
        RegistrationError: a model is not installed or damaged.
    """
    device = subject.image.values.device
    pose_net = load_model(POSE_NET, device)
    upright = upright_axes(atlas, pose_net)
    pose = estimate_pose(atlas, subject, scale, pose_net, upright)
    if not corrected:
        return Proposal(pose, (find_model(POSE_NET).stamp,))
    pose = correct_pose(atlas, subject, pose, load_model(CORRECTION_NET, device), upright=upright)
    return Proposal(pose, (find_model(POSE_NET).stamp, find_model(CORRECTION_NET).stamp))


def propose_if_installed(atlas: PreparedBrain, subject: PreparedBrain, scale: float) -> Proposal | None:
    """`propose`, or None where a model is missing or damaged: the search of all orientations does without."""
    if not {POSE_NET, CORRECTION_NET} <= set(model_catalog()):
        return None
    try:
        return propose(atlas, subject, scale)
    except RegistrationError:
        return None
