"""What DeepNet sees: the bones around a point, and a radiograph of a fixed number of pixels."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry


@dataclass(frozen=True)
class XrayInput:
    """Sizes of volume and radiograph.

    Attributes:
        grid_size: voxels along each edge of the cube of bones.
        voxel_mm: their size.
        image_size: pixels along each edge of a radiograph.
        pixel_mm: their size at the depth of the middle of the volume, not on the detector.
    """

    grid_size: int
    voxel_mm: float
    image_size: int
    pixel_mm: float

    def cube(self, centre_ras: np.ndarray) -> VolumeGeometry:
        """The grid around a point, along the axes of the world.

        Args:
            centre_ras: (3,); middle of the cube [mm, RAS].
        """
        ras_from_ijk = np.diag([self.voxel_mm, self.voxel_mm, self.voxel_mm, 1.0])
        # the middle lies half way between the first and the last voxel centre
        ras_from_ijk[:3, 3] = np.asarray(centre_ras) - self.voxel_mm * (self.grid_size - 1) / 2
        return VolumeGeometry((self.grid_size,) * 3, ras_from_ijk)

    def camera(self, camera: Camera, centre_ras: np.ndarray) -> Camera:
        """The same source with a detector in the same plane, divided as the network was trained.

        It is centred at the shadow of the point; at the point's depth its pixels have the size `pixel_mm`.

        Args:
            camera: of the radiograph.
            centre_ras: (3,); middle of the cube where the start pose puts it [mm, RAS].
        """
        (shadow,), (depth,) = camera.project(np.asarray(centre_ras)[None])
        on_detector_mm = self.pixel_mm * camera.source_to_detector_mm / depth
        ratio = np.array(camera.pixel_spacing_mm) / on_detector_mm
        middle = (self.image_size - 1) / 2
        # the principal point seen from the shadow, in the new pixels, with the shadow in the middle
        principal = (np.array(camera.principal_point_px) - shadow) * ratio + middle
        return Camera(
            camera.source_to_detector_mm,
            (on_detector_mm, on_detector_mm),
            (self.image_size, self.image_size),
            tuple(principal),
            camera.camera_from_world,
        )


def target_channels(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Radiographs as the target encoder wants them.

    Args:
        values: (B, r, r) floating; line integrals in any unit.
        mask: (B, r, r) bool; pixels that may be used; at least one each.

    Returns:
        (B, 2, r, r); zero mean and unit variance where the mask is set and 0 elsewhere; the mask.
    """
    inside = mask.to(values.dtype)
    count = inside.sum((1, 2), keepdim=True).clamp_min(1)
    mean = (values * inside).sum((1, 2), keepdim=True) / count
    centred = (values - mean) * inside
    deviation = (centred.square().sum((1, 2), keepdim=True) / count).sqrt()
    return torch.stack([centred / deviation.clamp_min(1e-6), inside], dim=1)
