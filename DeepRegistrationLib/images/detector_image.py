"""An image on a detector as a volume of one slice that stands in the world, for files and scenes."""

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
    return Volume(values[None], VolumeGeometry((1, *values.shape), camera.ras_from_ijk), name)
