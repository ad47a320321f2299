"""The brain that the tests register, and where it lies."""

from pathlib import Path

import numpy as np
import slicer
from DeepRegistrationSlicer.FetalVolumeRequest import AtlasByAge, FetalVolumeRequest
from DeepRegistrationSlicer.MrmlBridge import loadVolume

from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeSettings
from Testing.Slicer.nodes import rotation

RAS_FROM_PHANTOM = rotation((25, -40, 130))
RAS_FROM_PHANTOM[:3, 3] = (31.0, -22.0, 45.0)
"""(4, 4); the head as the atlas has it, turned and shifted into the scanner."""

SETTINGS = FetalVolumeSettings(gestational_age_weeks=28.0, candidates=4, device=Device.CPU)
"""Fast enough for tests."""


def loadSubject(folder: Path) -> slicer.vtkMRMLScalarVolumeNode:
    """The turned phantom as a node."""
    return loadVolume(folder / "subject.nii.gz", "Fetus 1")


def phantomRequest(folder: Path, **changes) -> FetalVolumeRequest:
    """A request to register the turned phantom to the phantom atlas."""
    content = {"subject": None, "atlas": AtlasByAge(folder / "atlas"), "settings": SETTINGS, **changes}
    content["subject"] = content["subject"] or loadSubject(folder)
    return FetalVolumeRequest(**content)


def poseError(atlasFromSubject: np.ndarray) -> tuple[float, float]:
    """Angle [degrees] and distance at the head's centre [mm] between a result and the truth."""
    left = atlasFromSubject @ RAS_FROM_PHANTOM
    angle = np.degrees(np.arccos(np.clip((np.trace(left[:3, :3]) - 1) / 2, -1, 1)))
    return float(angle), float(np.linalg.norm(left[:3, 3]))
