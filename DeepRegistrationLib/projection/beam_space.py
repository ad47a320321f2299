"""Beam space: a volume resampled along the rays of a camera, and back into physical space.

A beam volume has the pixels of the detector as columns and rows, and planes parallel to the detector as
depth. `volume_to_beam` is the projective spatial transformer before its sum, `beam_to_volume` its inverse.
Both are differentiable in the values, in the pose and in the camera.
"""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.detector_rays import DetectorRays
from DeepRegistrationLib.geometry.grid import ras_grid, sample
from DeepRegistrationLib.geometry.rigid import apply_to_points
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry


@dataclass(frozen=True, eq=False)
class BeamGrid:
    """Control points of a cone beam: planes within a slab, each in the middle of its share.

    Attributes:
        rays: B cameras; their pixels are columns and rows.
        near: where the slab begins, as a part of the way from source to detector.
        far: where it ends.
        planes: number of planes.

    Raises:
        ValueError: no slab between source and detector.
    """

    rays: DetectorRays
    near: float
    far: float
    planes: int

    def __post_init__(self) -> None:
        if not 0 <= self.near < self.far or self.planes < 1:
            raise ValueError(f"no slab: {self.planes} planes from {self.near} to {self.far}")

    @property
    def step(self) -> float:
        """Part of the way from source to detector between two planes."""
        return (self.far - self.near) / self.planes

    def fractions(self) -> torch.Tensor:
        """(D,) float64; where the planes lie on the way from source to detector."""
        numbers = torch.arange(self.planes, dtype=torch.float64, device=self.rays.source.device)
        return self.near + (numbers + 0.5) * self.step


def beam_grid_around(
    geometry: VolumeGeometry,
    rays: DetectorRays,
    planes: int,
    world_from_volume: np.ndarray | None = None,
    margin_mm: float = 0.0,
) -> BeamGrid:
    """The part of the beam between the nearest and the farthest corner of a volume.

    Args:
        geometry: of the volume.
        rays: B cameras; one slab serves all.
        planes: number of planes.
        world_from_volume: (4, 4) or (B, 4, 4); poses; None is the identity.
        margin_mm: added before and behind; for poses that still change.

    Raises:
        InputError: the volume reaches to the source.
    """
    poses = np.eye(4) if world_from_volume is None else np.asarray(world_from_volume, dtype=np.float64)
    corners = torch.from_numpy(geometry.corners_ras()).to(rays.source.device)
    moved = apply_to_points(torch.from_numpy(poses).to(corners), corners)  # (B or nothing, 8, 3)
    depth = _detector_coordinates(rays, moved.expand(rays.batch, -1, -1))[..., 0]
    # half a voxel beyond the outermost centres, and what was asked for
    margin = (geometry.spacing_mm.max() / 2 + margin_mm) / rays.source_to_detector_mm().min()
    near, far = float((depth.min() - margin).detach()), float((depth.max() + margin).detach())
    if near <= 0:
        behind_mm = -near * float(rays.source_to_detector_mm().min())
        raise InputError(
            f"The volume reaches {behind_mm:.0f} mm behind the X-ray "
            "source. Move it between source and detector, or check the distances."
        )
    return BeamGrid(rays, near, far, planes)


def volume_to_beam(
    values: torch.Tensor,
    geometry: VolumeGeometry,
    grid: BeamGrid,
    world_from_volume: torch.Tensor | None = None,
) -> torch.Tensor:
    """Values of a volume at the control points of a beam (ProST before its sum).

    Args:
        values: (B or 1, C, K, J, I) floating.
        geometry: where the voxels lie.
        grid: control points.
        world_from_volume: (B or 1, 4, 4) float64; None is the identity.

    Returns:
        (B, C, D, rows, columns); zero outside of the volume.

    Source: Gao et al., MICCAI 2020, eq. 2 and 3.
    """
    rays = grid.rays
    ijk_from_world = _index_map(geometry, world_from_volume, rays)
    linear = ijk_from_world[:, :3, :3]
    source = apply_to_points(ijk_from_world, rays.source[:, None])[:, 0]  # (B, 3)
    axes = torch.stack([rays.origin - rays.source, rays.column_step, rays.row_step], dim=1)
    offset, column, row = (axes @ linear.transpose(1, 2)).unbind(1)  # each (B, 3)
    rows, columns = (torch.arange(n, dtype=torch.float64, device=source.device) for n in rays.shape_px)
    along_row = offset[:, None] + columns[:, None] * column[:, None]  # (B, columns, 3)
    direction = along_row[:, None] + (rows[:, None] * row[:, None])[:, :, None]  # (B, rows, columns, 3)
    fractions = grid.fractions()[:, None, None, None]
    ijk = source[:, None, None, None] + fractions * direction[:, None]  # (B, D, rows, columns, 3)
    return sample(values, ijk.to(values))


