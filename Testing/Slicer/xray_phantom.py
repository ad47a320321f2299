"""A body with bones and its radiographs, as nodes; where the body really is, is known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createVolume, loadVolume
from DeepRegistrationSlicer.XrayCtRequest import XrayCtRequest
from DeepRegistrationSlicer.XrayGeometry import KnownNumbers, RadiographSource
from DeepRegistrationSlicer.XrayImages import createOnDetector

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from Testing.Slicer.nodes import rotation
from Testing.Slicer.slices import ScriptedWorker

MIDDLE = np.array([-312.0, 148.0, 605.0])
"""Of the body [mm, RAS]; the isocentre of both views."""
NUMBERS = (
    KnownNumbers(1020.0, 700.0, 10.0, -5.0, 1.40625, 1.40625),
    KnownNumbers(1020.0, 700.0, 85.0, 4.0, 1.40625, 1.40625),
)
"""Of the views, as somebody would enter them."""
SETTINGS = XrayCtSettings(search_rotation_deg=12.0, search_translation_mm=15.0, candidates=8, rounds=1)
"""Fast enough for tests."""


class ScriptedXrayWorker(ScriptedWorker):
    """The same for radiographs."""

    script = "scripted_xray_worker.py"


# run by another process: torch stays out of this one
WRITE = """
import sys
from pathlib import Path
import numpy as np
from Testing.Lib.xray_case import a_camera, a_case, write_case

folder = Path(sys.argv[1])
cameras = (a_camera(10.0, -5.0, 128), a_camera(85.0, 4.0, 128))
case = a_case(cameras, twist=(0.10, -0.08, 0.12, 5.0, -6.0, 4.0))
write_case(case, folder)
np.savetxt(folder / "truth.txt", case.world_from_ct)
"""


@dataclass(frozen=True, eq=False)
class XrayNodes:
    """What a user would have loaded.

    Attributes:
        ct: the body, in its own place.
        bones: labels of it.
        radiographs: flat images, anywhere.
        worldFromCt: (4, 4); the truth.
        folder: holds camera1.json and camera2.json.
    """

    ct: slicer.vtkMRMLScalarVolumeNode
    bones: slicer.vtkMRMLLabelMapVolumeNode
    radiographs: tuple[slicer.vtkMRMLScalarVolumeNode, ...]
    worldFromCt: np.ndarray
    folder: Path

    def error(self, transform: slicer.vtkMRMLTransformNode | None = None) -> tuple[float, float]:
        """Angle [degrees], and distance at the body's middle [mm], of where the CT stands to the truth."""
        node = transform if transform is not None else self.ct.GetParentTransformNode()
        found = slicer.util.arrayFromTransformMatrix(node, toWorld=True) if node is not None else np.eye(4)
        left = np.linalg.inv(self.worldFromCt) @ found
        angle = np.degrees(np.arccos(np.clip((np.trace(left[:3, :3]) - 1) / 2, -1, 1)))
        return float(angle), float(np.linalg.norm(left[:3, :3] @ MIDDLE + left[:3, 3] - MIDDLE))


def loadXrayNodes(folder: Path) -> XrayNodes:
    """The files of the case as nodes."""
    ct = loadVolume(folder / "ct.nrrd", "Body")
    bones = loadVolume(folder / "bones.nrrd", "Body bones", "vtkMRMLLabelMapVolumeNode")
    radiographs = []
    for number in (1, 2):
        node = loadVolume(folder / f"xray{number}.nrrd", f"View {number}")
        # a picture says nothing about where it was taken
        node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.diag([-1.0, -1.0, 1.0, 1.0])))
        radiographs.append(node)
    return XrayNodes(ct, bones, tuple(radiographs), np.loadtxt(folder / "truth.txt"), folder)


def sources(nodes: XrayNodes, count: int = 1) -> tuple[RadiographSource, ...]:
    """The radiographs with numbers entered."""
    return tuple(
        RadiographSource(node, entered=numbers)
        for node, numbers in zip(nodes.radiographs[:count], NUMBERS, strict=False)
    )


def xrayRequest(nodes: XrayNodes, count: int = 1, **changes) -> XrayCtRequest:
    """A request to register the body to its radiographs."""
    content = {"bones": nodes.bones, "settings": SETTINGS, **changes}
    return XrayCtRequest(nodes.ct, content.pop("radiographs", sources(nodes, count)), **content)


def moveBy(nodes: XrayNodes, angles_deg=(3, -4, 5), shift_mm=(4.0, -3.0, 6.0)):
    """Puts the CT under a transform that turns it about its middle and shifts it; returns the transform."""
    matrix = rotation(angles_deg)
    matrix[:3, 3] = MIDDLE - matrix[:3, :3] @ MIDDLE + shift_mm
    transform = createLinearTransform(matrix, "start")
    nodes.ct.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def flatImage(value: float = 7.0, shape_kji=(1, 24, 32), name="Picture"):
    """A radiograph of one value."""
    return createVolume(np.full(shape_kji, value, np.float32), np.eye(4), name)


def onDetector(values: np.ndarray, mirrored: bool = False) -> tuple[slicer.vtkMRMLScalarVolumeNode, Camera]:
    """An image (rows, columns) on an oblique detector, and its camera."""
    rows, columns = values.shape
    camera = CArm(1020.0, 700.0, 35.0, -20.0, (2.0, 2.0), (columns, rows)).camera(MIDDLE)
    camera = camera.flipped(columns=True) if mirrored else camera
    source = RadiographSource(createVolume(values[None].astype(np.float32), np.eye(4), "Shot"))
    return createOnDetector(source, camera, "Shot on detector"), camera
