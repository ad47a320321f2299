"""Radiographs of volumes: `project`, and `project_with_tangents` for the six images of the pose.

    radiograph(u, v) = integral of the volume along the ray from the source to pixel (u, v)   [value * mm]

Differentiable in the volume, in the pose and in the camera, with every backend. The gradient in pose and
camera can be differentiated once more in the volume, which is what training through a pose gradient needs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.detector_rays import DetectorRays, rays_of_cameras
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.backends import Backend, backend_module
from DeepRegistrationLib.projection.index_rays import index_rays
from DeepRegistrationLib.projection.line_integrals import attach_rays, linear_projection
from DeepRegistrationLib.projection.tangents import tangent_images


@dataclass(frozen=True)
class ProjectionSettings:
    """How finely the volume is sampled, and by what.

    Attributes:
        step_mm: distance of the samples, measured perpendicularly to the detector. None: the smallest voxel
            edge (of all volumes of the batch).
        samples: number of steps from source to detector, instead of `step_mm`.
        phase: where in its step a sample lies; 0.5 is the middle.
        backend: what computes.

    Raises:
        ValueError: both or wrong numbers.
    """

    step_mm: float | None = None
    samples: int | None = None
    phase: float = 0.5
    backend: Backend = Backend.AUTO

    def __post_init__(self) -> None:
        if self.step_mm is not None and self.samples is not None:
            raise ValueError("give either step_mm or samples")
        if not (self.step_mm is None or self.step_mm > 0) or not (self.samples is None or self.samples > 0):
            raise ValueError(f"step_mm and samples must be positive, got {self.step_mm}, {self.samples}")
        if not 0 <= self.phase < 1:
            raise ValueError(f"phase must be in [0, 1), got {self.phase}")


Geometries = VolumeGeometry | Sequence[VolumeGeometry]
Cameras = Camera | Sequence[Camera] | DetectorRays


def project(
    values: torch.Tensor,
    geometry: Geometries,
    cameras: Cameras,
    world_from_volume: torch.Tensor | None = None,
    settings: ProjectionSettings | None = None,
) -> torch.Tensor:
    """Radiographs of a batch of volumes.

    The numbers of volumes, cameras and poses are equal or 1; the largest is B.

    Args:
        values: (B or 1, C, K, J, I) floating; each channel is projected. Outside of its outermost voxel
            centres a volume fades to zero within one voxel.
        geometry: where the voxels lie; one for all, or one for each volume.
        cameras: one, several, or their rays as tensors (to differentiate in them).
        world_from_volume: (B or 1, 4, 4); where the volume stands before the camera: world RAS from the RAS
            of `geometry` [mm], rigid or affine. None is the identity.
        settings: sampling and backend; the defaults if None.

    Returns:
        (B, C, rows, columns) of the type and on the device of `values` [value * mm].

    Raises:
        RegistrationError: a backend that cannot run here.
        ValueError: shapes or batches that do not fit.

    Source: Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020, section 2.1;
        the sums are fused into one pass along each ray.
    """
    return _project(values, geometry, cameras, world_from_volume, settings, None, tangents=False)[0]


def project_with_tangents(
    values: torch.Tensor,
    geometry: Geometries,
    cameras: Cameras,
    world_from_volume: torch.Tensor | None = None,
    settings: ProjectionSettings | None = None,
    world_from_twist: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Radiographs, and how they change with the pose, in one pass.

    Tangent image n is the derivative of the radiograph when the volume moves by `exp(twist)` and component n
    of the twist grows from 0: turns about x, y, z [rad], then shifts along x, y, z [mm]. They are linear in
    the volume and differentiable in it; pose and camera are constants to them.

    Args:
        values: as in `project`.
        geometry: as in `project`.
        cameras: as in `project`.
        world_from_volume: as in `project`.
        settings: as in `project`.
        world_from_twist: (B or 1, 4, 4); rigid: frame of the twist, its origin is the centre of the turns.
            None: the axes of the world at the middle of each volume.

    Returns:
        radiographs (B, C, rows, columns) [value * mm], differentiable as those of `project`;
        tangent images (B, C, 6, rows, columns) [value * mm / rad, value].
    """
    return _project(values, geometry, cameras, world_from_volume, settings, world_from_twist, tangents=True)


def project_volume(
    volume: Volume,
    camera: Camera,
    world_from_volume: np.ndarray | None = None,
    settings: ProjectionSettings | None = None,
) -> torch.Tensor:
    """Radiograph of one image.

    Args:
        volume: the image; integers are taken as numbers.
        camera: source and detector.
        world_from_volume: (4, 4); pose of the volume. None is the identity.
        settings: as in `project`.

    Returns:
        (rows, columns) on the device of the volume [value * mm].
    """
    values = volume.values if volume.values.is_floating_point() else volume.values.float()
    pose = None
    if world_from_volume is not None:
        pose = torch.from_numpy(np.array(world_from_volume, dtype=np.float64))[None]
    return project(values[None, None], volume.geometry, camera, pose, settings)[0, 0]


