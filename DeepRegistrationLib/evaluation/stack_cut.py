"""Stacks of slices cut from brains in known poses that move while they are imaged."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.evaluation.known_subjects import KnownSubject
from DeepRegistrationLib.evaluation.slice_cut import (
    USUAL,
    Acquisition,
    as_acquired,
    rigid_about,
    through_thickness,
)
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from DeepRegistrationLib.images.volume import Volume

_HALF_EXTENT_RADII = 1.3
"""From the brain's centre to the first and to the last slice, and to the edge of each."""
_SLICES_PER_MOTION = 6
"""A fetus moves anew about this often."""


@dataclass(frozen=True)
class Motion:
    """How much a fetus moves during a stack.

    Attributes:
        rotation_deg: standard deviation of each component of the rotation [degrees].
        shift_mm: standard deviation of each component of the shift [mm].
    """

    rotation_deg: float = 3.0
    shift_mm: float = 1.5


@dataclass(frozen=True, eq=False)
class CutStack:
    """A stack with known motion.

    Attributes:
        image: (K, J, I) float32.
        mask: (K, J, I) bool.
        atlas_from_slice: number of a slice that shows brain -> (4, 4) float64; where it belongs, rigid.
    """

    image: Volume
    mask: Volume
    atlas_from_slice: dict[int, np.ndarray]


def cut_stack(subject: KnownSubject, seed: int, motion: Motion, how: Acquisition = USUAL) -> CutStack:
    """Acquires a stack of a subject that moves: every second slice first, in a patient that lies anyhow.

    Args:
        subject: in a known pose.
        seed: of orientation, motion and noise.
        motion: how much the subject moves.
        how: slices are acquired; they touch each other.
    """
    generator = torch.Generator().manual_seed(seed)
    weight = subject.mask.with_values((subject.mask.values != 0).float())
    centre_ras = centre_of_gravity_ras(weight)
    radius_mm = (3 * volume_mm3(weight) / (4 * math.pi)) ** (1 / 3)
    grid = _grid(radius_mm, how, generator)
    placed = np.eye(4)  # scanner from subject, before it moves
    placed[:3, :3] = uniform_random_rotations(1, generator)[0].numpy()
    placed[:3, 3] = -placed[:3, :3] @ centre_ras
    count = grid.shape_kji[0]
    moved = _motions(count, motion, generator)
    images, masks, places = [], [], {}
    for number, time in zip(range(count), _times(count), strict=True):
        one = _one_slice(grid, number)
        subject_from_scanner = np.linalg.inv(moved[time] @ placed)
        image, inside = (
            through_thickness(volume, one, subject_from_scanner) for volume in (subject.image, weight)
        )
        inside = inside > 0.5
        images.append(as_acquired(image, inside, how, generator))
        masks.append(inside)
        if bool(inside.any()):
            section = Volume(inside.float(), one, subject.name)
            places[number] = rigid_about(
                subject.atlas_from_subject @ subject_from_scanner, centre_of_gravity_ras(section)
            )
    name = f"{subject.name} stack"
    return CutStack(
        Volume(torch.cat(images), grid, name), Volume(torch.cat(masks), grid, f"{name} mask"), places
    )


def _grid(radius_mm: float, how: Acquisition, generator: torch.Generator) -> VolumeGeometry:
    """Touching slices about the scanner's origin, in any orientation."""
    half_mm = _HALF_EXTENT_RADII * radius_mm
    pixels = 2 * math.ceil(half_mm / how.pixel_mm) + 1
    slices = 2 * math.ceil(half_mm / how.thickness_mm) + 1
    matrix = np.eye(4)
    spacing_mm = np.array([how.pixel_mm, how.pixel_mm, how.thickness_mm])
    matrix[:3, :3] = uniform_random_rotations(1, generator)[0].numpy() * spacing_mm
    matrix[:3, 3] = -matrix[:3, :3] @ ((np.array([pixels, pixels, slices]) - 1) / 2)
    return VolumeGeometry((slices, pixels, pixels), matrix)


def _one_slice(grid: VolumeGeometry, number: int) -> VolumeGeometry:
    matrix = grid.ras_from_ijk.copy()
    matrix[:3, 3] += number * matrix[:3, 2]
    return VolumeGeometry((1, *grid.shape_kji[1:]), matrix)


def _times(count: int) -> list[int]:
    """When each slice is taken: even numbers first."""
    order = [*range(0, count, 2), *range(1, count, 2)]
    return [order.index(number) for number in range(count)]


def _motions(count: int, motion: Motion, generator: torch.Generator) -> list[np.ndarray]:
    """(4, 4) each; where the head, centred at the origin, is at each time."""
    knots = max(count // _SLICES_PER_MOTION, 1) + 1
    drawn = torch.randn(knots, 6, generator=generator, dtype=torch.float64).numpy()
    at = np.linspace(0, knots - 1, count)
    found = []
    for components in np.stack([np.interp(at, range(knots), column) for column in drawn.T], axis=1):
        matrix = np.eye(4)
        vector = math.radians(motion.rotation_deg) * torch.as_tensor(components[:3])
        matrix[:3, :3] = matrix_from_rotation_vector(vector).numpy()
        matrix[:3, 3] = motion.shift_mm * components[3:]
        found.append(matrix)
    return found
