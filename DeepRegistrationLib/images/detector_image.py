"""An image on a detector as a volume of one slice that stands in the world, for files and scenes."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume


def detector_volume(values: torch.Tensor, camera: Camera, name: str) -> Volume:
    """Puts the pixels of a radiograph or DRR where the detector stands.

    Args:
        values: (rows, columns).
        camera: of exactly these pixels.
        name: of the volume.

    Returns:
        Volume (1, rows, columns); i along the detector's columns, j along its rows, and k perpendicular to
        both, right-handed, whichever side the radiograph is shown from; the slice is as thick as a pixel
        is wide.
    """
    matrix = np.eye(4)
    matrix[:3, 0] = camera.column_direction * camera.pixel_spacing_mm[0]
    matrix[:3, 1] = camera.row_direction * camera.pixel_spacing_mm[1]
    normal = np.cross(camera.column_direction, camera.row_direction)
    matrix[:3, 2] = normal * camera.pixel_spacing_mm[0]
    matrix[:3, 3] = camera.detector_origin_ras
    return Volume(values[None], VolumeGeometry((1, *values.shape), matrix), name)
