"""Makes the picture of the panel in the README, after a registration of a real fetus.

python -m Testing.Slicer.screenshots ../shared/data/fetal-brain Resources/Screenshots
"""

import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

import slicer  # noqa: E402

_FETUS = "mial-sub01/sub-01_rec-SR_T2w.nii.gz"
_LONGEST_S = 300.0


def picture_of_the_panel(data: Path, picture: Path) -> None:
    """Opens the panel, registers the fetus as a user would, and grabs the panel."""
    from DeepRegistrationSlicer.Choices import JobChoice
    from DeepRegistrationSlicer.MrmlBridge import loadVolume

    from Testing.Slicer.host.scripted_module import LoadedModule

    loadVolume(data / _FETUS, "Fetus")
    parent, widget = LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py").makePanel()
    parent.isEntered = True
    parent.resize(460, 620)
    parent.show()
    widget.enter()
    # a short path for the picture
    atlas = Path(tempfile.mkdtemp()) / "fetal-atlas"
    atlas.symlink_to(data / "sta")
    forms = widget.panel.forms
    forms[JobChoice.FETAL_VOLUME].ui.atlasFolderSelector.currentPath = str(atlas)
    widget.ui.registerButton.click()
    deadline = time.monotonic() + _LONGEST_S
    while widget.logic.job is not None and time.monotonic() < deadline:
        slicer.app.processEvents()
        time.sleep(0.01)
    parent.grab().save(str(picture))
    widget.cleanup()


def main() -> None:
    """Writes panel.png into the folder of the second argument."""
    data, folder = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    picture_of_the_panel(data, folder / "panel.png")


if __name__ == "__main__":
    main()
