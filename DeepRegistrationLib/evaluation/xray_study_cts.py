"""A CT of the study with its bones, the paper's C-arm around it, and radiographs at known poses."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.xray_ct_files import read_xray_ct
from DeepRegistrationLib.data.xray_poses import XrayPoseSettings, random_poses
from DeepRegistrationLib.data.xray_split import XrayCt
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_volume

SOURCE_TO_DETECTOR_MM, BEFORE_DETECTOR_MM = 1020.0, 400.0
PIXELS, PIXEL_MM = 128, 2.328
"""The paper's C-arm: 1536 x 1536 pixels of 0.194 mm, averaged down."""
PAPER_POSES = XrayPoseSettings(rotation_deg=20.0, translation_mm=37.5)
_BONE_HU = 250.0
_AIR_HU = -1000.0
_POINTS = 2000
_TARGET_STEP_VOXELS = 0.4
"""Finer than what any registration samples: it shall not find its own sampling again."""


@dataclass(frozen=True, eq=False)
class StudyCt:
    """A CT and what the study has to know of it.

    Attributes:
        name: for tables.
        ct: [HU].
        labels: bones; None where there are none.
        points_ras: (N, 3) float64; points of the bones, evenly drawn [mm].
        bone_only: no soft tissue in the CT.
    """

    name: str
    ct: Volume
    labels: Volume | None
    points_ras: np.ndarray
    bone_only: bool

    @property
    def bone(self) -> torch.Tensor:
        """(K, J, I) bool; the labels, or what is as dense as bone."""
        return self.labels.values != 0 if self.labels is not None else self.ct.values > _BONE_HU

    @property
    def middle_ras(self) -> np.ndarray:
        """(3,); middle of the bones: the isocentre [mm]."""
        return self.points_ras.mean(0)


def load_study_ct(entry: XrayCt, folder: Path) -> StudyCt:
    """Reads a CT of the collection.

    Args:
        entry: which one.
        folder: of the CTs (`ct-bone`).

    Raises:
        InputError: a file is missing or cannot be read.
    """
    return study_ct(entry.name, *read_xray_ct(entry, folder), entry.bone_only)


def study_ct(name: str, ct: Volume, labels: Volume | None, bone_only: bool = False) -> StudyCt:
    """The same from images in memory."""
    study = StudyCt(name, ct, labels, np.zeros((0, 3)), bone_only)
    kji = torch.nonzero(study.bone).cpu().numpy()
    chosen = kji[np.random.default_rng(0).choice(len(kji), min(_POINTS, len(kji)), replace=False)]
    matrix = ct.geometry.ras_from_ijk
    return replace(study, points_ras=chosen[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3])


def bones_alone(study: StudyCt) -> Volume:
    """The CT with air in place of everything that is no bone, as the paper registers it [HU]."""
    return study.ct.with_values(torch.where(study.bone, study.ct.values, _AIR_HU))


def paper_camera(middle_ras: np.ndarray, primary_deg: float = 0.0) -> Camera:
    """The paper's C-arm about a point; at 0 degrees from back to front, at 90 from right to left."""
    size = (PIXELS, PIXELS)
    isocentre_mm = SOURCE_TO_DETECTOR_MM - BEFORE_DETECTOR_MM
    c_arm = CArm(SOURCE_TO_DETECTOR_MM, isocentre_mm, primary_deg, 0.0, (PIXEL_MM, PIXEL_MM), size)
    return c_arm.camera(middle_ras)


def draw_poses(study: StudyCt, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """True poses and start poses, independent of each other, about the middle of the bones.

    Args:
        study: the CT.
        count: number of pairs; the first ones are the same whatever the count.
        seed: of the draw.

    Returns:
        (true, start) pairs of world from CT (4, 4) float64.
    """
    generator = torch.Generator().manual_seed(seed)
    about = np.eye(4)
    about[:3, 3] = study.middle_ras
    pairs = []
    for _ in range(count):
        true, start = random_poses(2, PAPER_POSES, generator).numpy()
        pairs.append((about @ true @ np.linalg.inv(about), about @ start @ np.linalg.inv(about)))
    return pairs


def drr_target(study: StudyCt, camera: Camera, world_from_ct: np.ndarray, name: str) -> Radiograph:
    """The DRR of the whole CT at a pose, as a radiograph."""
    attenuation = study.ct.with_values(attenuation_from_hu(study.ct.values))
    settings = ProjectionSettings(step_mm=_TARGET_STEP_VOXELS * float(study.ct.geometry.spacing_mm.min()))
    return Radiograph(project_volume(attenuation, camera, world_from_ct, settings), camera, None, name)
