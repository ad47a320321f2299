"""The networks alone, in batches: what a network answers for brains it was never trained on.

No search and no refinement takes part.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.data.random_poses import half_space_slices, small_rotations
from DeepRegistrationLib.evaluation.network_inputs import (
    PosedBrain,
    pairs_with_rest,
    slice_views,
    turned_cubes,
)
from DeepRegistrationLib.evaluation.turned_subject import draw_turns
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.geometry.slice_mirror import in_half_space, mirrored
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.networks.slice_net import CENTRE_POSITION, SliceNet
from DeepRegistrationLib.workflows.fetal_networks import correct_pose, estimate_pose
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

THICKNESS_MM = 3.0
MIDDLE = 0.66
"""Share of the brain that slices are taken from, as in the paper."""
SEMI_AXES = (0.9, 1.15, 0.95)
"""Of an ellipsoid like the brain [brain radii]."""
REST_DEG, REST_RADII = 30.0, 0.3
"""Largest rotation and shift that Correction-Net is asked to find: 0.3 radii are 10 mm at week 30."""
_BATCH = 32


@dataclass(frozen=True, eq=False)
class NetworkErrors:
    """Errors of one network on N inputs; NaN where the network tells nothing of the kind.

    Attributes:
        size_deg: (N,); the rotation that was to be found [degrees].
        rotation_deg: (N,); error [degrees]; of slices with the half space known.
        either_deg: (N,); error to the slice or to its mirror image, whichever is nearer [degrees].
        initial_mm: (N,); shift of the brain before the network was asked [mm].
        translation_mm: (N,); error of the shift, or of the slice's plane [mm].
    """

    size_deg: np.ndarray
    rotation_deg: np.ndarray
    either_deg: np.ndarray
    initial_mm: np.ndarray
    translation_mm: np.ndarray


def _errors(
    size_deg: np.ndarray,
    rotation_deg: np.ndarray,
    either_deg: np.ndarray | None = None,
    initial_mm: np.ndarray | None = None,
    translation_mm: np.ndarray | None = None,
) -> NetworkErrors:
    missing = np.full(len(size_deg), np.nan)
    others = (missing if values is None else values for values in (either_deg, initial_mm, translation_mm))
    return NetworkErrors(size_deg, rotation_deg, *others)


def pose_net_errors(network: PoseNet, posed: PosedBrain, per_bin: int, seed: int) -> NetworkErrors:
    """Pose-Net on one brain in poses of every size.

    Args:
        network: trained, in evaluation mode.
        posed: the brain.
        per_bin: poses in each of the six bins of the rotation.
        seed: of the poses.
    """
    turns = draw_turns(0, per_bin, seed)
    rotations = np.stack([turn.rotation for turn in turns])
    cubes = turned_cubes(posed, rotations, network.features.grid_size)
    found = torch.cat(_in_batches(lambda part: network(part).matrix, cubes))
    return _errors(np.array([turn.angle_deg for turn in turns]), _angles_deg(found, rotations))


def correction_net_errors(network: CorrectionNet, posed: PosedBrain, count: int, seed: int) -> NetworkErrors:
    """Correction-Net on one brain beside its atlas, after made-up first estimates.

    Args:
        network: trained, in evaluation mode.
        posed: the brain.
        count: pairs; rotations and shifts are as large as in its training.
        seed: of both.
    """
    generator = torch.Generator().manual_seed(seed)
    rotations = small_rotations(count, math.radians(REST_DEG), generator).double()
    shifts = REST_RADII * (2 * torch.rand(count, 3, generator=generator, dtype=torch.float64) - 1)
    pairs = pairs_with_rest(posed, rotations.numpy(), shifts.numpy(), network.features.grid_size)
    answers = _in_batches(network, pairs)
    found = torch.cat([answer.rotation.matrix for answer in answers])
    moved = torch.cat([answer.translation for answer in answers]).double()
    radius_mm = posed.brain.radius_mm
    return _errors(
        _angles_deg(torch.eye(3).expand_as(rotations), rotations.numpy()),
        _angles_deg(found, rotations.numpy()),
        initial_mm=radius_mm * shifts.norm(dim=1).numpy(),
        translation_mm=radius_mm * (moved - shifts).norm(dim=1).numpy(),
    )


def chain_errors(
    pose_net: PoseNet, correction_net: CorrectionNet, posed: PosedBrain, per_bin: int, seed: int
) -> NetworkErrors:
    """Pose-Net and then Correction-Net, as the volume job asks them, one pose at a time.

    Args:
        pose_net: trained, in evaluation mode.
        correction_net: trained, in evaluation mode.
        posed: the brain.
        per_bin: poses in each of the six bins of the rotation.
        seed: of the poses.
    """
    scale = posed.brain.radius_mm / posed.atlas.radius_mm
    initial_mm = float(np.linalg.norm(posed.brain.centre_ras - posed.centre_ras))
    sizes, angles, apart_mm = [], [], []
    for turn in draw_turns(0, per_bin, seed):
        # the brain is turned so that the answer is the rotation that was drawn
        world = turn.rotation @ posed.rotation.T
        subject = _turned(posed.brain, world)
        pose = estimate_pose(posed.atlas, subject, scale, pose_net)
        pose = correct_pose(posed.atlas, subject, pose, correction_net)
        found = pose.moving_from_fixed() @ np.append(posed.atlas.centre_ras, 1.0)
        sizes.append(turn.angle_deg)
        angles.append(_angles_deg(pose.rotation, turn.rotation[None])[0])
        apart_mm.append(np.linalg.norm(found[:3] - world @ posed.centre_ras))
    return _errors(
        np.array(sizes),
        np.array(angles),
        initial_mm=np.full(len(sizes), initial_mm),
        translation_mm=np.array(apart_mm),
    )


def _turned(brain: PreparedBrain, rotation: np.ndarray) -> PreparedBrain:
    """The brain turned about the origin, every voxel kept."""
    world = np.eye(4)
    world[:3, :3] = rotation
    image = Volume(brain.image.values, brain.image.geometry.moved(world), brain.image.name)
    mask = Volume(brain.mask.values, image.geometry, brain.mask.name)
    return PreparedBrain(image, mask, rotation @ brain.centre_ras, brain.radius_mm)


def slice_net_errors(network: SliceNet, posed: PosedBrain, count: int, size: int, seed: int) -> NetworkErrors:
    """Slice net on slices of one brain, from the paper's half space.

    The answer and its mirror image show the same slice. With the half space known, as in the paper, the one
    counts whose normal points upwards; near the equator that may be the wrong one.

    Args:
        network: trained, in evaluation mode.
        posed: the brain.
        count: slices.
        size: pixels along each edge that it was trained with.
        seed: of the poses.
    """
    generator = torch.Generator().manual_seed(seed)
    poses = half_space_slices(count, torch.tensor(SEMI_AXES), MIDDLE, generator)
    views = slice_views(posed, poses.rotation, poses.offset, size, THICKNESS_MM)
    answers = _in_batches(network, views)
    rotation = torch.cat([answer.rotation.matrix for answer in answers]).double()
    offset = torch.cat([answer.position for answer in answers]).double() / CENTRE_POSITION - 1
    true = poses.rotation.double()
    twin, twin_offset = mirrored(true, poses.offset.double())
    own, other = geodesic_distance(rotation, true), geodesic_distance(rotation, twin)
    plane = torch.where(own <= other, poses.offset.double(), twin_offset)
    return _errors(
        _angles_deg(torch.eye(3).expand_as(true), true.numpy()),
        # the distance of the answer's mirror image to the slice is that of the answer to the slice's
        torch.where(in_half_space(rotation), own, other).rad2deg().numpy(),
        either_deg=torch.minimum(own, other).rad2deg().numpy(),
        translation_mm=posed.size_mm * (offset - plane).abs().numpy(),
    )


@torch.no_grad()
def _in_batches(network: Callable, inputs: torch.Tensor) -> list:
    return [network(part) for part in inputs.split(_BATCH)]


def _angles_deg(found: torch.Tensor, rotations: np.ndarray) -> np.ndarray:
    return geodesic_distance(found.double(), torch.as_tensor(rotations)).rad2deg().numpy()
