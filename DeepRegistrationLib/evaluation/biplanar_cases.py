"""Radiographs of CTs whose bones are known, as the paper makes them, for the study of atlas and two views."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.data.biplanar_synthesis import BiplanarSynthesis
from DeepRegistrationLib.data.femur_folder import CtPair
from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_volume

WRONG_DEG, LARGEST_ERROR_DEG = 5.0, 10.0
_VIEW_DEG = 30.0
_SIZE_PX = (160, 224)
"""Columns and rows, as published."""
_ANGLES_DEG = (0.0, 90.0)
_C_ARM = BiplanarSynthesis()


@dataclass(frozen=True, eq=False)
class BiplanarCase:
    """One patient with two radiographs.

    Attributes:
        ct: the truth [HU].
        labels: on the same grid.
        radiographs: with the cameras that the method is told.
        shadows: of the bone; None where the setup has no masks.
        angles_deg: primary angles as they really were.
    """

    ct: Volume
    labels: Volume
    radiographs: tuple[Radiograph, Radiograph]
    shadows: tuple[torch.Tensor | None, torch.Tensor | None]
    angles_deg: tuple[float, float]


def make_biplanar_case(pair: CtPair, setup: BiplanarSetup, seed: int) -> BiplanarCase:
    """Two radiographs of a patient.

    Args:
        pair: CT with labels, about the origin of the atlas.
        setup: what is taken and told.
        seed: of angles and noise; with the patient's name it decides both.
    """
    ct, labels = pair.read()
    if setup is BiplanarSetup.OTHER_SIDE:
        ct, labels = (image.with_values(image.values.flip(-1)) for image in (ct, labels))  # i goes right
    random = np.random.default_rng([seed, zlib.crc32(pair.name.encode())])
    turns = random.uniform(-_VIEW_DEG, _VIEW_DEG, 2)
    sign = float(random.choice([-1.0, 1.0]))
    angles = np.array(_ANGLES_DEG)
    told = angles
    if setup is BiplanarSetup.ANY_ANGLES:
        angles = told = angles + turns
    if setup in (BiplanarSetup.WRONG_ANGLE, BiplanarSetup.WRONG_ANGLE_CORRECTED):
        angles = told + np.array([0.0, sign * WRONG_DEG])
    if setup in (BiplanarSetup.DRAWN_ERROR, BiplanarSetup.DRAWN_ERROR_CORRECTED):
        angles = told + np.array([0.0, sign * LARGEST_ERROR_DEG * abs(turns[0]) / _VIEW_DEG])
    attenuation = ct.with_values(attenuation_from_hu(ct.values))
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    settings = ProjectionSettings(step_mm=float(ct.geometry.spacing_mm.min()))
    radiographs, shadows = [], []
    for number, (true_deg, told_deg) in enumerate(zip(angles, told, strict=True), 1):
        camera = paper_camera(true_deg, ct.geometry.centre_ras)
        image = project_volume(attenuation, camera, None, settings)
        image = image + _C_ARM.noise * torch.randn(image.shape, generator=generator)
        shadow = silhouette(labels, camera, None, None, settings)
        masked = setup is not BiplanarSetup.NO_MASKS
        field = _collimated(labels, camera, settings)
        taken = Radiograph(image * shadow if masked else image, camera, field, f"view {number}")
        radiographs.append(replace(taken, camera=paper_camera(told_deg, ct.geometry.centre_ras)))
        shadows.append(shadow if masked else None)
    return BiplanarCase(ct, labels, tuple(radiographs), tuple(shadows), tuple(angles.tolist()))


def _collimated(labels: Volume, camera: Camera, settings: ProjectionSettings) -> torch.Tensor:
    """(rows, columns) bool; all rows above the end of the CT: what it does not show is kept off the detector.

    A real radiograph shows the shaft as far as its field reaches.
    """
    lowest = int(torch.nonzero(labels.values.flatten(1).any(1))[0])  # k grows towards the head
    last = torch.zeros_like(labels.values, dtype=torch.float32)
    last[lowest] = 1
    reached = (project_volume(labels.with_values(last), camera, None, settings) > 0).any(1)
    field = torch.ones(camera.shape_px, dtype=torch.bool)
    if bool(reached.any()):
        field[int(torch.nonzero(reached)[0]) :] = False  # rows grow towards the feet
    return field


def paper_camera(primary_deg: float, isocenter_ras: np.ndarray) -> Camera:
    """The paper's C-arm: 1000 mm from source to detector, 925 mm to the patient.

    Args:
        primary_deg: 0 from the front, 90 from the side.
        isocenter_ras: (3,); about which it turns [mm].
    """
    pixel_mm = _C_ARM.detector_mm / _SIZE_PX[1]
    return CArm(
        _C_ARM.source_to_detector_mm,
        _C_ARM.source_to_isocenter_mm,
        float(primary_deg),
        0.0,
        (pixel_mm, pixel_mm),
        _SIZE_PX,
    ).camera(isocenter_ras)