def beam_to_volume(
    beam: torch.Tensor,
    grid: BeamGrid,
    geometry: VolumeGeometry,
    world_from_volume: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A beam volume resampled onto a physical grid (inverse ProST).

    Args:
        beam: (B or 1, C, D, rows, columns) floating, on the control points of `grid`.
        grid: control points.
        geometry: grid of the result.
        world_from_volume: (B or 1, 4, 4) float64; None is the identity.

    Returns:
        values (B, C, K, J, I), zero where no ray passes; seen (B, 1, K, J, I), 1 where the control points
        surround the voxel, else 0.

    Source: Van Houtte et al., 2022, inverse projective spatial transformer.
    """
    rays = grid.rays
    voxels = ras_grid(geometry, dtype=torch.float64).to(rays.source.device).reshape(1, -1, 3)
    if world_from_volume is not None:
        voxels = apply_to_points(world_from_volume.to(voxels), voxels)
    fraction, u, v = _detector_coordinates(rays, voxels.expand(rays.batch, -1, -1)).unbind(-1)
    plane = (fraction - grid.near) / grid.step - 0.5
    index = torch.stack([u, v, plane], dim=-1).to(beam)  # (B, N, 3) column, row, plane
    last = torch.tensor([n - 1 for n in beam.shape[:1:-1]], device=beam.device)
    seen = ((index >= 0) & (index <= last)).all(-1, keepdim=True)
    shape = (rays.batch, *geometry.shape_kji)
    values = sample(beam, index.reshape(*shape, 3))
    seen = seen.reshape(shape)[:, None].to(values)
    return values * seen, seen


def integrate_beam(beam: torch.Tensor, grid: BeamGrid) -> torch.Tensor:
    """Sum along the depth: the radiograph of a beam volume.

    Args:
        beam: (B, C, D, rows, columns).
        grid: its control points.

    Returns:
        (B, C, rows, columns) [value * mm].

    Source: Gao et al., MICCAI 2020, eq. 4, times the distance of the control points along each ray.
    """
    return beam.sum(2) * (grid.rays.ray_lengths() * grid.step).to(beam)[:, None]


def _index_map(
    geometry: VolumeGeometry, world_from_volume: torch.Tensor | None, rays: DetectorRays
) -> torch.Tensor:
    """(B or 1, 4, 4) float64; index of a world point."""
    ijk_from_ras = torch.from_numpy(geometry.ijk_from_ras).to(rays.source.device)[None]
    if world_from_volume is None:
        return ijk_from_ras
    return ijk_from_ras @ torch.linalg.inv(world_from_volume.to(ijk_from_ras))


def _detector_coordinates(rays: DetectorRays, points: torch.Tensor) -> torch.Tensor:
    """Part of the way from source to detector, column and row of world points (B, N, 3) -> (B, N, 3)."""
    # point - source = fraction * (offset + u column + v row): linear in fraction, fraction u, fraction v
    axes = torch.stack([rays.origin - rays.source, rays.column_step, rays.row_step], dim=2)  # (B, 3, 3)
    solved = torch.linalg.solve(axes, (points - rays.source[:, None]).transpose(1, 2)).transpose(1, 2)
    fraction = solved[..., :1]
    # behind the source there is no shadow: far outside of every detector
    before = torch.where(fraction > 1e-9, fraction, torch.full_like(fraction, 1e-9))
    return torch.cat([fraction, solved[..., 1:] / before], dim=-1)
