"""A small body with bones, its radiographs and the files of a case; every pose is known."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.xray_phantom import MIDDLE, turned_about_the_middle
from DeepRegistrationLib.data.xray_phantom import body_phantom as a_body
from DeepRegistrationLib.data.xray_phantom import phantom_camera as a_camera
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.camera_file import camera_content
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.xray_result import XrayCtInputs

__all__ = ["MIDDLE", "XrayCase", "a_body", "a_camera", "a_case", "write_case"]


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


def a_case(
    cameras: tuple[Camera, ...] | None = None,
    twist: tuple[float, ...] = (0.15, -0.12, 0.2, 6.0, -9.0, 7.0),
    voxel_mm: float = 2.4,
) -> XrayCase:
    """A case whose truth is `exp(twist)` about the middle of the body away from the start."""
    ct, labels = a_body(voxel_mm)
    world_from_ct = turned_about_the_middle(twist)
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
