"""Makes the pictures of the tab of radiographs: a CT of a pelvis and simulated radiographs of it.

python -m Testing.Slicer.screenshots_xray ../shared/data/ct-bone Resources/Screenshots
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

import slicer  # noqa: E402

_CT, _BONES = "x2s/colon0243_ct.nii.gz", "x2s/colon0243_pelvis_label.nii.gz"
_ANGLES_DEG = ((0.0, 3.0), (40.0, 3.0))
_NUMBERS = {"sourceToDetector": 1020.0, "sourceToIsocentre": 700.0, "columnSpacing": 0.8, "rowSpacing": 0.8}
_AWAY = ((4, -6, 8), (12.0, -9.0, 14.0))
_SEARCH = (10.0, 15.0)
"""Degrees and mm: as far as the CT is off."""
_PELVIS_RAS = (-364.0, -245.0, -415.0)
"""Middle of the pelvis [mm]: the isocentre of both views."""
_WIDTH, _HEIGHT = 460, 1240


def simulate(ct: Path, folder: Path) -> list[Path]:
    """Radiographs of the CT as it lies, with spectrum, scatter and noise; one folder for each view."""
    folders = []
    for number, (primary, secondary) in enumerate(_ANGLES_DEG, 1):
        folders.append(folder / f"view{number}")
        options = {
            "--ct": ct,
            "--primary-angle": primary,
            "--secondary-angle": secondary,
            "--source-to-isocenter": _NUMBERS["sourceToIsocentre"],
            "--output": folders[-1],
        }
        command = [sys.executable, "-m", "DeepRegistrationLib.cli", "simulate-xray", "--quiet"]
        command += [str(text) for option in options.items() for text in option]
        command += ["--image-size", "512", "512", "--pixel-spacing", "0.8", "0.8"]
        command += ["--meaning", "attenuation", "--isocenter", *map(str, _PELVIS_RAS)]
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    return folders


def fill(user, radiographs: list, cameras: list[Path]) -> None:
    """Chooses what a user would: numbers for the first view, a camera file for the second."""
    from DeepRegistrationSlicer.Choices import GeometryChoice

    chosen = user.parameters.xrayCt
    chosen.first.volume, chosen.second.volume = radiographs
    for name, value in _NUMBERS.items():
        setattr(chosen.first, name, value)
    chosen.first.primaryAngle, chosen.first.secondaryAngle = _ANGLES_DEG[0]
    chosen.second.geometry, chosen.second.file = GeometryChoice.FILE, str(cameras[1])


def settle() -> None:
    """Each level of widgets lays out the next."""
    for _ in range(10):
        slicer.app.processEvents()


class Views:
    """The views of the tab, without windows."""

    def __init__(self) -> None:
        from DeepRegistrationSlicer.XrayViews import THREE_D_VIEW, XRAY_VIEWS

        from Testing.Slicer.views import SliceView, ThreeDView

        self._slices = [SliceView(name, (380, 380)) for name in XRAY_VIEWS]
        self._threeD = ThreeDView(THREE_D_VIEW, (640, 764))

    def save(self, path: Path) -> None:
        """3D on the left, the radiographs on the right, as the layout has them."""
        from Testing.Slicer.views import savePicture

        right = [view.picture() for view in self._slices]
        column = np.concatenate([right[0], np.full((4, 380, 3), 255, np.uint8), right[1]])
        gap = np.full((764, 4, 3), 255, np.uint8)
        savePicture(np.concatenate([self._threeD.picture(), gap, column], axis=1), path)


def main() -> None:
    """Writes panel-xray.png, xray-start.png and xray-result.png into the folder of the second argument."""
    from DeepRegistrationSlicer.Choices import JobChoice
    from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, loadVolume
    from DeepRegistrationSlicer.ResultNodes import findResult
    from DeepRegistrationSlicer.XrayStartPose import hideHandles, makeMovable

    from Testing.Slicer.host.scripted_module import LoadedModule
    from Testing.Slicer.nodes import rotation
    from Testing.Slicer.panel_user import OpenPanel
    from Testing.Slicer.views import prepareViews

    data, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    prepareViews()
    ct = loadVolume(data / _CT, "CT")
    bones = loadVolume(data / _BONES, "Pelvis", "vtkMRMLLabelMapVolumeNode")
    folders = simulate(data / _CT, Path(tempfile.mkdtemp()))
    radiographs = [
        loadVolume(path / "xray.nrrd", f"Radiograph {number}") for number, path in enumerate(folders, 1)
    ]
    user = OpenPanel(LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py"), JobChoice.XRAY_CT)
    fill(user, radiographs, [path / "camera.json" for path in folders])
    isocentre = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "Isocentre")
    isocentre.AddControlPointWorld(*_PELVIS_RAS)
    chosen = user.parameters.xrayCt
    chosen.bones, chosen.isocentre = bones, isocentre
    chosen.searchRotation, chosen.searchTranslation = _SEARCH

    middle = np.array(_PELVIS_RAS)
    matrix = rotation(_AWAY[0])
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + _AWAY[1]
    start = createLinearTransform(matrix, "start")
    ct.SetAndObserveTransformNodeID(start.GetID())
    makeMovable(ct)
    hideHandles(ct)

    views = Views()
    user.ui.followCheckBox.checked = True
    user.waitFor(lambda: user.ui.rateLabel.text)
    views.save(folder / "xray-start.png")
    user.ui.registerButton.click()
    user.waitFor(lambda: user.logic.job is None)
    views.save(folder / "xray-result.png")
    user.parent.resize(_WIDTH, _HEIGHT)
    settle()
    user.parent.grab().save(str(folder / "panel-xray.png"))
    # the radiographs were simulated of the CT as it lies
    found = slicer.util.arrayFromTransformMatrix(findResult(ct).transform)
    error_mm = np.linalg.norm(found[:3, :3] @ middle + found[:3, 3] - middle)
    error_deg = np.degrees(np.arccos(np.clip((np.trace(found[:3, :3]) - 1) / 2, -1, 1)))
    print(f"pose: {error_mm:.2f} mm and {error_deg:.2f} degrees from the truth")
    user.widget.cleanup()


if __name__ == "__main__":
    main()
