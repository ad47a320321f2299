"""The real wrist: two fluoroscopes at one moment, calibrated, and CTs of single bones of the same arm.

From the sample data of Autoscoper (Brown University). The files of the CTs name a wrong voxel size; the right
one stands in the sample trial that Autoscoper writes for these images.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.radiograph_intensity import attenuation_from_stored
from DeepRegistrationLib.images.read_radiograph import read_radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.xmalab_camera import read_xmalab_camera
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity

BONES = {"radius": "ct_rad.tif", "ulna": "ct_uln.tif"}
CAMERAS = (1, 2)
SPACING_MM = (0.39625, 0.39625, 0.625)
SOURCE_TO_DETECTOR_MM = 1400.0
"""About that of a biplane laboratory; calibrations in pixels do not tell. Lengths on the detector scale with
it, poses do not depend on it."""
_AIR = 1000.0
"""What the stored numbers lie above Hounsfield units; 0 is air, and everything that is not the bone."""

PLACED = {
    ("radius", 2): np.array(
        [
            [-0.95548, 0.29288, 0.03586, 107.689],
            [-0.01570, -0.17182, 0.98500, 158.776],
            [0.29465, 0.94059, 0.16877, 75.269],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
    ("radius", 99): np.array(
        [
            [-0.99514, 0.09641, 0.02003, 108.880],
            [0.01492, -0.05347, 0.99846, 157.462],
            [0.09733, 0.99390, 0.05177, 89.924],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
    ("ulna", 2): np.array(
        [
            [-0.35759, -0.92673, -0.11536, 114.790],
            [-0.08275, -0.09161, 0.99235, 158.979],
            [-0.93022, 0.36441, -0.04394, 96.453],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
    ("ulna", 99): np.array(
        [
            [-0.34436, -0.93274, -0.10681, 113.120],
            [-0.16948, -0.05014, 0.98426, 160.304],
            [-0.92342, 0.35705, -0.14082, 112.898],
            [0.0, 0.0, 0.0, 1.0],
        ]
    ),
}
"""Bone and frame -> calibration frame from the bone's frame [mm]: where it is. The best of refinements from
turns all about the shaft and from places along it, in both views; looked at: radius and ulna lie side by
side, their ends level with each other, the styloid processes where both views show them."""


def read_bone(folder: Path, bone: str) -> tuple[Volume, Volume]:
    """CT of one bone in HU with air around it, and its label; RAS has its origin in the middle [mm].

    Args:
        folder: of the wrist's images.
        bone: "radius" or "ulna".

    Returns:
        CT, and 1 where it shows the bone, its marrow included.

    Raises:
        InputError: the file is missing.
    """
    path = folder / BONES[bone]
    if not path.is_file():
        raise InputError(f"The CT '{path}' does not exist. Name the folder with the images of the wrist.")
    with Image.open(path) as pages:
        slices = []
        for number in range(pages.n_frames):
            pages.seek(number)
            slices.append(np.array(pages, dtype=np.float32))
    stored = torch.from_numpy(np.stack(slices))  # (K, J, I)
    matrix = np.diag([*SPACING_MM, 1.0])
    matrix[:3, 3] = -np.array(SPACING_MM) * (np.array(stored.shape[::-1]) - 1) / 2
    geometry = VolumeGeometry(tuple(stored.shape), matrix)
    return Volume(stored - _AIR, geometry, bone), Volume((stored > 0).int(), geometry, f"{bone} label")


def read_views(folder: Path, frame: int, cameras: Sequence[int] = CAMERAS) -> tuple[Radiograph, ...]:
    """Radiographs of a moment, prepared as every file is.

    Args:
        folder: of the wrist's images.
        frame: of the recordings: 2 or 99.
        cameras: 1, 2 or both.

    Raises:
        InputError: a file is missing.
    """
    views = []
    for camera in cameras:
        stored = read_radiograph(folder / f"cam{camera:02d}_frame{frame:04d}.tif")
        geometry = read_xmalab_camera(folder / f"calib_cam{camera:02d}.txt", SOURCE_TO_DETECTOR_MM)
        views.append(attenuation_from_stored(stored, geometry, XrayPolarity.BONE_DARK)[0])
    return tuple(views)
