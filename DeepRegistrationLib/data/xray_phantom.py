"""A small body with bones, and C-arms that look at it: a CT and radiographs for tests and tries."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume

# middle of the body [mm, RAS]; far from the origin, as in real files
MIDDLE = np.array([-312.0, 148.0, 605.0])
# (label, centre, half axes) of each bone [mm], about the middle; no symmetry
BONES = (
    (1, (-22.0, 4.0, -18.0), (9.0, 11.0, 40.0)),
    (1, (-20.0, 6.0, 26.0), (15.0, 13.0, 12.0)),
    (2, (24.0, -6.0, 10.0), (8.0, 9.0, 34.0)),
    (2, (30.0, 10.0, -28.0), (13.0, 8.0, 10.0)),
    (3, (2.0, -20.0, 2.0), (6.0, 22.0, 7.0)),
)


def body_phantom(voxel_mm: float = 2.4) -> tuple[Volume, Volume]:
    """A body with bones on an oblique grid with unequal voxels.

    Args:
        voxel_mm: size of a voxel, roughly [mm].

    Returns:
        CT [HU] and the labels of its bones, on one grid.
    """
    spacing = np.array([voxel_mm, voxel_mm * 0.9, voxel_mm * 1.2])
    shape_kji = tuple(int(n) for n in np.ceil(np.array([130.0, 110.0, 120.0]) / spacing[::-1]))
    oblique = se3_exp(torch.tensor([0.10, -0.15, 0.20, 0, 0, 0], dtype=torch.float64)).numpy()[:3, :3]
    matrix = np.eye(4)
    matrix[:3, :3] = oblique * spacing
    matrix[:3, 3] = MIDDLE - matrix[:3, :3] @ ((np.array(shape_kji[::-1]) - 1) / 2)
    geometry = VolumeGeometry(shape_kji, matrix)
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape_kji), indexing="ij")
    points = np.stack([i, j, k], -1) @ matrix[:3, :3].T + matrix[:3, 3] - MIDDLE
    body = ((points / (48.0, 40.0, 55.0)) ** 2).sum(-1) < 1
    hu = np.where(body, 30.0 + 20 * np.sin(points[..., 0] / 9) * np.cos(points[..., 2] / 7), -1000.0)
    labels = np.zeros(shape_kji, dtype=np.int32)
    for label, centre, half_axes in BONES:
        depth = (((points - centre) / half_axes) ** 2).sum(-1)
        labels[depth < 1] = label
        hu = np.where(depth < 1, np.where(depth > 0.6, 1100.0, 500.0), hu)
    ct = Volume(torch.from_numpy(hu.astype(np.float32)), geometry, "body")
    return ct, Volume(torch.from_numpy(labels), geometry, "bones")


def phantom_camera(primary_deg: float = 10.0, secondary_deg: float = -5.0, pixels: int = 64) -> Camera:
    """A C-arm about the middle of the body; columns and rows differ.

    Args:
        primary_deg: angle as in DICOM [degrees].
        secondary_deg: likewise.
        pixels: columns of the detector, which is 180 mm wide.
    """
    size = (pixels, round(pixels * 0.9))
    c_arm = CArm(1020.0, 700.0, primary_deg, secondary_deg, (180.0 / pixels, 180.0 / pixels), size)
    return c_arm.camera(MIDDLE)


def turned_about_the_middle(twist: tuple[float, ...]) -> np.ndarray:
    """`exp(twist)` about the middle of the body.

    Args:
        twist: rotation vector [rad] and translation [mm].

    Returns:
        (4, 4) rigid.
    """
    about = np.eye(4)
    about[:3, 3] = MIDDLE
    return about @ se3_exp(torch.tensor(twist, dtype=torch.float64)).numpy() @ np.linalg.inv(about)
