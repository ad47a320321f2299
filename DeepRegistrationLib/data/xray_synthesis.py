"""Samples for DeepNet: a patient, true poses with their radiographs, and start poses."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from DeepRegistrationLib.data.radiograph_variation import VariationSettings, vary_radiographs
from DeepRegistrationLib.data.realistic_targets import realistic_targets
from DeepRegistrationLib.data.xray_anatomy import AnatomySettings, random_anatomy
from DeepRegistrationLib.data.xray_cubes import XrayCube
from DeepRegistrationLib.data.xray_poses import XrayPoseSettings, pose_pairs
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import DetectorRays, rays_of_cameras
from DeepRegistrationLib.geometry.grid import index_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.networks.xray_input import XrayInput, target_channels
from DeepRegistrationLib.projection.projector import ProjectionSettings, project


@dataclass(frozen=True)
class XraySynthesis:
    """How samples vary.

    Attributes:
        anatomy: of the patient.
        poses: of the patient before the C-arm.
        variation: of the radiographs.
        realistic: share of the patients whose radiographs are simulated with spectrum, scatter and noise; the
            others are varied projections, which take a tenth of the time.
        poses_per_volume: pairs of poses P that share a patient, whose volume network costs most.
        target_voxel_mm: voxels of what the targets show.
        target_size: voxels along each edge of what the targets show; more than the moving cube, as a
            radiograph shows what a cropped CT lacks.
        source_to_detector_mm: of the C-arm.
        detector_from_isocenter_mm: distance of the middle of the volume from the detector.
        geometry_change: largest relative change of these two and of the pixels.
    """

    anatomy: AnatomySettings = field(default_factory=AnatomySettings)
    poses: XrayPoseSettings = field(default_factory=XrayPoseSettings)
    variation: VariationSettings = field(default_factory=VariationSettings)
    realistic: float = 0.2
    poses_per_volume: int = 32
    target_voxel_mm: float = 5.0
    target_size: int = 64
    source_to_detector_mm: float = 1020.0
    detector_from_isocenter_mm: float = 400.0
    geometry_change: float = 0.1


@dataclass(frozen=True, eq=False)
class XrayPairs:
    """V patients with P pairs of poses each.

    Attributes:
        volumes: (V, 1, n, n, n); bones in units of water's attenuation, on `XrayInput.cube` about the origin.
        targets: (V, P, 2, r, r); see `target_channels`.
        moving: (V, P, 4, 4) float64; poses to be compared [mm].
        target: (V, P, 4, 4) float64; true poses [mm].
        rays: (V, 4, 3) float64; source, origin, column step and row step of the patient's C-arm.
    """

    volumes: torch.Tensor
    targets: torch.Tensor
    moving: torch.Tensor
    target: torch.Tensor
    rays: torch.Tensor

    def rays_of(self, index: int) -> DetectorRays:
        """The C-arm of one patient."""
        vectors = (vector[None] for vector in self.rays[index])
        return DetectorRays(*vectors, tuple(self.targets.shape[-2:]))


def draw_pairs(
    cubes: Sequence[XrayCube],
    count: int,
    size: XrayInput,
    settings: XraySynthesis,
    generator: torch.Generator,
) -> XrayPairs:
    """Makes samples on the generator's device.

    Args:
        cubes: real patients, their voxels as large as `target_voxel_mm`.
        count: V.
        size: what the network sees.
        settings: how samples vary.
        generator: source of randomness.
    """
    parts = []
    for _ in range(count):
        chosen = int(torch.randint(len(cubes), (1,), generator=generator, device=generator.device))
        parts.append(_one(cubes[chosen], size, settings, generator))
    return XrayPairs(*(torch.stack(tensors) for tensors in zip(*parts, strict=True)))


def _one(
    cube: XrayCube, size: XrayInput, settings: XraySynthesis, generator: torch.Generator
) -> tuple[torch.Tensor, ...]:
    everything, bone = random_anatomy(cube, settings.target_size, settings.anatomy, generator)
    moving, target = pose_pairs(settings.poses_per_volume, settings.poses, generator)
    rays = _c_arm(size, settings, generator)
    geometry = target_geometry(settings)
    if torch.rand((), generator=generator, device=generator.device) < settings.realistic:
        varied, mask = realistic_targets(everything, geometry, rays, target, generator)
    else:
        step = ProjectionSettings(step_mm=settings.target_voxel_mm)
        images = project(everything[None, None], geometry, rays, target, step)[:, 0]
        varied, mask = vary_radiographs(images, settings.variation, generator)
    vectors = torch.stack([rays.source[0], rays.origin[0], rays.column_step[0], rays.row_step[0]])
    return (
        moving_cube(bone, size, settings.target_voxel_mm)[None],
        target_channels(varied, mask),
        moving,
        target,
        vectors,
    )


def target_geometry(settings: XraySynthesis) -> VolumeGeometry:
    """Grid of what the targets show, about the origin."""
    return XrayInput(settings.target_size, settings.target_voxel_mm, 1, 1.0).cube(np.zeros(3))


def moving_cube(bone: torch.Tensor, size: XrayInput, voxel_mm: float) -> torch.Tensor:
    """(n, n, n); the middle of a cube of other voxels, both about the same point."""
    offsets = (index_grid((size.grid_size,) * 3, bone.device) - (size.grid_size - 1) / 2) * size.voxel_mm
    return sample(bone[None, None], (offsets / voxel_mm + (len(bone) - 1) / 2)[None])[0, 0]


def _c_arm(size: XrayInput, settings: XraySynthesis, generator: torch.Generator) -> DetectorRays:
    """A C-arm about the origin whose pixels are those of the network, up to the random change."""
    drawn = 2 * torch.rand(3, generator=generator, device=generator.device) - 1
    far, behind, pixel = (math.exp(settings.geometry_change * float(x)) for x in drawn)
    detector_mm = settings.source_to_detector_mm * far
    isocenter_mm = detector_mm - settings.detector_from_isocenter_mm * behind
    pixel_mm = size.pixel_mm * pixel * detector_mm / isocenter_mm
    arm = CArm(detector_mm, isocenter_mm, 0, 0, (pixel_mm, pixel_mm), (size.image_size,) * 2)
    return rays_of_cameras(arm.camera(np.zeros(3))).to(generator.device)
