"""A small body with bones, its radiographs and the files of a case; every pose is known."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.camera_file import camera_content
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs

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


@dataclass(frozen=True, eq=False)
class XrayCase:
    """CT, labels, radiographs, and where the CT really is.

    Attributes:
        ct: [HU].
        labels: of the bones, on the same grid.
        radiographs: attenuation.
        world_from_ct: (4, 4); the truth, the start being the identity.
    """

    ct: Volume
    labels: Volume
    radiographs: tuple[Radiograph, ...]
    world_from_ct: np.ndarray

    def inputs(self, labels: bool = True) -> XrayCtInputs:
        return XrayCtInputs(self.ct, self.labels if labels else None, self.radiographs)


def a_body(voxel_mm: float = 2.4) -> tuple[Volume, Volume]:
    """CT [HU] and labels on an oblique grid with unequal voxels."""
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


def a_camera(primary_deg: float = 10.0, secondary_deg: float = -5.0, pixels: int = 64) -> Camera:
    """A C-arm about the middle of the body; columns and rows differ."""
    size = (pixels, round(pixels * 0.9))
    c_arm = CArm(1020.0, 700.0, primary_deg, secondary_deg, (180.0 / pixels, 180.0 / pixels), size)
    return c_arm.camera(MIDDLE)


def a_case(
    cameras: tuple[Camera, ...] | None = None,
    twist: tuple[float, ...] = (0.15, -0.12, 0.2, 6.0, -9.0, 7.0),
    voxel_mm: float = 2.4,
) -> XrayCase:
    """A case whose truth is `exp(twist)` about the middle of the body away from the start."""
    ct, labels = a_body(voxel_mm)
    about = np.eye(4)
    about[:3, 3] = MIDDLE
    moved = se3_exp(torch.tensor(twist, dtype=torch.float64)).numpy()
    world_from_ct = about @ moved @ np.linalg.inv(about)
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    radiographs = tuple(
        Radiograph(project_volume(attenuation, camera, world_from_ct), camera, None, f"view {number}")
        for number, camera in enumerate(cameras or (a_camera(),), 1)
    )
    return XrayCase(ct, labels, radiographs, world_from_ct)


def write_case(case: XrayCase, folder: Path) -> None:
    """Writes `ct.nrrd`, `bones.nrrd`, `xray1.nrrd`, `camera1.json` and so on."""
    write_nrrd(case.ct, folder / "ct.nrrd")
    write_nrrd(case.labels, folder / "bones.nrrd")
    for number, radiograph in enumerate(case.radiographs, 1):
        image = detector_volume(radiograph.values, radiograph.camera, f"xray{number}")
        write_nrrd(image, folder / f"xray{number}.nrrd")
        content = json.dumps(camera_content(radiograph.camera))
        (folder / f"camera{number}.json").write_text(content, encoding="utf-8")
