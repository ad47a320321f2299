"""A body with bones that was turned and stretched, its two radiographs and its files; the truth is known."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.images.camera_file import camera_content
from DeepRegistrationLib.images.detector_image import detector_volume
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.biplanar_result import BiplanarInputs
from Testing.Lib.pictures import about, rotation
from Testing.Lib.xray_case import MIDDLE, a_body, a_camera

STRETCH = np.diag([1.04, 0.97, 1.06])
TURN_DEG = (4.0, -5.0, 6.0)
SHIFT_MM = np.array([3.0, -2.0, 4.0])


@dataclass(frozen=True, eq=False)
class BiplanarTestCase:
    """Atlas, radiographs with shadows, and where each point of the atlas really is.

    Attributes:
        ct: of the atlas [HU].
        labels: on its grid.
        radiographs: of the patient.
        shadows: of the patient's bones.
        world_from_atlas: (4, 4); the truth, with turn, stretch and shift.
    """

    ct: Volume
    labels: Volume
    radiographs: tuple[Radiograph, ...]
    shadows: tuple[torch.Tensor, ...]
    world_from_atlas: np.ndarray

    def inputs(self, masks: bool = True) -> BiplanarInputs:
        shadows = self.shadows if masks else tuple(None for _ in self.shadows)
        return BiplanarInputs(self.ct, self.labels, self.radiographs, shadows)


def a_biplanar_case(angles_deg: tuple[float, float] = (10.0, 95.0), pixels: int = 96) -> BiplanarTestCase:
    ct, labels = a_body(3.0)
    world_from_atlas = about(rotation(TURN_DEG) @ STRETCH, MIDDLE, MIDDLE + SHIFT_MM)
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    radiographs, shadows = [], []
    for number, angle in enumerate(angles_deg, 1):
        camera = a_camera(angle, 0.0, pixels)
        image = project_volume(attenuation, camera, world_from_atlas)
        radiographs.append(Radiograph(image, camera, None, f"view {number}"))
        shadows.append(silhouette(labels, camera, world_from_atlas))
    return BiplanarTestCase(ct, labels, tuple(radiographs), tuple(shadows), world_from_atlas)


def write_biplanar_case(case: BiplanarTestCase, folder: Path) -> None:
    """Writes `atlas_ct.nrrd`, `atlas_labels.nrrd`, `xray1.nrrd`, `mask1.nrrd`, `camera1.json` and so on."""
    write_nrrd(case.ct, folder / "atlas_ct.nrrd")
    write_nrrd(case.labels, folder / "atlas_labels.nrrd")
    for number, (radiograph, shadow) in enumerate(zip(case.radiographs, case.shadows, strict=True), 1):
        camera = radiograph.camera
        images = {"xray": radiograph.values, "mask": shadow.to(torch.uint8)}
        for stem, values in images.items():
            write_nrrd(detector_volume(values, camera, stem), folder / f"{stem}{number}.nrrd")
        content = json.dumps(camera_content(camera))
        (folder / f"camera{number}.json").write_text(content, encoding="utf-8")
