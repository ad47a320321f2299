"""Makes the pictures of the tab for ultrasound: a tracked freehand sweep over bone, and three of its frames.

python -m Testing.Slicer.screenshots_ultrasound ../shared/data/ultrasound/plus Resources/Screenshots
"""

import re
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

import qt  # noqa: E402
import slicer  # noqa: E402

_SWEEP, _CONFIGURATION = "BoneUltrasound_L14.igs.mha", "BoneUltrasound_L14_config.xml"
_TOOLS = ("ProbeToTracker", "ReferenceToTracker")
_HEADER_BYTES = 200_000
_SHOWN = 12
_WIDTH, _HEIGHT = 460, 600
_GAP = 4
_THREE_D, _FRAME, _PLOT = (500, 624), (400, 320), (400, 300)


def loadSweep(file: Path):
    """The frames as a sequence that is played together with the tools, as SlicerIGSIO loads them."""
    from DeepRegistrationSlicer.FrameSource import Sweep
    from DeepRegistrationSlicer.MrmlBridge import readVolume
    from DeepRegistrationSlicer.SweepBrowser import createSequence, play

    from Testing.Slicer.us_phantom import track

    frames = Sweep(readVolume(file)).volumes()
    for frame in frames:
        # in a tracked scene an image stands in its own pixels
        frame.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.eye(4)))
    sequence = createSequence(frames, "Bone sweep")
    play(sequence, "Bone sweep browser")
    header = file.read_bytes()[:_HEADER_BYTES].decode("latin-1")
    for tool in _TOOLS:
        lines = re.findall(rf"Seq_Frame\d+_{tool}Transform = ([-+.\de ]+)", header)
        track(sequence, tool, np.array([line.split() for line in lines], float).reshape(-1, 4, 4))
    return sequence


def saveSweep(result, views: tuple, path: Path) -> None:
    """3D on the left, frame and plot on the right, as the layout has them."""
    from Testing.Slicer.plots import chartPicture
    from Testing.Slicer.views import savePicture

    threeD, frame = views
    right = [frame.picture(), _white((_GAP, _FRAME[0])), chartPicture(result.more["chart"], _PLOT)]
    picture = [threeD.picture(), _white((_THREE_D[1], _GAP)), np.concatenate(right)]
    savePicture(np.concatenate(picture, axis=1), path)
    # speckle in all colours makes large files
    qt.QImage(str(path)).convertToFormat(qt.QImage.Format_Indexed8).save(str(path))


def _views():
    from DeepRegistrationSlicer.UltrasoundViews import SLICE_VIEWS, THREE_D_VIEW

    from Testing.Slicer.views import SliceView, ThreeDView

    return ThreeDView(THREE_D_VIEW, _THREE_D), SliceView(SLICE_VIEWS[0], _FRAME)


def _white(size: tuple[int, int]) -> np.ndarray:
    return np.full((*size, 3), 255, np.uint8)


def main() -> None:
    """Writes panel-ultrasound.png and ultrasound-sweep.png into the folder of the second argument."""
    from DeepRegistrationSlicer.Choices import JobChoice, PixelSizeChoice
    from DeepRegistrationSlicer.ResultNodes import findResult
    from DeepRegistrationSlicer.SweepBrowser import browserOf

    from Testing.Slicer.host.scripted_module import LoadedModule
    from Testing.Slicer.panel_user import OpenPanel, choose
    from Testing.Slicer.views import prepareViews

    data, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    prepareViews()
    views = _views()
    sequence = loadSweep(data / _SWEEP)
    user = OpenPanel(LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py"), JobChoice.US_ANGLES)
    choose(user.ui.pixelSizeSelector, PixelSizeChoice.FILE)
    user.ui.configurationSelector.currentPath = str(data / _CONFIGURATION)
    user.register()
    browserOf(sequence).SetSelectedItemNumber(_SHOWN)
    user.ui.viewButton.click()
    saveSweep(findResult(sequence), views, folder / "ultrasound-sweep.png")
    user.parent.resize(_WIDTH, _HEIGHT)
    # each level of widgets lays out the next
    for _ in range(10):
        slicer.app.processEvents()
    user.parent.grab().save(str(folder / "panel-ultrasound.png"))
    user.widget.cleanup()


if __name__ == "__main__":
    main()
