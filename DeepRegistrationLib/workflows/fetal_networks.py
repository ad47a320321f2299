"""Pose-Net and Correction-Net on prepared brains: from images to poses."""

import functools
import math
from collections.abc import Callable

import numpy as np
import torch

from DeepRegistrationLib.data.volume_synthesis import standardized
from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE, STORED_SIZE, cube_geometry
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

POSE_NET, CORRECTION_NET = "fetal-pose-net", "fetal-correction-net"
"""Names in the catalogue of models."""

_OTHER_AXES_DEG = 30.0
"""Pose-Net errs by less on nearly every brain: an atlas that it sees further turned has axes of its own."""

Cube = Callable[[np.ndarray, np.ndarray, float], torch.Tensor]
"""Brain as a network sees it: axes (3, 3), centre (3,) [mm, RAS] and radius [mm] -> (1, 1, n, n, n)."""


def cube_of(brain: PreparedBrain, size: int) -> Cube:
    """Makes a brain ready to be sampled in any orientation.

    The resolution is that of the brains that the networks were trained on.

    Args:
        brain: image, centre and radius.
        size: voxels n along each edge.

    Returns:
        Function from the axes of the cube (columns, RAS), its centre and the radius to the cube: zero mean,
        unit variance.
    """
    level = downsample(brain.image, 2 * HALF_EDGE * brain.radius_mm / (STORED_SIZE - 1))

    def cube(axes: np.ndarray, centre_ras: np.ndarray, radius_mm: float) -> torch.Tensor:
        ras_from_brain = np.eye(4)
        ras_from_brain[:3, :3], ras_from_brain[:3, 3] = axes, centre_ras
        geometry = cube_geometry(size, radius_mm, ras_from_brain)
        ijk_from_cube = level.geometry.ijk_from_ras @ geometry.ras_from_ijk
        ijk = affine_grid(ijk_from_cube, geometry.shape_kji).to(level.values)
        values = sample(level.values[None, None], ijk.reshape(1, -1, 3))
        return standardized(values.reshape(1, 1, size, size, size))

    return cube


# one look per atlas, kept for the next subject
@functools.lru_cache(maxsize=8)
def upright_axes(atlas: PreparedBrain, network: PoseNet) -> np.ndarray:
    """Where an atlas has the axes of the atlas that the networks were trained on.

    Atlases of other groups may be stored the other way round; a pose in the axes of the training is none in
    theirs.

    Args:
        atlas: any atlas brain.
        network: trained.

    Returns:
        (3, 3) float64; atlas from axes of the training: the identity if the atlas looks upright.
    """
    seen = _rotation_seen(atlas, network)
    angle_deg = math.degrees(float(geodesic_distance(seen, torch.eye(3).to(seen))[0]))
    return _nearest_rotation(seen[0]) if angle_deg > _OTHER_AXES_DEG else np.eye(3)


@torch.no_grad()
def _rotation_seen(brain: PreparedBrain, network: PoseNet) -> torch.Tensor:
    """(1, 3, 3); brain from axes of the training."""
    cube = cube_of(brain, network.features.grid_size)
    return network(cube(np.eye(3), brain.centre_ras, brain.radius_mm)).matrix


def estimate_pose(
    atlas: PreparedBrain,
    subject: PreparedBrain,
    scale: float,
    network: PoseNet,
    upright: np.ndarray | None = None,
) -> PoseBatch:
    """Pose-Net: the orientation; centres of gravity meet.

    Args:
        atlas: where the pose maps from.
        subject: the brain that is looked at.
        scale: size of the subject relative to the atlas.
        network: trained.
        upright: (3, 3); see `upright_axes`; None is the identity.

    Returns:
        Batch of one; subject from atlas.

    Source: Mohseni Salehi et al., arXiv:1803.05982, sections 2.3 and 2.5.
    """
    like = subject.image.values
    upright_from_atlas = torch.as_tensor(np.eye(3) if upright is None else upright.T.copy()).to(like)
    return PoseBatch(
        rotation=_rotation_seen(subject, network).to(like) @ upright_from_atlas,
        translation=like.new_zeros((1, 3)),
        log_scale=like.new_full((1,), math.log(scale)),
        centre_fixed=atlas.centre_ras,
        centre_moving=subject.centre_ras,
    )


@torch.no_grad()
def correct_pose(
    atlas: PreparedBrain,
    subject: PreparedBrain,
    pose: PoseBatch,
    network: CorrectionNet,
    times: int = 2,
    upright: np.ndarray | None = None,
) -> PoseBatch:
    """Correction-Net: what the pose left over, looked at again after each correction.

    The subject is resampled as the pose R says, beside the atlas, both in the axes U of the training. If the
    network sees the rest (dR, dt), a point p of the atlas lies at dR p + dt in that picture, so the corrected
    rotation is R U dR U^T and the shift grows by R U dt.

    Args:
        atlas: where the pose maps from.
        subject: the moving brain.
        pose: batch of one; subject from atlas.
        network: trained.
        times: number of corrections.
        upright: (3, 3); U, see `upright_axes`; None is the identity.

    Returns:
        Batch of one.

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.4; more than one correction is ours.
    """
    size = network.features.grid_size
    axes = np.eye(3) if upright is None else upright
    fixed = cube_of(atlas, size)(axes, atlas.centre_ras, atlas.radius_mm)
    moving = cube_of(subject, size)
    upright_from_atlas = torch.as_tensor(axes.T.copy()).to(pose.rotation)
    for _ in range(times):
        rotation = pose.rotation[0] @ upright_from_atlas.T
        radius_mm = atlas.radius_mm * math.exp(float(pose.log_scale[0]))
        centre = pose.centre_moving + pose.translation[0].cpu().double().numpy()
        seen = moving(_nearest_rotation(rotation), centre, radius_mm)
        rest = network(torch.cat([fixed, seen], 1))
        shift = radius_mm * rotation @ rest.translation[0].to(rotation)
        pose = PoseBatch(
            rotation=(rotation @ rest.rotation.matrix[0].to(rotation) @ upright_from_atlas)[None],
            translation=pose.translation + shift,
            log_scale=pose.log_scale,
            centre_fixed=pose.centre_fixed,
            centre_moving=pose.centre_moving,
        )
    return pose


def _nearest_rotation(rotation: torch.Tensor) -> np.ndarray:
    """(3, 3) float64; orthonormal to the last digit, which a grid's axes have to be."""
    u, _, vh = np.linalg.svd(rotation.cpu().double().numpy())
    return u @ vh
