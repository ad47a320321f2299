"""Slices cut from brains in known poses, as a scanner would acquire them."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.data.random_poses import half_space_slices
from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject
from DeepRegistrationLib.evaluation.metrics import BIN_EDGES_DEG, bin_of
from DeepRegistrationLib.evaluation.network_errors import MIDDLE, SEMI_AXES, THICKNESS_MM
from DeepRegistrationLib.evaluation.turned_subject import Draw
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.intensity import percentile
from DeepRegistrationLib.images.moments import centre_of_gravity_ras
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain

_PROFILE = 5
"""Samples through the thickness of a slice."""
_HALF_EDGE_RADII = 1.6


@dataclass(frozen=True)
class Acquisition:
    """How slices are acquired.

    Attributes:
        pixel_mm: size of a pixel [mm].
        thickness_mm: of a slice [mm].
        noise: standard deviation, relative to the brightest tissue.
        bias: standard deviation of the logarithm of the coil sensitivity.
        decentred_mm: largest distance of the brain from the middle of the image, along each axis [mm].
        scanner_mm: largest shift of the patient in the scanner, along each axis [mm].
    """

    pixel_mm: float = 1.2
    thickness_mm: float = THICKNESS_MM
    noise: float = 0.04
    bias: float = 0.15
    decentred_mm: float = 8.0
    scanner_mm: float = 80.0


USUAL = Acquisition()


@dataclass(frozen=True, eq=False)
class SlicePoseDraw:
    """A slice that is to be cut.

    Attributes:
        draw: whether the orientation is uniform or was drawn from a bin of its size.
        number: position among the slices of its subject and draw.
        rotation: (3, 3) float64; slice from atlas, its third row is the normal; in the paper's half space.
        offset: of the plane along the normal, from the atlas's centre [brain radii].
        seed: of noise, sensitivity and of where the patient lies.
    """

    draw: Draw
    number: int
    rotation: np.ndarray
    offset: float
    seed: int

    @property
    def turned_deg(self) -> float:
        """Size of the rotation [degrees]."""
        return float(rotation_error_deg(self.rotation, np.eye(3)))


@dataclass(frozen=True, eq=False)
class CutSlice:
    """One slice in the patient's space.

    Attributes:
        image: (1, J, I) float32.
        mask: (1, J, I) bool.
        atlas_from_slice: (4, 4) float64; the right answer, rigid: it puts the slice's centroid where it
            belongs, whatever the difference in size.
        centre_ras: (3,); centroid of the mask [mm, RAS].
    """

    image: Volume
    mask: Volume
    atlas_from_slice: np.ndarray
    centre_ras: np.ndarray

    def points_ras(self) -> np.ndarray:
        """(N, 3); position of every pixel of the brain [mm, RAS]."""
        ijk = torch.nonzero(self.mask.values).numpy()[:, ::-1]
        matrix = self.mask.geometry.ras_from_ijk
        return ijk @ matrix[:3, :3].T + matrix[:3, 3]


def draw_slices(uniform: int, per_bin: int, seed: int) -> list[SlicePoseDraw]:
    """Slices of half of all orientations from the middle of the brain.

    Of uniform orientations few are turned by less than 60 degrees; those drawn per bin fill all bins evenly.

    Args:
        uniform: number of slices with uniform orientations.
        per_bin: number of slices in each bin of `metrics.BIN_EDGES_DEG`.
        seed: equal seeds give equal slices; more of them begin with the same ones.

    Source: poses as in Mohseni Salehi et al., arXiv:1803.05982, section 3.1.
    """
    bins = [index for _ in range(per_bin) for index in range(len(BIN_EDGES_DEG) - 1)]
    # numbers of their own, so that neither list depends on the length of the other
    return [
        *(_drawn(Draw.UNIFORM, number, None, seed) for number in range(uniform)),
        *(_drawn(Draw.BIN, number, index, seed + 500_000) for number, index in enumerate(bins)),
    ]


def _drawn(draw: Draw, number: int, wanted_bin: int | None, seed: int) -> SlicePoseDraw:
    # noise and the patient have the next seed to themselves
    own_seed = 2 * (1000 * seed + number)
    generator = torch.Generator().manual_seed(own_seed)
    while True:
        poses = half_space_slices(1, torch.tensor(SEMI_AXES), MIDDLE, generator)
        u, _, vh = np.linalg.svd(poses.rotation[0].double().numpy())  # exact to the last digit
        found = SlicePoseDraw(draw, number, u @ vh, float(poses.offset[0]), own_seed)
        if wanted_bin is None or bin_of(found.turned_deg) == wanted_bin:
            return found


def cut_slice(
    subject: KnownSubject, atlas: PreparedBrain, pose: SlicePoseDraw, how: Acquisition = USUAL
) -> CutSlice:
    """Acquires one slice of a subject: thick, noisy, unevenly bright, in a patient that lies anyhow.

    Args:
        subject: in a known pose.
        atlas: the atlas brain, whose centre and radius the pose refers to.
        pose: where to cut.
        how: slices are acquired.
    """
    subject_from_atlas = np.linalg.inv(subject.atlas_from_subject)
    linear = subject_from_atlas[:3, :3]
    scale = np.cbrt(np.linalg.det(linear))
    generator = torch.Generator().manual_seed(pose.seed + 1)
    axes = linear / scale @ pose.rotation.T  # columns: u, v, normal in the subject's RAS
    origin_atlas = atlas.centre_ras + pose.offset * atlas.radius_mm * pose.rotation[2]
    subject_from_plane = np.eye(4)
    subject_from_plane[:3, :3] = axes
    subject_from_plane[:3, 3] = linear @ origin_atlas + subject_from_atlas[:3, 3]
    grid = _plane_grid(scale * _HALF_EDGE_RADII * atlas.radius_mm, how, generator)
    image, mask = (
        through_thickness(volume, grid, subject_from_plane)
        for volume in (subject.image, subject.mask.with_values((subject.mask.values != 0).float()))
    )
    scanner_from_plane = np.eye(4)
    scanner_from_plane[:3, :3] = uniform_random_rotations(1, generator)[0].numpy()
    uniform = torch.rand(3, generator=generator, dtype=torch.float64).numpy()
    scanner_from_plane[:3, 3] = how.scanner_mm * (2 * uniform - 1)
    geometry = VolumeGeometry(grid.shape_kji, scanner_from_plane @ grid.ras_from_ijk)
    inside = mask > 0.5
    values = as_acquired(image, inside, how, generator)
    name = f"{subject.name} slice {pose.number}"
    mask_volume = Volume(inside, geometry, f"{name} mask")
    centre_ras = centre_of_gravity_ras(mask_volume.with_values(inside.float()))
    with_scale = subject.atlas_from_subject @ subject_from_plane @ np.linalg.inv(scanner_from_plane)
    return CutSlice(
        Volume(values, geometry, name), mask_volume, rigid_about(with_scale, centre_ras), centre_ras
    )


def rigid_about(matrix: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(4, 4) without the scale of a similarity (4, 4); a point (3,) goes where it went."""
    found = np.eye(4)
    found[:3, :3] = matrix[:3, :3] / np.cbrt(np.linalg.det(matrix[:3, :3]))
    found[:3, 3] = matrix[:3, :3] @ centre + matrix[:3, 3] - found[:3, :3] @ centre
    return found


