"""Search for the pose of a volume before a camera over the whole range of possible starts.

A shift across the beam hardly changes a radiograph, it only moves it: a correlation of all shifts (by Fourier
transform) tells where on the radiograph a picture fits best. A turn about the beam does not change it at all,
it turns the picture: none has to be projected again. What is left, two directions of turns and the depth, is
tried out by projecting in the middle of a detector larger than the real one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.rigid import rigid_matrix
from DeepRegistrationLib.geometry.rotations import geodesic_distance, matrix_from_rotation_vector
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.shift_correlation import ShiftCorrelation
from DeepRegistrationLib.projection.projector import ProjectionSettings, project

_CHUNK = 64
# each picture that was projected is turned so many times
_TURNS_ABOUT_BEAM = 16
# between the samples along a ray: a rough picture is enough to be ranked
_STEP_VOXELS = 1.5
# the anatomy may lie this near to the source, as part of the distance of the detector
_NEAREST = 0.15


@dataclass(frozen=True)
class PoseRange:
    """How far the start pose may be off: standard deviations of a normal distribution.

    Attributes:
        turn_rad: of each component of the rotation vector, about the middle of the anatomy.
        shift_mm: along each axis.
    """

    turn_rad: float
    shift_mm: float


@dataclass(frozen=True, eq=False)
class Candidates:
    """Poses, the best first.

    Attributes:
        poses: (N, 4, 4) float64; world from volume.
        scores: (N,); correlation with the radiograph they were found in.
    """

    poses: torch.Tensor
    scores: torch.Tensor

    def best(self, count: int) -> "Candidates":
        """The first ones."""
        return Candidates(self.poses[:count], self.scores[:count])


MakeCorrelation = Callable[[torch.Tensor, torch.Tensor, tuple[int, int]], ShiftCorrelation]
"""Radiograph (rows, columns), mask (rows, columns) bool, shape of the moving images -> all shifts."""


def search_poses(
    volume: Volume,
    radiograph: Radiograph,
    start: np.ndarray,
    centre_ras: np.ndarray,
    pose_range: PoseRange,
    count: int,
    make_correlation: MakeCorrelation,
    seed: int,
    advance: Callable[[float], None] = lambda fraction: None,
) -> Candidates:
    """Tries out orientations and depths in one view; the best shift of each is found by correlation.

    Args:
        volume: attenuation at a coarse resolution.
        radiograph: at a coarse resolution.
        start: (4, 4) float64; world from volume.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
        pose_range: how far the start may be off.
        count: orientations tried out, of which one in sixteen is projected.
        make_correlation: how shifted images are compared.
        seed: other numbers try out other orientations.
        advance: told the fraction done; raises to stop.

    Returns:
        At least as many candidates as orientations, the best first.
    """
    camera, mask = radiograph.camera, radiograph.used()
    rows, columns = camera.shape_px
    # the anatomy may reach far beyond the detector
    before = (rows // 2, columns // 2)
    wide = camera.cropped((-before[1], -before[0]), (2 * columns, 2 * rows))
    middle = _MiddleOfDetector(camera, start, centre_ras)
    correlation = make_correlation(radiograph.values, mask, wide.shape_px)
    shifts = _shift_of_entries(camera.shape_px, wide.shape_px, before)
    allowed = middle.is_within(shifts, 3.5 * pose_range.shift_mm).to(volume.values.device)
    turns, depths_mm, about_beam = _samples(-(-count // _TURNS_ABOUT_BEAM), pose_range, seed)
    bases = middle.poses(turns, depths_mm)
    values = volume.values[None, None]
    settings = ProjectionSettings(step_mm=_STEP_VOXELS * float(volume.geometry.spacing_mm.min()))
    poses, scores = [], []
    for first in range(0, len(bases), _CHUNK):
        advance(first / len(bases))
        part = bases[first : first + _CHUNK]
        images = project(values, volume.geometry, wide, part, settings)[:, 0]
        for angle in about_beam[first // _CHUNK]:
            about_source, pixels = middle.turned_about_beam(angle, wide)
            found = torch.where(
                allowed, correlation(sample_plane(images[None], pixels[None].to(images))[0]), -1.0
            )
            best, at = (x.cpu() for x in found.flatten(1).max(1))
            poses.append(middle.shifted(about_source @ part, shifts.flatten(0, 1)[at]))
            scores.append(best)
    order = torch.cat(scores).argsort(descending=True, stable=True)
    return Candidates(torch.cat(poses)[order], torch.cat(scores)[order].double())


def distinct(
    candidates: Candidates, centre_ras: torch.Tensor, turn_rad: float, shift_mm: float
) -> Candidates:
    """Candidates without those that are near a better one.

    Args:
        candidates: the best first.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
        turn_rad: two poses are near each other when they differ by less than this turn,
        shift_mm: and by less than this shift of the middle.
    """
    near = are_near(candidates.poses[:, None], candidates.poses[None], centre_ras, turn_rad, shift_mm)
    kept: list[int] = []
    taken = torch.zeros(len(near), dtype=torch.bool)
    for index in range(len(near)):
        if not taken[index]:
            kept.append(index)
            taken |= near[index]
    return Candidates(candidates.poses[kept], candidates.scores[kept])


def are_near(
    first: torch.Tensor, second: torch.Tensor, centre_ras: torch.Tensor, turn_rad: float, shift_mm: float
) -> torch.Tensor:
    """(...) bool; poses (..., 4, 4) that differ by less than a turn and, in the middle, less than a shift."""
    centres = [poses[..., :3, :3] @ centre_ras + poses[..., :3, 3] for poses in (first, second)]
    turned = geodesic_distance(first[..., :3, :3], second[..., :3, :3])
    return (turned < turn_rad) & ((centres[0] - centres[1]).norm(dim=-1) < shift_mm)


class _MiddleOfDetector:
    """Poses with the anatomy on the ray to the middle of the detector, and their turns about the source.

    Args:
        camera: of the radiograph.
        start: (4, 4); world from volume.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
    """

    def __init__(self, camera: Camera, start: np.ndarray, centre_ras: np.ndarray) -> None:
        self._camera = camera
        self._source = torch.from_numpy(camera.source_ras.copy())
        self._centre = torch.from_numpy(np.array(centre_ras, dtype=np.float64))
        start = torch.from_numpy(np.array(start, dtype=np.float64))
        self._start_centre = start[:3, :3] @ self._centre + start[:3, 3]
        middle_px = (np.array(camera.image_size_px) - 1) / 2
        self._beam = self._rays(torch.from_numpy(middle_px)[None])[0]
        towards = self._start_centre - self._source
        self._distance = towards.norm()
        self._across = torch.linalg.svd(self._beam[None]).Vh[1:]  # (2, 3)
        # the start as it would look in the middle of the detector: turned there about the source
        self._rotation = _shortest_turn(towards / self._distance, self._beam) @ start[:3, :3]

    def poses(self, turns: torch.Tensor, depths_mm: torch.Tensor) -> torch.Tensor:
        """(N, 4, 4); world from volume for turns (N, 2) across the beam [rad], moves (N,) in depth [mm]."""
        furthest = self._camera.source_to_detector_mm
        distance = (self._distance + depths_mm).clamp(_NEAREST * furthest, furthest)
        rotations = matrix_from_rotation_vector(turns @ self._across) @ self._rotation
        centres = self._source + distance[:, None] * self._beam
        return rigid_matrix(rotations, centres - rotations @ self._centre)

    def shifted(self, poses: torch.Tensor, shifts_px: torch.Tensor) -> torch.Tensor:
        """(N, 4, 4); poses turned about the source so that their image moves by columns, rows (N, 2)."""
        middle_px = torch.from_numpy((np.array(self._camera.image_size_px) - 1) / 2)
        return self._about_source(_shortest_turn(self._beam, self._rays(middle_px + shifts_px))) @ poses

    def turned_about_beam(self, angle_rad: torch.Tensor, wide: Camera) -> tuple[torch.Tensor, torch.Tensor]:
        """A turn about the beam: of poses, and of their pictures, exactly, for any detector.

        Rays through the source stay rays through the source, and what lies on them stays on them.

        Args:
            angle_rad: scalar.
            wide: camera of the pictures.

        Returns:
            (4, 4), to be applied in the world; (rows, columns, 2): column and row from where each pixel of
            the turned picture comes.
        """
        turn = matrix_from_rotation_vector(angle_rad * self._beam)
        rows, columns = wide.shape_px
        grid = torch.meshgrid(torch.arange(columns), torch.arange(rows), indexing="xy")
        before = self._rays(torch.stack(grid, -1).reshape(-1, 2).double(), wide) @ turn  # by its inverse
        pixels, _ = wide.project((self._source + self._camera.source_to_detector_mm * before).numpy())
        return self._about_source(turn), torch.from_numpy(pixels).reshape(rows, columns, 2)

    def _about_source(self, turns: torch.Tensor) -> torch.Tensor:
        """(..., 4, 4) from (..., 3, 3)."""
        return rigid_matrix(turns, self._source - turns @ self._source)

    def is_within(self, shifts_px: torch.Tensor, shift_mm: float) -> torch.Tensor:
        """(...) bool; shifts (..., 2) that leave the anatomy's middle near its start, across the beam."""
        middle_px = torch.from_numpy((np.array(self._camera.image_size_px) - 1) / 2)
        rays = self._rays((middle_px + shifts_px).reshape(-1, 2)).reshape(*shifts_px.shape[:-1], 3)
        start = (self._start_centre - self._source) / self._distance
        return torch.linalg.cross(rays, start.expand_as(rays)).norm(dim=-1) * self._distance < shift_mm

    def _rays(self, pixels: torch.Tensor, camera: Camera | None = None) -> torch.Tensor:
        """(N, 3); unit vectors from the source to pixels (N, 2) of this or another camera."""
        points = torch.from_numpy((camera or self._camera).ras_from_pixels(pixels.numpy()))
        return torch.nn.functional.normalize(points - self._source, dim=-1)


