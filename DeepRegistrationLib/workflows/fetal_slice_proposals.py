"""Where a slice may lie in the atlas: proposals of the slice bank and of the slice net, and mirror images.

Poses map atlas from slice, about the centroid of the slice.
"""

import math
from dataclasses import replace

import numpy as np
import torch

from DeepRegistrationLib.geometry.canonical_grid import square_offsets
from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.images.intensity import zero_mean_unit_variance
from DeepRegistrationLib.jobs.fetal_slice import HalfSpace
from DeepRegistrationLib.models.catalog import find_model
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.optimize.greedy_choice import greedy_choice
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.optimize.slice_bank import SliceBank, sections, turns_and_sides
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice

SLICE_NET = "fetal-slice-net"
"""Its name in the catalogue of models."""
_BANK_PIXELS = 10.0
"""Pixels per brain radius of the bank's sections."""
NET_TURNS = 8
"""Turns within the plane at which the net is asked: it errs differently at each."""
_SLICE_NUMBER_AT_CENTRE = 15.0
_SLICES_PER_RADIUS = 15.0
NEAR_EQUATOR, AT_EQUATOR = 0.17, 0.035
"""Sines of 10 and 2 degrees: normals this close to the equator may be on either side, before and after the
refinement."""


def make_slice_bank(atlas: PreparedBrain) -> SliceBank:
    """The atlas cut along all planes; takes about a second, so it is worth keeping."""
    image, mask = atlas.level(atlas.radius_mm / _BANK_PIXELS)
    return SliceBank(image, mask, atlas.centre_ras, atlas.radius_mm)


def bank_proposals(
    bank: SliceBank, atlas: PreparedBrain, part: PreparedSlice, scale: float, count: int
) -> tuple[PoseBatch, torch.Tensor]:
    """Poses proposed by the bank.

    Args:
        bank: of the atlas.
        atlas: the atlas brain.
        part: one slice.
        scale: size of the atlas relative to the subject.
        count: how many for each channel of the bank.

    Returns:
        Poses, first those found by intensity, then as many found by edges; their scores (N,).
    """
    image, mask = part.level(atlas.radius_mm / _BANK_PIXELS / scale)
    found = bank.proposals(image.values[0], mask.values[0], part.pixel_positions(image, scale), count)
    return _poses(found.slice_from_atlas, found.centre, atlas, part, scale), found.score


def net_proposals(
    atlas: PreparedBrain, part: PreparedSlice, scale: float, turns: int = NET_TURNS
) -> PoseBatch:
    """Poses proposed by the slice net, which sees the slice at several turns.

    Args:
        atlas: the atlas brain.
        part: one slice.
        scale: size of the atlas relative to the subject.
        turns: how many; 1 is the slice as it is.

    Returns:
        One pose for each turn.

    Raises:
        RegistrationError: the weights are not installed, or damaged.
    """
    device = part.image.values.device
    net = load_model(SLICE_NET, device)
    grid = find_model(SLICE_NET).input_grid
    # the brain's own radius is told by the atlas, brought to the subject's size
    image, _ = part.level(2 * grid.half_edge_radii / (grid.size - 1) * atlas.radius_mm / scale)
    turned = turns_and_sides(turns)[:turns].to(image.values)  # slice from view
    offsets = square_offsets(grid.size, device, grid.half_edge_radii) * atlas.radius_mm
    points = torch.einsum("qab,jib->qjia", turned[:, :2, :2], offsets)
    matrix = np.linalg.inv(part.pixel_positions(image, scale))
    ij = points @ torch.as_tensor(matrix[:2, :2].T.copy()).to(points) + torch.as_tensor(
        matrix[:2, 2].copy()
    ).to(points)
    ijk = torch.cat([ij, torch.zeros_like(ij[..., :1])], -1)
    views = sample(image.values[None, :1][None], ijk.reshape(1, 1, 1, -1, 3), padding="zeros")
    views = views.reshape(turns, grid.size, grid.size)
    with torch.no_grad():
        answer = net(torch.stack([zero_mean_unit_variance(view)[None] for view in views]))
    frames = turned @ answer.rotation.matrix
    depth_mm = (answer.position - _SLICE_NUMBER_AT_CENTRE) / _SLICES_PER_RADIUS * atlas.radius_mm
    return _poses(frames, _section_centroids(atlas, frames, depth_mm), atlas, part, scale)


