"""From two prepared brains to the pose: search over all orientations, then refinement from coarse to fine.

Lengths of the pyramid are fractions of the atlas brain's radius, so that week 21 and a newborn get the same
number of voxels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.moments import principal_axes_ras
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import FinalMeasure
from DeepRegistrationLib.optimize.gauss_newton import RefinementSettings, refine
from DeepRegistrationLib.optimize.moving_sampler import MovingSampler
from DeepRegistrationLib.optimize.pose_batch import PoseBatch, stack_poses
from DeepRegistrationLib.optimize.quasi_newton import refine_smooth
from DeepRegistrationLib.optimize.rotation_bank import RotationBank, best_distinct
from DeepRegistrationLib.similarity.correlation import Correlation
from DeepRegistrationLib.similarity.local_correlation import LocalCorrelation
from DeepRegistrationLib.similarity.mutual_information import MutualInformation
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

Advance = Callable[[float], None]

COARSE, MEDIUM, FINE = 9.0, 12.0, 20.0
"""Voxels per brain radius at each level; 4.6, 3.4 and 2.0 mm at week 30."""
_BANK_REACH = 1.3
"""Radius of the compared ball in brain radii: brains are longer than the ball of their volume."""
_CANDIDATE_SEPARATION_DEG = 18.0
"""The bank's rotations lie 11 degrees apart; closer candidates end in the same place."""
_HOPELESS = 0.15
"""Local correlation by which a pose is too far behind the best one to catch up."""
DIFFERENT_POSE_DEG = 20.0
"""Refined poses further apart than this are different answers, not the same one found twice."""


@dataclass(frozen=True, eq=False)
class PoseSearch:
    """Candidates after the coarse level.

    Attributes:
        starts: (N, 3, 3); rotations that the bank proposed.
        poses: the same N after refinement, in the same order.
        similarity: (N,); their coarse similarity.
    """

    starts: torch.Tensor
    poses: PoseBatch
    similarity: torch.Tensor


def make_bank(fixed: PreparedBrain) -> RotationBank:
    """The fixed brain under all rotations; takes about a second, so it is worth keeping."""
    features, geometry = _bank_features(fixed)
    return RotationBank(features, geometry, fixed.centre_ras, _BANK_REACH * fixed.radius_mm)


def search(
    fixed: PreparedBrain,
    moving: PreparedBrain,
    bank: RotationBank,
    scale: float,
    candidates: int,
    degree: int,
    advance: Advance,
) -> PoseSearch:
    """All orientations at low resolution.

    Half of the candidates are proposed by intensity, half by edges, which do not depend on the contrast.

    Args:
        fixed: atlas brain.
        moving: subject's brain.
        bank: of `fixed`.
        scale: size of the moving brain relative to the fixed one.
        candidates: how many orientations are refined.
        degree: of the polynomial that links intensities: 1 expects the same contrast, 3 any.
        advance: told the fraction done; raises to stop.

    Returns:
        The refined candidates.
    """
    features, geometry = _bank_features(moving)
    scores = bank.scores(features, geometry, moving.centre_ras, _BANK_REACH * scale * fixed.radius_mm)
    by_edges = candidates // 2 if degree > 1 else 0
    chosen = [best_distinct(bank.rotations, scores[0], candidates - by_edges, _CANDIDATE_SEPARATION_DEG)]
    if by_edges:
        chosen.append(best_distinct(bank.rotations, scores[1], by_edges, _CANDIDATE_SEPARATION_DEG))
    starts = bank.rotations[torch.cat(chosen)]
    count = len(starts)
    poses = PoseBatch(
        rotation=starts,
        translation=starts.new_zeros((count, 3)),
        log_scale=starts.new_full((count,), math.log(scale)),
        centre_fixed=fixed.centre_ras,
        centre_moving=moving.centre_ras,
    )
    image, mask, sampler, offsets = _level(fixed, moving, COARSE, scale)
    inside = _near(mask).flatten() > 0
    similarity = Correlation(
        image.values.flatten()[inside], inside[inside].float(), degree, signed=degree == 1
    )
    poses, values, _ = refine(
        poses, offsets[inside], sampler, similarity, RefinementSettings(scaling=True), advance
    )
    return PoseSearch(starts, poses, values)


def refine_medium(
    fixed: PreparedBrain, moving: PreparedBrain, poses: PoseBatch, advance: Advance = lambda fraction: None
) -> tuple[PoseBatch, torch.Tensor, list[float]]:
    """Local correlation at the medium level, scale free; ranks poses and atlas ages against each other.

    Poses that are far behind after a few iterations are left there.

    Returns:
        Refined poses; similarity (N,); best similarity after each iteration.
    """
    image, mask, sampler, offsets = _level(fixed, moving, MEDIUM, math.exp(float(poses.log_scale[0])))
    similarity = LocalCorrelation(image.values, _near(mask))
    offsets = offsets[similarity.inside]
    settings = RefinementSettings(scaling=True, iterations=5)
    poses, values, history = refine(poses, offsets, sampler, similarity, settings, lambda f: advance(f / 2))
    close = torch.nonzero(values > values.max() - _HOPELESS).flatten()
    better, better_values, rest = refine(
        poses[close], offsets, sampler, similarity, settings, lambda f: advance(0.5 + f / 2)
    )
    values = values.index_copy(0, close, better_values)
    return poses.replaced(close, better), values, history + rest[1:]


