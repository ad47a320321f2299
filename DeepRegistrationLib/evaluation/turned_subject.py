"""A subject that has turned in the scanner: the same anatomy in another pose, imaged on another grid."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch

from DeepRegistrationLib.evaluation.metrics import BIN_EDGES_DEG
from DeepRegistrationLib.geometry.rigid import rotation_about, rotation_error_deg
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume

MAXIMUM_SHIFT_MM = 15.0
_MARGIN_MM = 8.0


class Draw(StrEnum):
    """How a pose was drawn."""

    UNIFORM = "uniform"
    """Uniform over SO(3)."""
    BIN = "bin"
    """Uniform over the rotations whose angle lies in one bin."""


@dataclass(frozen=True, eq=False)
class Turn:
    """One new pose.

    Attributes:
        rotation: (3, 3) float64; turns the anatomy about the brain's centre, in RAS.
        shift_mm: (3,) float64; moves it afterwards [mm, RAS].
        grid_axes: (3, 3) float64, a rotation; columns are the directions of i, j, k of the new grid in RAS.
        draw: whether the rotation is uniform over SO(3) or its angle was drawn from a bin.
        number: position among the turns of its draw.
    """

    rotation: np.ndarray
    shift_mm: np.ndarray
    grid_axes: np.ndarray
    draw: Draw
    number: int

    @property
    def angle_deg(self) -> float:
        """Size of the rotation [degrees]."""
        return float(rotation_error_deg(self.rotation, np.eye(3)))

    def matrix(self, centre_ras: np.ndarray) -> np.ndarray:
        """(4, 4) float64; turned RAS from original RAS, about a centre (3,) [mm]."""
        matrix = rotation_about(torch.from_numpy(self.rotation), torch.from_numpy(centre_ras)).numpy()
        matrix[:3, 3] += self.shift_mm
        return matrix


def draw_turns(uniform: int, per_bin: int, seed: int) -> list[Turn]:
    """Random poses: uniform ones first, then some of every size.

    Of uniform rotations less than 1 % are below 30 degrees, so the first bin would hold next to none; those
    drawn per bin fill all bins evenly.

    Args:
        uniform: number of rotations uniform over SO(3).
        per_bin: number of rotations in each bin of `metrics.BIN_EDGES_DEG`.
        seed: equal seeds give equal poses; more of them begin with the same ones.

    Returns:
        uniform + 6 per_bin turns, with shifts uniform in +-`MAXIMUM_SHIFT_MM` along each axis.

    Source: uniform rotations, Arvo, Graphics Gems III, 1992; their angles have the density (1 - cos a) / pi,
        Miles, "On random rotations in R3", Biometrika 52, 1965.
    """
    bins = [edges for _ in range(per_bin) for edges in itertools.pairwise(BIN_EDGES_DEG)]
    # one source of random numbers for each, so that neither list depends on the length of the other
    return [*_turns(Draw.UNIFORM, [None] * uniform, seed), *_turns(Draw.BIN, bins, seed + 1)]


def _turns(draw: Draw, bins: Sequence[tuple[float, float] | None], seed: int) -> Iterator[Turn]:
    generator = torch.Generator().manual_seed(seed)
    for number, edges in enumerate(bins):
        rotation, grid_axes = uniform_random_rotations(2, generator)
        if edges is not None:
            rotation = _rotation_between(*edges, generator)
        shift = (2 * torch.rand(3, generator=generator, dtype=torch.float64) - 1) * MAXIMUM_SHIFT_MM
        yield Turn(rotation.numpy(), shift.numpy(), grid_axes.numpy(), draw, number)


def _rotation_between(low_deg: float, high_deg: float, generator: torch.Generator) -> torch.Tensor:
    """(3, 3); uniform over the rotations whose angle lies between two bounds [degrees]."""
    axis = torch.randn(3, generator=generator, dtype=torch.float64)
    ceiling = 1 - math.cos(math.radians(high_deg))
    while True:
        share, height = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        angle = math.radians(low_deg + share * (high_deg - low_deg))
        if height * ceiling <= 1 - math.cos(angle):
            return matrix_from_rotation_vector(axis / axis.norm() * angle)


def turn_subject(
    image: Volume, mask: Volume | None, turned_from_original: np.ndarray, grid_axes: np.ndarray | None
) -> tuple[Volume, Volume | None]:
    """Image and mask of the turned subject.

    Args:
        image: the subject as it was.
        mask: on the same grid, or None.
        turned_from_original: (4, 4), rigid; new RAS from old RAS [mm].
        grid_axes: (3, 3); directions of the new grid's axes: image and mask are resampled onto it, as a
            scanner would sample the turned subject. None turns the header only and keeps every voxel.

    Returns:
        Image and mask on the new grid, which keeps the voxel size and covers the subject.
    """
    if grid_axes is None:
        geometry = image.geometry.moved(turned_from_original)
        moved_mask = None if mask is None else Volume(mask.values, geometry, mask.name)
        return Volume(image.values, geometry, image.name), moved_mask
    target = _grid_around(content_of(image, mask), image.geometry, turned_from_original, grid_axes)
    original_from_turned = np.linalg.inv(turned_from_original)
    turned_image = resample(image, target, original_from_turned, outside=float(image.values.min()))
    if mask is None:
        return turned_image, None
    weights = resample(mask.with_values((mask.values != 0).float()), target, original_from_turned)
    return turned_image, weights.with_values(weights.values > 0.5)


def content_of(image: Volume, mask: Volume | None) -> torch.Tensor:
    """(K, J, I) bool; the mask, or where there is none all voxels brighter than the background."""
    if mask is not None:
        return mask.values != 0
    darkest, brightest = image.values.min(), image.values.max()
    return image.values > darkest + 1e-3 * (brightest - darkest)


def _grid_around(
    content: torch.Tensor, geometry: VolumeGeometry, turned_from_original: np.ndarray, grid_axes: np.ndarray
) -> VolumeGeometry:
    step = 2  # every second voxel tells the extent to within the margin
    indices = torch.nonzero(content[::step, ::step, ::step]).numpy()[:, ::-1] * step
    to_axes = np.eye(4)
    to_axes[:3, :3] = grid_axes.T
    axes_from_ijk = to_axes @ turned_from_original @ geometry.ras_from_ijk
    positions = indices @ axes_from_ijk[:3, :3].T + axes_from_ijk[:3, 3]
    low, high = positions.min(0) - _MARGIN_MM, positions.max(0) + _MARGIN_MM
    size_ijk = np.ceil((high - low) / geometry.spacing_mm).astype(int) + 1
    ras_from_ijk = np.eye(4)
    ras_from_ijk[:3, :3] = grid_axes * geometry.spacing_mm
    ras_from_ijk[:3, 3] = grid_axes @ low
    return VolumeGeometry(tuple(size_ijk[::-1]), ras_from_ijk)