def _shift_of_entries(
    fixed_px: tuple[int, int], moving_px: tuple[int, int], before_px: tuple[int, int]
) -> torch.Tensor:
    """(rows, columns, 2) float64; by how many columns and rows each entry of the correlation moves an image.

    Args:
        fixed_px: rows, columns of the radiograph.
        moving_px: of the wide image.
        before_px: by how much the wide image begins before the radiograph.
    """
    shifts = []
    for fixed, moving, before in zip(fixed_px, moving_px, before_px, strict=True):
        entry = torch.arange(fixed + moving, dtype=torch.float64)
        # what does not fit into the radiograph has wrapped round: it is a negative shift
        entry = torch.where(entry < fixed, entry, entry - (fixed + moving))
        shifts.append(entry + before)
    rows, columns = torch.meshgrid(*shifts, indexing="ij")
    return torch.stack([columns, rows], -1)


def _samples(count: int, pose_range: PoseRange, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Evenly spread over a normal distribution.

    Returns:
        turns across the beam (N, 2) [rad]; moves in depth (N,) [mm]; turns about the beam [rad], others for
        each chunk: (chunks, turns).
    """
    sobol = torch.quasirandom.SobolEngine(3, scramble=True, seed=seed)
    normal = torch.special.ndtri(sobol.draw(count, dtype=torch.float64).clamp(1e-3, 1 - 1e-3))
    chunks = -(-count // _CHUNK)
    offsets = torch.quasirandom.SobolEngine(1, scramble=True, seed=seed).draw(chunks, dtype=torch.float64)
    strata = (torch.arange(_TURNS_ABOUT_BEAM) + offsets) / _TURNS_ABOUT_BEAM
    about_beam = torch.special.ndtri(strata.clamp(1e-3, 1 - 1e-3)) * pose_range.turn_rad
    return normal[:, :2] * pose_range.turn_rad, normal[:, 2] * pose_range.shift_mm, about_beam


def _shortest_turn(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(..., 3, 3); rotation that carries one unit vector to another, about the axis across both."""
    axis = torch.linalg.cross(first.expand_as(second), second)
    sine, cosine = axis.norm(dim=-1, keepdim=True), (first * second).sum(-1, keepdim=True)
    return matrix_from_rotation_vector(axis * torch.atan2(sine, cosine) / sine.clamp(min=1e-12))
