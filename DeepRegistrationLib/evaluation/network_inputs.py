"""What networks see of a brain in a known pose, made as the jobs make it."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.data.volume_synthesis import standardized
from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE, square_offsets
from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.fetal_networks import cube_of
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

_PROFILE = 5
"""Samples through the thickness of a slice."""


@dataclass(frozen=True, eq=False)
class PosedBrain:
    """A brain and where it lies in the atlas.

    Attributes:
        name: for tables.
        contrast: kind of image: "T2", "T1-like", "T1".
        brain: prepared as for a registration.
        rotation: (3, 3) float64; subject from atlas.
        centre_ras: (3,) float64; where the atlas brain's centre lies in the subject [mm, RAS].
        atlas: the atlas brain.
        size_mm: radius of the atlas brain, brought to the subject's size [mm]; of a slice the age tells it.
    """

    name: str
    contrast: str
    brain: PreparedBrain
    rotation: np.ndarray
    centre_ras: np.ndarray
    atlas: PreparedBrain
    size_mm: float


def turned_cubes(posed: PosedBrain, rotations: np.ndarray, size: int) -> torch.Tensor:
    """The brain as Pose-Net sees it when it lies in other poses.

    Args:
        posed: the brain.
        rotations: (N, 3, 3) float64; what Pose-Net should answer: moving from atlas.
        size: voxels n along each edge.

    Returns:
        (N, 1, n, n, n); zero mean, unit variance.
    """
    cube = cube_of(posed.brain, size)
    # the cube's axes turn instead of the brain: seen from axes A the rotation is A^T T, T its own
    views = [
        cube(posed.rotation @ rotation.T, posed.brain.centre_ras, posed.brain.radius_mm)
        for rotation in rotations
    ]
    return torch.cat(views)


def pairs_with_rest(
    posed: PosedBrain, rotations: np.ndarray, translations: np.ndarray, size: int
) -> torch.Tensor:
    """Atlas and brain as Correction-Net sees them when a first estimate left something over.

    Args:
        posed: the brain.
        rotations: (N, 3, 3) float64; what Correction-Net should answer: moving from atlas.
        translations: (N, 3) float64; the same for the shift [brain radii].
        size: voxels n along each edge.

    Returns:
        (N, 2, n, n, n); channel 0 the atlas, zero mean, unit variance each.
    """
    fixed = cube_of(posed.atlas, size)(np.eye(3), posed.atlas.centre_ras, posed.atlas.radius_mm)
    moving, radius_mm = cube_of(posed.brain, size), posed.brain.radius_mm
    views = []
    for rotation, translation in zip(rotations, translations, strict=True):
        axes = posed.rotation @ rotation.T
        # the atlas's centre is seen at the translation
        centre = posed.centre_ras - radius_mm * axes @ translation
        views.append(torch.cat([fixed, moving(axes, centre, radius_mm)], 1))
    return torch.cat(views)


def slice_views(
    posed: PosedBrain, rotations: torch.Tensor, offsets: torch.Tensor, size: int, thickness_mm: float
) -> torch.Tensor:
    """Slices as the slice net sees them: about the centroid of their own sections, at the size of the atlas.

    Args:
        posed: the brain.
        rotations: (N, 3, 3); slice from atlas.
        offsets: (N,); of the planes along their normals, from the atlas's centre [atlas radii].
        size: pixels n along each edge.
        thickness_mm: of a slice [mm].

    Returns:
        (N, 1, n, n); zero mean, unit variance.
    """
    radius_mm = posed.size_mm
    image, mask = posed.brain.level(2 * HALF_EDGE * radius_mm / (size - 1))
    flat = square_offsets(size).double() * radius_mm
    plane = torch.cat([flat, torch.zeros_like(flat[..., :1])], -1)  # (n, n, 3) mm: u, v, d
    profile = torch.linspace(-0.5, 0.5, _PROFILE, dtype=torch.float64) * thickness_mm
    through = profile[:, None, None, None] * plane.new_tensor([0.0, 0.0, 1.0])
    views = []
    for rotation, offset in zip(rotations.double(), offsets.double(), strict=True):
        subject_from_slice = torch.as_tensor(posed.rotation) @ rotation.T
        origin = torch.as_tensor(posed.centre_ras) + radius_mm * offset * subject_from_slice[:, 2]
        section = _sampled(mask, plane @ subject_from_slice.T + origin).double()
        centroid = (section[..., None] * plane).sum((0, 1)) / section.sum().clamp(min=1e-6)
        points = (plane + centroid + through) @ subject_from_slice.T + origin  # (P, n, n, 3)
        views.append(_sampled(image, points).mean(0))
    return standardized(torch.stack(views)[:, None])


def _sampled(volume: Volume, points: torch.Tensor) -> torch.Tensor:
    """(...) values at positions (..., 3) float64 [mm, RAS]; 0 where the volume does not reach."""
    matrix = torch.as_tensor(volume.geometry.ijk_from_ras)
    ijk = points @ matrix[:3, :3].T + matrix[:3, 3]
    return sample(volume.values[None, None], ijk[None].to(volume.values))[0, 0]
