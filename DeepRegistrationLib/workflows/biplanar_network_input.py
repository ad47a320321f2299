"""Radiographs as the biplanar networks saw them in training: through their detector, masked to the bone."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.data.biplanar_synthesis import BiplanarSynthesis, grid_around
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.detector_rays import rays_of_cameras
from DeepRegistrationLib.geometry.grid import affine_grid, sample_plane
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize, BiplanarViews
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu

_TRAINED = BiplanarSynthesis()
_LEAST_SHARE = 0.2
"""A pixel shows bone if at least this part of it lies in the shadow: voxels of the training blur the bone's
surface, and its shadow was that much wider. Set on the validation subject (Dice 0.916; with a half 0.897)."""


@dataclass(frozen=True)
class ViewAngles:
    """From where a camera sees a point; see `CArm`.

    Attributes:
        primary_deg: 0 from the front, 90 from the left [degrees].
        secondary_deg: 0 across the long axis [degrees].
        distance_mm: of the source from the point.
    """

    primary_deg: float
    secondary_deg: float
    distance_mm: float


@dataclass(frozen=True, eq=False)
class NetworkInput:
    """What the networks are asked, in the frame of the atlas.

    Attributes:
        radiographs: (1, 2, rows, columns); line integrals, 0 beside the bone's shadow.
        atlas: (1, 1, K, J, I); attenuation of its bone [1/mm].
        views: grid and cameras.
    """

    radiographs: torch.Tensor
    atlas: torch.Tensor
    views: BiplanarViews


def network_input(
    ct: Volume,
    labels: Volume,
    radiographs: tuple[Radiograph, Radiograph],
    shadows: tuple[torch.Tensor, torch.Tensor],
    size: BiplanarSize,
    device: torch.device,
    world_from_atlas: np.ndarray | None = None,
) -> NetworkInput:
    """Radiographs, atlas and cameras as in training.

    Args:
        ct: of the atlas [HU].
        labels: on its grid; all but 0 is the bone.
        radiographs: from the front, from the side.
        shadows: (rows, columns) bool each; of the bone.
        size: of the network.
        device: of the network.
        world_from_atlas: (4, 4); rigid; where the atlas stands in the world of the cameras; None: as it is.
    """
    start = np.eye(4) if world_from_atlas is None else world_from_atlas
    grid = grid_around(ct.geometry, size)
    images, cameras = [], []
    for radiograph, shadow in zip(radiographs, shadows, strict=True):
        camera = radiograph.camera.moved(np.linalg.inv(start))
        trained = trained_camera(view_angles(camera, grid.centre_ras), grid.centre_ras, size)
        images.append(masked_as_seen(radiograph, shadow, camera, trained))
        cameras.append(rays_of_cameras(trained))
    return NetworkInput(
        torch.stack(images)[None].to(device),
        masked_attenuation(ct, labels, grid).to(device),
        BiplanarViews(grid, tuple(rays.to(device) for rays in cameras)),
    )


def masked_attenuation(ct: Volume, labels: Volume, grid: VolumeGeometry) -> torch.Tensor:
    """(1, 1, K, J, I) float32; attenuation of the bone on a grid, 0 elsewhere [1/mm]."""
    bone = resample(labels, grid, labels=True).values != 0
    values = attenuation_from_hu(resample(ct, grid, outside=-1000.0).values.float())
    return (values * bone)[None, None]


def view_angles(camera: Camera, point_ras: np.ndarray) -> ViewAngles:
    """Angles and distance from which a camera sees a point (3,) [mm, RAS]."""
    beam = np.asarray(point_ras, dtype=np.float64) - camera.source_ras
    distance = float(np.linalg.norm(beam))
    x, y, z = beam / distance
    return ViewAngles(
        float(np.degrees(np.arctan2(-x, y))), float(np.degrees(np.arcsin(np.clip(z, -1, 1)))), distance
    )


def trained_camera(angles: ViewAngles, centre_ras: np.ndarray, size: BiplanarSize) -> Camera:
    """The detector that networks were trained with, at the source of a camera.

    It is as far behind the patient, in parts of the source's distance, as in training: pixels are as large
    at the bone.

    Args:
        angles: of the camera.
        centre_ras: (3,); middle of the grid [mm].
        size: of the network.
    """
    rows, columns = size.image_shape_px
    pixel_mm = _TRAINED.detector_mm / rows
    behind = _TRAINED.source_to_detector_mm / _TRAINED.source_to_isocenter_mm
    return CArm(
        behind * angles.distance_mm,
        angles.distance_mm,
        angles.primary_deg,
        angles.secondary_deg,
        (pixel_mm, pixel_mm),
        (columns, rows),
    ).camera(centre_ras)


def masked_as_seen(
    radiograph: Radiograph, shadow: torch.Tensor, camera: Camera, trained: Camera
) -> torch.Tensor:
    """A radiograph on another detector of the same source: every ray keeps its line integral.

    Args:
        radiograph: attenuation.
        shadow: (rows, columns) bool; of the bone.
        camera: of the radiograph, in the frame of `trained`.
        trained: with its source at the same place.

    Returns:
        (rows, columns) float32; mean over the part of each pixel that shows the bone, 0 without bone.
    """
    finer = _finer(camera, trained)
    rows, columns = trained.shape_px
    fine = trained.resized((columns * finer, rows * finer))
    matrix = np.eye(4)
    matrix[:3, :] = fine.ras_from_ijk[:3]
    points = affine_grid(matrix, (1, rows * finer, columns * finer))[0].numpy()
    pixels, _ = camera.project(points)
    shown = (shadow & radiograph.used().to(shadow.device)).cpu().double()
    values = radiograph.values.cpu().double() * shown
    both = sample_plane(
        torch.stack([values, shown])[None], torch.from_numpy(np.nan_to_num(pixels, nan=-1e3))[None]
    )
    total, share = F.avg_pool2d(both, finer)[0]
    return torch.where(share > _LEAST_SHARE, total / share.clamp(min=_LEAST_SHARE), 0.0).float()


def _finer(camera: Camera, trained: Camera) -> int:
    """Samples along the edge of a pixel: about one for each pixel of the radiograph."""
    size = [
        min(c.pixel_spacing_mm) / c.source_to_detector_mm for c in (camera, trained)
    ]  # pixels as angles seen from the source
    return max(1, round(size[1] / size[0]))
