"""Makes the pictures of the panel in the README, after registrations of a real fetus.

python -m Testing.Slicer.screenshots ../shared/data/fetal-brain Resources/Screenshots
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

import slicer  # noqa: E402

_FETUS = "mial-sub01/sub-01_rec-SR_T2w.nii.gz"
_SLICE = 37
_WIDTH, _HEIGHT = 460, 620
_HEIGHT_OF_SLICE = 860
_LONGEST_S = 300.0


def picture_of_the_volume_tab(user, picture: Path) -> float:
    """Registers the fetus as a user would, and grabs the panel; returns the week of the atlas."""
    register(user)
    user.parent.grab().save(str(picture))
    chosen = user.parameters.fetalVolume
    from DeepRegistrationSlicer.ResultNodes import findResult

    return findResult(chosen.subject).content()["settings"]["atlas_age_weeks"]


def picture_of_the_slice_tab(user, week: float, picture: Path) -> None:
    """Finds one slice of the fetus in the atlas, and grabs the panel."""
    from DeepRegistrationSlicer.Choices import SliceChoice

    from Testing.Slicer.panel_user import choose

    choose(user.ui.slicesSelector, SliceChoice.NUMBER)
    user.ui.numberSpinBox.value = _SLICE
    user.ui.ageSpinBox.value = week
    register(user)
    user.parent.resize(_WIDTH, _HEIGHT_OF_SLICE)
    # each level of widgets lays out the next
    for _ in range(10):
        slicer.app.processEvents()
    user.parent.grab().save(str(picture))


def picture_of_the_views(user, picture: Path) -> None:
    """The slice in the atlas, as the layout of the tab shows it."""
    from DeepRegistrationSlicer.SliceInAtlasView import ATLAS_VIEW, SLICE_VIEW, THREE_D_VIEW

    from Testing.Slicer.views import SliceView, ThreeDView, savePicture

    views = [SliceView(SLICE_VIEW, (420, 420)), SliceView(ATLAS_VIEW, (420, 420))]
    threeD = ThreeDView(THREE_D_VIEW, (844, 520))
    user.ui.viewButton.click()
    gap = np.full((420, 4, 3), 255, np.uint8)
    below = np.concatenate([views[0].picture(), gap, views[1].picture()], axis=1)
    savePicture(np.concatenate([threeD.picture(), np.full((4, 844, 3), 255, np.uint8), below]), picture)


def register(user) -> None:
    """Presses Register and waits."""
    user.ui.registerButton.click()
    deadline = time.monotonic() + _LONGEST_S
    while user.logic.job is not None and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.01)


def main() -> None:
    """Writes panel.png, panel-slice.png and slice-in-atlas.png into the folder of the second argument."""
    from DeepRegistrationSlicer.Choices import JobChoice
    from DeepRegistrationSlicer.MrmlBridge import loadVolume

    from Testing.Slicer.host.scripted_module import LoadedModule
    from Testing.Slicer.panel_user import OpenPanel
    from Testing.Slicer.views import prepareViews

    data, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    prepareViews()
    loadVolume(data / _FETUS, "Fetus")
    # a short path for the picture
    atlas = Path(tempfile.gettempdir()) / "fetal-atlas"
    atlas.unlink(missing_ok=True)
    atlas.symlink_to(data / "sta")
    module = LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py")
    week = 0.0
    for job in (JobChoice.FETAL_VOLUME, JobChoice.FETAL_SLICE):
        user = OpenPanel(module, job)
        user.parent.resize(_WIDTH, _HEIGHT)
        user.ui.atlasFolderSelector.currentPath = str(atlas)
        if job == JobChoice.FETAL_VOLUME:
            week = picture_of_the_volume_tab(user, folder / "panel.png")
        else:
            picture_of_the_slice_tab(user, week, folder / "panel-slice.png")
            picture_of_the_views(user, folder / "slice-in-atlas.png")
        user.widget.cleanup()


if __name__ == "__main__":
    main()