def _plane_grid(half_edge_mm: float, how: Acquisition, generator: torch.Generator) -> VolumeGeometry:
    """One slice about the plane's origin, a little off centre."""
    count = 2 * int(np.ceil(half_edge_mm / how.pixel_mm)) + 1
    off = how.decentred_mm * (2 * torch.rand(2, generator=generator, dtype=torch.float64).numpy() - 1)
    plane_from_ijk = np.diag([how.pixel_mm, how.pixel_mm, how.thickness_mm, 1.0])
    plane_from_ijk[:2, 3] = off - how.pixel_mm * (count - 1) / 2
    return VolumeGeometry((1, count, count), plane_from_ijk)


def through_thickness(volume: Volume, grid: VolumeGeometry, subject_from_plane: np.ndarray) -> torch.Tensor:
    """(1, J, I); mean over the thickness of one slice.

    Args:
        volume: of the subject.
        grid: of the slice; its spacing along k is the thickness.
        subject_from_plane: (4, 4); RAS of the subject from that of the grid.
    """
    fine = grid.ras_from_ijk.copy()
    fine[:3, 2] /= _PROFILE
    fine[:3, 3] -= fine[:3, 2] * (_PROFILE - 1) / 2
    stack = VolumeGeometry((_PROFILE, *grid.shape_kji[1:]), fine)
    return resample(volume, stack, subject_from_plane).values.float().mean(0, keepdim=True)


def as_acquired(
    image: torch.Tensor, inside: torch.Tensor, how: Acquisition, generator: torch.Generator
) -> torch.Tensor:
    """Coil sensitivity and noise; magnitudes, as scanners give them.

    Args:
        image: (1, n, n).
        inside: (1, n, n) bool; the brain.
        how: slices are acquired.
        generator: source of randomness.
    """
    brightest = percentile(image[inside], 99.0) if bool(inside.any()) else 1.0
    sensitivity = random_field(1, 1, image.shape[-1], 4, 2, generator)[0]
    noise = how.noise * brightest * torch.randn(image.shape, generator=generator)
    return (image * torch.exp(how.bias * sensitivity) + noise).abs()
