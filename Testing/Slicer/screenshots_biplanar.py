"""Makes the pictures of the tab of two radiographs, with the sample that comes with the module.

python -m Testing.Slicer.screenshots_biplanar Resources/Screenshots
"""

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "DeepRegistration"))

from Testing.Slicer.host import application  # noqa: E402 - it needs the path above

application.boot()

import slicer  # noqa: E402

_WIDTH, _HEIGHT = 460, 1340
_SIDE, _GAP = 300, 4


def settle() -> None:
    """Each level of widgets lays out the next."""
    for _ in range(10):
        slicer.app.processEvents()


class Views:
    """The views of the tab, without windows."""

    def __init__(self) -> None:
        from DeepRegistrationSlicer.XrayViews import SECTION_VIEW, THREE_D_VIEW, XRAY_VIEWS

        from Testing.Slicer.views import SliceView, ThreeDView

        self._height = 3 * _SIDE + 2 * _GAP
        self._slices = [SliceView(name, (_SIDE + 80, _SIDE)) for name in (*XRAY_VIEWS, SECTION_VIEW)]
        self._threeD = ThreeDView(THREE_D_VIEW, (700, self._height))

    def save(self, path: Path) -> None:
        """3D on the left, radiographs and slice on the right, as the layout has them."""
        from Testing.Slicer.views import savePicture

        between = np.full((_GAP, _SIDE + 80, 3), 255, np.uint8)
        column = [part for view in self._slices for part in (view.picture(), between)][:-1]
        beside = np.full((self._height, _GAP, 3), 255, np.uint8)
        savePicture(np.concatenate([self._threeD.picture(), beside, np.concatenate(column)], axis=1), path)


def main() -> None:
    """Writes panel-biplanar.png, biplanar-before.png and biplanar-result.png into the folder."""
    from DeepRegistrationSlicer.Choices import JobChoice

    from Testing.Slicer import panel_user
    from Testing.Slicer.host.scripted_module import LoadedModule
    from Testing.Slicer.views import prepareViews

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    prepareViews()
    # the machine may be busy
    panel_user.LONGEST_S = 3600.0
    user = panel_user.OpenPanel(
        LoadedModule(ROOT / "DeepRegistration" / "DeepRegistration.py"), JobChoice.BIPLANAR
    )
    views = Views()
    user.ui.sampleButton.click()
    user.waitFor(lambda: user.logic.job is None)
    print(user.ui.statusLabel.text, user.ui.confidenceLabel.text)
    user.ui.viewButton.click()
    views.save(folder / "biplanar-result.png")
    user.parent.resize(_WIDTH, _HEIGHT)
    settle()
    user.parent.grab().save(str(folder / "panel-biplanar.png"))
    user.ui.beforeButton.click()
    views.save(folder / "biplanar-before.png")
    user.widget.cleanup()


if __name__ == "__main__":
    main()