def _project(
    values: torch.Tensor,
    geometry: Geometries,
    cameras: Cameras,
    world_from_volume: torch.Tensor | None,
    settings: ProjectionSettings | None,
    world_from_twist: torch.Tensor | None,
    tangents: bool,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    settings = settings or ProjectionSettings()
    geometries = [geometry] if isinstance(geometry, VolumeGeometry) else list(geometry)
    rays = cameras if isinstance(cameras, DetectorRays) else rays_of_cameras(cameras)
    backend = backend_module(settings.backend, values)
    # a far origin needs float64, which MPS does not have: there the geometry is computed on the CPU
    device = torch.device("cpu") if values.device.type == "mps" else values.device
    rays = rays.to(device)
    pose = torch.eye(4)[None] if world_from_volume is None else world_from_volume
    pose = pose.to(device=device, dtype=torch.float64)
    batch = _batch(values, geometries, rays.batch, pose)
    rays, pose = rays.expanded(batch), pose.expand(batch, 4, 4)
    ijk_from_ras = torch.from_numpy(np.stack([g.ijk_from_ras for g in geometries])).to(device)
    ijk_from_world = ijk_from_ras @ torch.linalg.inv(pose)  # (B, 4, 4)
    in_index = index_rays(rays, ijk_from_world, _step(rays, geometries, settings), settings.phase)
    lengths = rays.ray_lengths()
    differentiable = in_index.source.requires_grad or in_index.directions.requires_grad
    on_device = in_index.to(values.device)
    images = linear_projection(
        values, on_device, tangents or differentiable, backend.forward, backend.adjoint
    )
    mean = images[:, :, 0]
    if differentiable:
        mean = attach_rays(mean, images[:, :, 1:], on_device)
    radiographs = mean * lengths.to(values.dtype).to(values.device)[:, None]
    if not tangents:
        return radiographs, None
    if world_from_twist is None:
        twist = _middle_of_volumes(geometries, pose.detach())
    else:
        twist = world_from_twist.detach().to(device=device, dtype=torch.float64).expand(batch, 4, 4)
    fixed = (rays.detached(), ijk_from_world.detach(), twist, lengths.detach())
    return radiographs, tangent_images(images[:, :, 1:], *fixed)


def _batch(values: torch.Tensor, geometries: list[VolumeGeometry], cameras: int, poses: torch.Tensor) -> int:
    """Size of the batch; refuses what does not fit."""
    if values.ndim != 5 or not values.is_floating_point() or poses.shape[1:] != (4, 4):
        raise ValueError(
            "values must be (B, C, K, J, I) floating and poses (B, 4, 4); "
            f"got {tuple(values.shape)} {values.dtype} and {tuple(poses.shape)}"
        )
    wrong = [g.shape_kji for g in geometries if g.shape_kji != tuple(values.shape[-3:])]
    if wrong:
        raise ValueError(f"values are {tuple(values.shape[-3:])}, their geometry says {wrong[0]}")
    counts = {
        "volumes": values.shape[0],
        "geometries": len(geometries),
        "cameras": cameras,
        "poses": poses.shape[0],
    }
    batch = max(counts.values())
    if any(count not in (1, batch) for count in counts.values()):
        raise ValueError(f"numbers that are neither equal nor 1: {counts}")
    return batch


def _step(rays: DetectorRays, geometries: list[VolumeGeometry], settings: ProjectionSettings) -> torch.Tensor:
    """(B,) float64; part of the way from source to detector between two samples."""
    if settings.samples is not None:
        return torch.full_like(rays.source[:, 0], 1 / settings.samples).detach()
    step_mm = settings.step_mm or min(g.spacing_mm.min() for g in geometries)
    return step_mm / rays.source_to_detector_mm().detach()


def _middle_of_volumes(geometries: list[VolumeGeometry], world_from_volume: torch.Tensor) -> torch.Tensor:
    """(B, 4, 4) float64; axes of the world, at the middle of each volume where it stands."""
    middles = torch.from_numpy(np.stack([g.centre_ras for g in geometries])).to(world_from_volume.device)
    frames = torch.eye(4, dtype=torch.float64, device=middles.device).repeat(len(world_from_volume), 1, 1)
    turned = (world_from_volume[:, :3, :3] @ middles[..., None])[..., 0]
    frames[:, :3, 3] = turned + world_from_volume[:, :3, 3]
    return frames
