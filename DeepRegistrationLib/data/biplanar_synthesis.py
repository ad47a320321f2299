"""Samples for the biplanar networks, made on the fly: another pose and shape of a patient, two cameras."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.data.femur_folder import CtPair
from DeepRegistrationLib.data.smooth_fields import random_field
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import DetectorRays, rays_of_cameras
from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize, BiplanarViews, warp_volumes
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu


@dataclass(frozen=True)
class BiplanarSynthesis:
    """How samples vary, on top of how the patients of the population do.

    Attributes:
        turn_deg: largest further turn about each axis, either way [degrees].
        shift_mm: largest further shift along each axis [mm].
        bend_mm: standard deviation of a smooth displacement [mm].
        control_points: of this displacement along each edge.
        torsion_deg: standard deviation of a twist about the long axis (S), from the lower to the upper end
            of the grid [degrees]. Necks of femora point forward by more or less, by about 10 degrees; without
            it a network knows the few people behind the population, and takes the turn about the shaft from
            them.
        density: standard deviation of the logarithm of a factor on the attenuation.
        view_deg: largest difference of each view from front and side, either way [degrees]; 0 is the
            paper's orthogonal data set, 30 its generalised one.
        noise: standard deviation of the radiographs' noise [line integral].
        source_to_detector_mm: of the C-arm.
        source_to_isocenter_mm: of the C-arm; the middle of the grid.
        detector_mm: height of the detector [mm].
    """

    turn_deg: float = 5.0
    shift_mm: float = 3.0
    bend_mm: float = 1.5
    control_points: int = 6
    torsion_deg: float = 10.0
    density: float = 0.1
    view_deg: float = 0.0
    noise: float = 0.02
    source_to_detector_mm: float = 1000.0
    source_to_isocenter_mm: float = 925.0
    detector_mm: float = 224.0


@dataclass(frozen=True, eq=False)
class BiplanarPatients:
    """Patients and the atlas on one grid, on the device that trains.

    Attributes:
        geometry: the grid.
        values: (S, K, J, I) float16; CT numbers / 1000.
        labels: (S, K, J, I) uint8; 0 is background.
        atlas: (1, 1, K, J, I) float32; attenuation of its bone, 0 elsewhere [1/mm].
        atlas_labels: (1, 1, K, J, I) uint8.
    """

    geometry: VolumeGeometry
    values: torch.Tensor
    labels: torch.Tensor
    atlas: torch.Tensor
    atlas_labels: torch.Tensor


@dataclass(frozen=True, eq=False)
class BiplanarBatch:
    """B samples.

    Attributes:
        radiographs: (B, 2, rows, columns); line integrals, 0 beside the bone's shadow.
        target: (B, 1, K, J, I); attenuation of the bone, 0 elsewhere [1/mm].
        mask: (B, 1, K, J, I) float32; share of each voxel that is bone.
        rays: (B, 2, 4, 3) float64; source, origin, column step and row step of both cameras.
        angles_deg: (B, 2); primary angle of each view.
        atlas: (B, 1, K, J, I); attenuation of the atlas's bone, 0 elsewhere [1/mm]; the same for all.
        atlas_mask: (B, 1, K, J, I) float32; 1 in the atlas's bone.
        ras_from_ijk: (B, 4, 4) float64; of the grid; the same for all.
    """

    radiographs: torch.Tensor
    target: torch.Tensor
    mask: torch.Tensor
    rays: torch.Tensor
    angles_deg: torch.Tensor
    atlas: torch.Tensor
    atlas_mask: torch.Tensor
    ras_from_ijk: torch.Tensor

    def views(self) -> BiplanarViews:
        """Grid and cameras for the networks."""
        geometry = VolumeGeometry(tuple(self.target.shape[-3:]), self.ras_from_ijk[0].cpu().numpy())
        shape_px = tuple(self.radiographs.shape[-2:])
        first, second = (DetectorRays(*self.rays[:, view].unbind(1), shape_px) for view in range(2))
        return BiplanarViews(geometry, (first, second))


def load_patients(
    pairs: Sequence[CtPair], atlas: CtPair, size: BiplanarSize, device: torch.device
) -> BiplanarPatients:
    """Reads CTs with labels onto the networks' grid.

    Args:
        pairs: patients, each on the atlas's frame of reference.
        atlas: what is bent.
        size: of the grid; its middle is that of the atlas.
        device: where they are kept.

    Raises:
        InputError: files that cannot be used, or an atlas that does not fill the grid.
    """
    atlas_ct, atlas_labels = atlas.read()
    geometry = grid_around(atlas_ct.geometry, size)
    short = atlas_ct.geometry.extent_mm / geometry.extent_mm
    if short.min() < 0.9:
        wanted = " x ".join(f"{mm:.0f}" for mm in geometry.extent_mm)
        raise InputError(
            f"The atlas '{atlas.name}' covers {100 * short.min():.0f} % of the volume that the network sees. "
            f"Give CTs of at least {wanted} mm."
        )
    values, labels = [], []
    for pair in pairs:
        ct, mask = pair.read()
        values.append((resample(ct, geometry, outside=-1000.0).values / 1000).half())
        labels.append(resample(mask, geometry, labels=True).values.to(torch.uint8))
    bent = resample(atlas_ct, geometry, outside=-1000.0).values[None, None]
    bent_labels = resample(atlas_labels, geometry, labels=True).values.to(torch.uint8)[None, None]
    return BiplanarPatients(
        geometry,
        torch.stack(values).to(device),
        torch.stack(labels).to(device),
        (attenuation_from_hu(bent) * (bent_labels > 0)).to(device),
        bent_labels.to(device),
    )


def grid_around(whole: VolumeGeometry, size: BiplanarSize) -> VolumeGeometry:
    """The networks' grid about the middle of a volume, along its axes."""
    ras_from_ijk = whole.ras_from_ijk.copy()
    ras_from_ijk[:3, :3] *= np.array(size.spacing_mm) / whole.spacing_mm
    middle = (np.array(size.volume_shape_kji[::-1]) - 1) / 2
    ras_from_ijk[:3, 3] = whole.centre_ras - ras_from_ijk[:3, :3] @ middle
    return VolumeGeometry(size.volume_shape_kji, ras_from_ijk)