def _section_centroids(atlas: PreparedBrain, frames: torch.Tensor, depth_mm: torch.Tensor) -> torch.Tensor:
    """(N, 3); centroid of what each plane shows of the brain, relative to the brain's centre [mm]."""
    mask = atlas.level(atlas.radius_mm / _BANK_PIXELS)[1]
    plane = square_offsets(48, frames.device).reshape(-1, 2) * atlas.radius_mm
    plane = torch.cat([plane, torch.zeros_like(plane[:, :1])], -1)
    origin = depth_mm[:, None] * frames[:, 2]
    weight = sections(mask.values, mask.geometry, atlas.centre_ras, frames, origin, plane)
    shift = (weight @ plane) / weight.sum(-1, keepdim=True).clamp(min=1e-6)
    return origin + torch.einsum("na,nab->nb", shift, frames)


def _poses(
    slice_from_atlas: torch.Tensor,
    centre: torch.Tensor,
    atlas: PreparedBrain,
    part: PreparedSlice,
    scale: float,
) -> PoseBatch:
    slice_from_ras = torch.as_tensor(part.ras_from_slice.T.copy()).to(centre)
    return PoseBatch(
        rotation=slice_from_atlas.mT @ slice_from_ras,
        translation=centre,
        log_scale=centre.new_full((len(centre),), math.log(scale)),
        centre_fixed=part.centre_ras,
        centre_moving=atlas.centre_ras,
    )


def mirrored(poses: PoseBatch, part: PreparedSlice) -> PoseBatch:
    """The poses at which a brain that is the same left and right shows the same slices.

    The plane is reflected at the middle of the atlas, and the slice seen from behind.
    """
    normal = part.normal
    behind = torch.eye(3).to(normal) - 2 * torch.outer(normal, normal)
    left_right = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).to(normal)
    return replace(
        poses,
        rotation=left_right @ poses.rotation @ behind,
        translation=poses.translation @ left_right,
    )


def facing_up(poses: PoseBatch, part: PreparedSlice) -> PoseBatch:
    """Of each pose and its mirror image the one whose normal points to the head."""
    return poses.where(height_of_normal(poses, part) >= 0, mirrored(poses, part))


def allowed(poses: PoseBatch, part: PreparedSlice, half_space: HalfSpace, tolerance: float) -> torch.Tensor:
    """(N,) bool; whether the normal may point that way, up to the sine of an angle."""
    height = height_of_normal(poses, part)
    if half_space == HalfSpace.SUPERIOR:
        return height > -tolerance
    if half_space == HalfSpace.INFERIOR:
        return height < tolerance
    return torch.ones_like(height, dtype=torch.bool)


def height_of_normal(poses: PoseBatch, part: PreparedSlice) -> torch.Tensor:
    """(N,); component of the slice's normal towards the head of the atlas, -1 to 1."""
    return (poses.rotation @ part.normal)[:, 2]


def distinct(
    poses: PoseBatch, score: torch.Tensor, count: int, separation_deg: float, separation_mm: float
) -> torch.Tensor:
    """Greedy choice of the best poses that differ in rotation or position.

    Args:
        poses: N poses.
        score: (N,); larger is better.
        count: how many, at most.
        separation_deg: difference in rotation alone that makes two poses distinct [degrees].
        separation_mm: difference in position alone that does [mm].

    Returns:
        (M,) int64, M <= count; indices, best first.
    """
    return greedy_choice(
        score, count, lambda best: distance(poses, poses[[best]], separation_deg, separation_mm) < 1
    )


def distance(poses: PoseBatch, one: PoseBatch, unit_deg: float, unit_mm: float) -> torch.Tensor:
    """(N,); how far poses are from one pose (batch of one), in units of an angle and of a length."""
    angle = geodesic_distance(poses.rotation, one.rotation.expand_as(poses.rotation))
    apart = (poses.translation - one.translation).norm(dim=-1)
    return ((angle / math.radians(unit_deg)).square() + (apart / unit_mm).square()).sqrt()
