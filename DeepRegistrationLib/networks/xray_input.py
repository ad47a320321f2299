"""What DeepNet sees: the bones around a point, and a radiograph of a fixed number of pixels."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.geometry.camera import Camera, camera_from_detector
from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph

_ALONG_THE_BEAM = 0.3
"""Sine of the angle between beam and body below which the head is neither up nor down."""
_SEEN = 0.99
"""A pixel counts if everything it is interpolated from may be used."""
_LEAST_SEEN = 0.1


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

    def camera(self, camera: Camera, centre_ras: np.ndarray, up_ras: np.ndarray) -> Camera:
        """The same source with a detector in the same plane, turned and divided as the network was trained.

        It is centred at the shadow of the point; at the point's depth its pixels have the size `pixel_mm`;
        the patient's head is up, and it is seen as from the detector, whatever the radiograph looks like.

        Args:
            camera: of the radiograph.
            centre_ras: (3,); middle of the cube where the start pose puts it [mm, RAS].
            up_ras: (3,); towards the patient's head at the start pose [RAS].

        Raises:
            RegistrationError: the point lies behind the source.
        """
        (shadow,), (depth,) = camera.project(np.asarray(centre_ras)[None])
        if not depth > 0:
            raise RegistrationError(
                f"The CT starts {-float(depth):.0f} mm behind the X-ray source, where nothing can be seen of "
                "it. Correct the start pose or the geometry."
            )
        beam = camera.viewing_direction
        down = beam * (beam @ up_ras) - up_ras
        if np.linalg.norm(down) < _ALONG_THE_BEAM * np.linalg.norm(up_ras):
            down = camera.row_direction
        rows = down / np.linalg.norm(down)
        # x, y, z are left-handed because the image is seen from the detector, as that of `CArm`
        columns = -np.cross(rows, beam)
        pixel_mm = self.pixel_mm * camera.source_to_detector_mm / float(depth)
        middle = (self.image_size - 1) / 2
        origin = camera.ras_from_pixels(shadow) - middle * pixel_mm * (columns + rows)
        size = (self.image_size, self.image_size)
        return camera_from_detector(camera.source_ras, origin, columns, rows, (pixel_mm, pixel_mm), size)

    def image(self, radiograph: Radiograph, camera: Camera) -> torch.Tensor:
        """The radiograph on the detector of the network.

        Args:
            radiograph: in any size.
            camera: made by `camera` from that of the radiograph.

        Returns:
            (2, r, r); see `target_channels`.

        Raises:
            RegistrationError: the radiograph does not show the point that is looked at.
        """
        # blocks of pixels are averaged first, so that no pixel is skipped
        ratio = camera.pixel_spacing_mm[0] / max(radiograph.camera.pixel_spacing_mm)
        small = radiograph.reduced(max(1, round(ratio)))
        columns, rows = camera.image_size_px
        pixels = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        ij, _ = small.camera.project(camera.ras_from_pixels(pixels))
        values = torch.stack([small.values * small.used(), small.used().to(small.values)])
        index = torch.from_numpy(ij).to(values)
        sampled, seen = sample_plane(values[None], index[None])[0]
        mask = seen > _SEEN
        if mask.float().mean() < _LEAST_SEEN:
            raise RegistrationError(
                f"The radiograph '{radiograph.name}' shows only {100 * float(mask.float().mean()):.0f} % of "
                "the region where the start pose puts the CT. Correct the start pose or the geometry."
            )
        return target_channels(sampled[None], mask[None])[0]


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