def draw_batch(
    patients: BiplanarPatients,
    count: int,
    size: BiplanarSize,
    settings: BiplanarSynthesis,
    generator: torch.Generator,
) -> BiplanarBatch:
    """Makes samples on the generator's device.

    Args:
        patients: to choose from.
        count: B.
        size: of the radiographs.
        settings: how samples vary.
        generator: source of randomness.
    """
    device, geometry = generator.device, patients.geometry
    chosen = torch.randint(len(patients.values), (count,), generator=generator, device=device)
    bone = (patients.labels[chosen] > 0).float()
    attenuation = attenuation_from_hu(1000 * patients.values[chosen].float())
    gain = (settings.density * torch.randn(count, 1, 1, 1, generator=generator, device=device)).exp()
    channels = torch.stack([attenuation * gain, attenuation * gain * bone, bone], 1)  # (B, 3, K, J, I)
    channels = warp_volumes(channels, geometry, *_other_pose_and_shape(count, geometry, settings, generator))
    everything, target, mask = channels.split(1, dim=1)
    angles = settings.view_deg * (2 * torch.rand(count, 2, generator=generator, device=device) - 1)
    angles = angles + torch.tensor([0.0, 90.0], device=device)
    rays = torch.stack([camera_rays(pair, geometry, size, settings) for pair in angles.tolist()]).to(device)
    shared = (
        patients.atlas.expand(count, -1, -1, -1, -1),
        (patients.atlas_labels > 0).float().expand(count, -1, -1, -1, -1),
        torch.from_numpy(geometry.ras_from_ijk).to(device).expand(count, 4, 4),
    )
    empty = torch.zeros(count, 2, *size.image_shape_px)
    views = BiplanarBatch(empty, target, mask, rays, angles, *shared).views()
    images = torch.cat(views.project(everything), 1)
    images = images + settings.noise * torch.randn(images.shape, generator=generator, device=device)
    # what lies before and behind stays visible in the bone's shadow, as in the paper
    shadow = torch.cat(views.project(mask), 1) > 0.5 * float(geometry.spacing_mm.min())
    return BiplanarBatch(images * shadow, target, mask, rays, angles, *shared)


def camera_rays(
    angles_deg: Sequence[float], geometry: VolumeGeometry, size: BiplanarSize, settings: BiplanarSynthesis
) -> torch.Tensor:
    """(2, 4, 3) float64; source, origin, column step and row step of both views."""
    rows, columns = size.image_shape_px
    pixel_mm = settings.detector_mm / rows
    cameras = [
        CArm(
            settings.source_to_detector_mm,
            settings.source_to_isocenter_mm,
            angle,
            0.0,
            (pixel_mm, pixel_mm),
            (columns, rows),
        ).camera(geometry.centre_ras)
        for angle in angles_deg
    ]
    rays = rays_of_cameras(cameras)
    return torch.stack([rays.source, rays.origin, rays.column_step, rays.row_step], 1)


def _other_pose_and_shape(
    count: int, geometry: VolumeGeometry, settings: BiplanarSynthesis, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Maps about the middle of the grid (B, 4, 4), and displacements (B, K, J, I, 3) [mm, RAS]."""
    device = generator.device
    drawn = 2 * torch.rand(count, 6, generator=generator, device=device, dtype=torch.float64) - 1
    turn = matrix_from_rotation_vector(math.radians(settings.turn_deg) * drawn[:, :3])
    centre = torch.from_numpy(geometry.centre_ras).to(device)
    maps = torch.eye(4, dtype=torch.float64, device=device).repeat(count, 1, 1)
    maps[:, :3, :3] = turn
    maps[:, :3, 3] = centre - turn @ centre + settings.shift_mm * drawn[:, 3:]
    largest = max(geometry.shape_kji)
    noise = random_field(count, 3, largest, settings.control_points, 3, generator)
    k, j, i = geometry.shape_kji
    bend = settings.bend_mm * noise[:, :, :k, :j, :i].movedim(1, -1)
    angles = torch.randn(count, generator=generator, device=device, dtype=torch.float64)
    return maps, bend + _torsion(geometry, math.radians(settings.torsion_deg) * angles).to(bend)


def _torsion(geometry: VolumeGeometry, angles_rad: torch.Tensor) -> torch.Tensor:
    """(B, K, J, I, 3) [mm, RAS]; a twist about the S axis through the middle by (B,) from end to end."""
    device, dtype = angles_rad.device, angles_rad.dtype
    from_middle = ras_grid(geometry, device, dtype) - torch.from_numpy(geometry.centre_ras).to(angles_rad)
    share = from_middle[..., 2] / (from_middle[..., 2].amax() - from_middle[..., 2].amin())
    angle = angles_rad[:, None, None, None] * share
    x, y = from_middle[..., 0], from_middle[..., 1]
    turned = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], -1)
    return F.pad(turned - from_middle[..., :2], (0, 1))