def refine_fine(
    fixed: PreparedBrain,
    moving: PreparedBrain,
    pose: PoseBatch,
    measure: FinalMeasure | None,
    advance: Advance = lambda fraction: None,
) -> tuple[PoseBatch, float, list[float]]:
    """Last refinement of one pose, scale free.

    Args:
        fixed: atlas brain.
        moving: subject's brain.
        pose: batch of one.
        measure: similarity to maximize; None is the global normalized correlation.
        advance: told the fraction done; raises to stop.

    Returns:
        The pose; its similarity; the similarity after each iteration.
    """
    image, mask, sampler, offsets = _level(
        fixed, moving, FINE, math.exp(float(pose.log_scale[0])), oversampled=True
    )
    near = _near(mask)
    offsets, values = offsets[near.flatten() > 0], image.values[near > 0]
    if measure == FinalMeasure.MUTUAL_INFORMATION:
        information = MutualInformation(values, torch.ones_like(values))
        pose, value, history = refine_smooth(
            pose, offsets, sampler, information, fixed.radius_mm, scaling=True, advance=advance
        )
        return pose, float(value[0]), history
    if measure == FinalMeasure.LOCAL_CORRELATION:
        similarity = LocalCorrelation(image.values, near)
    else:
        similarity = Correlation(values, torch.ones_like(values), degree=1, signed=True)
    pose, value, history = refine(
        pose, offsets, sampler, similarity, RefinementSettings(scaling=True), advance
    )
    return pose, float(value[0]), history


def rivals(found: PoseSearch, fixed: PreparedBrain) -> PoseBatch:
    """Poses for the medium level: the best distinct candidates and the half turns of the best one.

    A brain looks most like itself when turned by 180 degrees about a principal axis; these three poses are
    always tried, so that the margin of the answer is measured against real rivals.

    Returns:
        Up to 7 poses.
    """
    distinct = best_distinct(found.poses.rotation, found.similarity, 4, DIFFERENT_POSE_DEG / 2)
    return stack_poses(with_half_turns(found.poses[distinct[:1]], fixed), found.poses[distinct[1:]])


def with_half_turns(pose: PoseBatch, fixed: PreparedBrain) -> PoseBatch:
    """A pose (batch of one) and the same turned by 180 degrees about each principal axis of the fixed
    brain.
    """
    axes, _ = principal_axes_ras(fixed.mask)
    half_turns = torch.as_tensor(np.stack([2 * np.outer(axis, axis) - np.eye(3) for axis in axes.T]))
    turned = pose.rotation @ half_turns.to(pose.rotation)
    return stack_poses(pose, replace(pose[[0, 0, 0]], rotation=turned))


def agreement(found: PoseSearch, rotation: torch.Tensor) -> float:
    """Share of the candidates that started within 40 degrees of a rotation and ended within 10 degrees of
    it.
    """
    target = rotation.expand_as(found.starts)
    near = geodesic_distance(found.starts, target) < math.radians(40)
    arrived = geodesic_distance(found.poses.rotation, target) < math.radians(10)
    return float((near & arrived).sum() / near.sum().clamp(min=1))


def angle_deg(first: torch.Tensor, second: torch.Tensor) -> float:
    """Angle between two rotations (3, 3) [degrees]."""
    return math.degrees(float(geodesic_distance(first, second)))


def recentred(pose: PoseBatch, fixed: PreparedBrain, other: PreparedBrain) -> PoseBatch:
    """The pose of the same moving image for another atlas brain: centres meet, sizes are compared anew."""
    matrix = pose.moving_from_fixed()
    centre_moving = matrix[:3, :3] @ fixed.centre_ras + matrix[:3, 3]
    return replace(
        pose,
        translation=torch.zeros_like(pose.translation),
        log_scale=pose.log_scale + math.log(fixed.radius_mm / other.radius_mm),
        centre_fixed=other.centre_ras,
        centre_moving=centre_moving,
    )


def pose_from_matrix(moving_from_fixed: np.ndarray, fixed: PreparedBrain, moving: PreparedBrain) -> PoseBatch:
    """Batch of one from a rigid matrix (4, 4), RAS from RAS."""
    like = moving.image.values
    centre = moving_from_fixed[:3, :3] @ fixed.centre_ras + moving_from_fixed[:3, 3]
    return PoseBatch(
        rotation=torch.as_tensor(moving_from_fixed[:3, :3].copy()).to(like)[None],
        translation=like.new_zeros((1, 3)),
        log_scale=like.new_zeros((1,)),
        centre_fixed=fixed.centre_ras,
        centre_moving=centre,
    )


def _bank_features(brain: PreparedBrain) -> tuple[torch.Tensor, VolumeGeometry]:
    """(2, K, J, I); intensity and strength of its edges, at the coarse level."""
    image, _ = brain.level(brain.radius_mm / COARSE)
    edges = torch.stack(torch.gradient(image.values)).square().sum(0).sqrt()
    return torch.stack([image.values, edges]), image.geometry


def _level(
    fixed: PreparedBrain,
    moving: PreparedBrain,
    voxels_per_radius: float,
    scale: float,
    oversampled: bool = False,
) -> tuple[Volume, Volume, MovingSampler, torch.Tensor]:
    """Fixed image and mask, sampler of the moving image, and (P, 3) fixed points about the fixed centre
    [mm].
    """
    spacing_mm = fixed.radius_mm / voxels_per_radius
    image, mask = fixed.level(spacing_mm)
    resolution_mm = spacing_mm * scale
    sampler = MovingSampler(
        moving.oversampled(resolution_mm) if oversampled else moving.level(resolution_mm)[0]
    )
    points = ras_grid(image.geometry, dtype=torch.float64) - torch.as_tensor(np.asarray(fixed.centre_ras))
    offsets = points.reshape(-1, 3).to(image.values)
    return image, mask, sampler, offsets


def _near(mask: Volume) -> torch.Tensor:
    """1 in the mask and one voxel around it, where the outline shows; 0 elsewhere. (K, J, I)"""
    grown = F.max_pool3d(mask.values[None, None], 3, stride=1, padding=1)[0, 0]
    return (grown > 0.1).float()
