"""Pose-Net and Correction-Net on prepared brains: from images to poses."""

import math
from collections.abc import Callable

import numpy as np
import torch

from DeepRegistrationLib.data.volume_synthesis import standardized
from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE, STORED_SIZE, cube_geometry
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

POSE_NET, CORRECTION_NET = "fetal-pose-net", "fetal-correction-net"
"""Names in the catalogue of models."""

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


@torch.no_grad()
def estimate_pose(atlas: PreparedBrain, subject: PreparedBrain, scale: float, network: PoseNet) -> PoseBatch:
    """Pose-Net: the orientation; centres of gravity meet.

    Args:
        atlas: where the pose maps from.
        subject: the brain that is looked at.
        scale: size of the subject relative to the atlas.
        network: trained.

    Returns:
        Batch of one; subject from atlas.

    Source: Mohseni Salehi et al., arXiv:1803.05982, sections 2.3 and 2.5.
    """
    cube = cube_of(subject, network.features.grid_size)
    seen = cube(np.eye(3), subject.centre_ras, subject.radius_mm)
    like = subject.image.values
    return PoseBatch(
        rotation=network(seen).matrix.to(like),
        translation=like.new_zeros((1, 3)),
        log_scale=like.new_full((1,), math.log(scale)),
        centre_fixed=atlas.centre_ras,
        centre_moving=subject.centre_ras,
    )


@torch.no_grad()
def correct_pose(
    atlas: PreparedBrain, subject: PreparedBrain, pose: PoseBatch, network: CorrectionNet, times: int = 2
) -> PoseBatch:
    """Correction-Net: what the pose left over, looked at again after each correction.

    The subject is resampled as the pose says, beside the atlas. If the network sees the rest
    (dR, dt), a point p of the atlas lies at dR p + dt in that picture, so the corrected rotation is R dR and
    the shift grows by R dt.

    Args:
        atlas: where the pose maps from.
        subject: the moving brain.
        pose: batch of one; subject from atlas.
        network: trained.
        times: number of corrections.

    Returns:
        Batch of one.

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.4; more than one correction is ours.
    """
    size = network.features.grid_size
    fixed = cube_of(atlas, size)(np.eye(3), atlas.centre_ras, atlas.radius_mm)
    moving = cube_of(subject, size)
    for _ in range(times):
        rotation = pose.rotation[0]
        radius_mm = atlas.radius_mm * math.exp(float(pose.log_scale[0]))
        centre = pose.centre_moving + pose.translation[0].cpu().double().numpy()
        seen = moving(_nearest_rotation(rotation), centre, radius_mm)
        rest = network(torch.cat([fixed, seen], 1))
        shift = radius_mm * rotation @ rest.translation[0].to(rotation)
        pose = PoseBatch(
            rotation=(rotation @ rest.rotation.matrix[0].to(rotation))[None],
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
