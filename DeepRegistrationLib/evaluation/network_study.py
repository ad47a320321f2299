"""The networks alone, in batches: what a network answers for brains it was never trained on.

No search and no refinement takes part. The numbers stand in the model cards.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.data.random_poses import half_space_slices, small_rotations
from DeepRegistrationLib.evaluation.metrics import (
    BIN_EDGES_DEG,
    ErrorSummary,
    failures,
    summarize,
)
from DeepRegistrationLib.evaluation.network_inputs import (
    PosedBrain,
    pairs_with_rest,
    slice_views,
    turned_cubes,
)
from DeepRegistrationLib.evaluation.turned_subject import draw_turns
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.geometry.slice_mirror import mirrored
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
    """Errors of one network on many inputs.

    Attributes:
        size_deg: (N,); the rotation that was to be found [degrees].
        rotation_deg: (N,); error [degrees].
        translation_mm: (N,); error of the shift or of the slice's plane [mm]; None if the network tells none.
    """

    size_deg: np.ndarray
    rotation_deg: np.ndarray
    translation_mm: np.ndarray | None = None

    def as_dict(self, edges_deg: Sequence[float] | None = None) -> dict[str, object]:
        """Figures of all inputs and of each bin of the rotation, for JSON.

        Args:
            edges_deg: of the bins; None takes the six of the study.
        """
        edges = list(BIN_EDGES_DEG if edges_deg is None else edges_deg)
        bins = np.clip(np.searchsorted(edges, self.size_deg, side="left") - 1, 0, len(edges) - 2)
        names = [f"{low:g}-{high:g}" for low, high in itertools.pairwise(edges)]
        per_bin = {name: _figures(self.rotation_deg[bins == n]) for n, name in enumerate(names)}
        found: dict[str, object] = {"all": _figures(self.rotation_deg), "per bin [deg]": per_bin}
        means = [figures["mean_deg"] for figures in per_bin.values() if figures["count"]]
        found["worst bin, mean_deg"] = max(means, default=math.nan)
        if self.translation_mm is not None:
            summary = summarize(self.translation_mm)
            found["translation"] = {
                "mean_mm": round(summary.mean, 3),
                "sd_mm": round(summary.standard_deviation, 3),
                "median_mm": round(summary.median, 3),
            }
        return found


def joined(parts: Sequence[NetworkErrors]) -> NetworkErrors:
    """Errors on several brains as one."""
    shifts = [part.translation_mm for part in parts if part.translation_mm is not None]
    return NetworkErrors(
        np.concatenate([part.size_deg for part in parts]),
        np.concatenate([part.rotation_deg for part in parts]),
        np.concatenate(shifts) if shifts else None,
    )


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
    return NetworkErrors(np.array([turn.angle_deg for turn in turns]), _angles_deg(found, rotations))


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
    return NetworkErrors(
        _angles_deg(torch.eye(3).expand_as(rotations), rotations.numpy()),
        _angles_deg(found, rotations.numpy()),
        posed.brain.radius_mm * (moved - shifts).norm(dim=1).numpy(),
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
    return NetworkErrors(np.array(sizes), np.array(angles), np.array(apart_mm))


def _turned(brain: PreparedBrain, rotation: np.ndarray) -> PreparedBrain:
    """The brain turned about the origin, every voxel kept."""
    world = np.eye(4)
    world[:3, :3] = rotation
    image = Volume(brain.image.values, brain.image.geometry.moved(world), brain.image.name)
    mask = Volume(brain.mask.values, image.geometry, brain.mask.name)
    return PreparedBrain(image, mask, rotation @ brain.centre_ras, brain.radius_mm)


def slice_net_errors(network: SliceNet, posed: PosedBrain, count: int, size: int, seed: int) -> NetworkErrors:
    """Slice net on slices of one brain, from the paper's half space.

    Of the answer and its mirror image, which show the same slice, the nearer one counts.

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
    return NetworkErrors(
        _angles_deg(torch.eye(3).expand_as(true), true.numpy()),
        torch.minimum(own, other).rad2deg().numpy(),
        posed.brain.radius_mm * (offset - plane).abs().numpy(),
    )


@torch.no_grad()
def _in_batches(network: Callable, inputs: torch.Tensor) -> list:
    return [network(part) for part in inputs.split(_BATCH)]


def _angles_deg(found: torch.Tensor, rotations: np.ndarray) -> np.ndarray:
    return geodesic_distance(found.double(), torch.as_tensor(rotations)).rad2deg().numpy()


def _figures(errors_deg: np.ndarray) -> dict[str, float | int]:
    summary: ErrorSummary = summarize(errors_deg)
    return {
        "count": summary.count,
        "mean_deg": round(summary.mean, 3),
        "sd_deg": round(summary.standard_deviation, 3),
        "median_deg": round(summary.median, 3),
        "max_deg": round(summary.maximum, 3),
        "failures": failures(errors_deg),
    }
