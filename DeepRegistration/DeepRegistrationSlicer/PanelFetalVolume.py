"""The page of the panel for a reconstructed fetal brain: which widgets are shown, and how the age steps."""

import ctk
from slicer.i18n import tr as _

from DeepRegistrationLib.sample_data import FETAL_ATLAS, catalogue, installed_atlas_folder
from DeepRegistrationSlicer.Choices import AtlasChoice
from DeepRegistrationSlicer.FetalVolumeRequest import YOUNGEST_WEEKS
from DeepRegistrationSlicer.Parameters import FetalVolumeParameters

_ESTIMATE = 0.0


class PanelFetalVolume:
    """Behaviour of the page; values are bound by their names.

    Attributes:
        downloadText: of the button that downloads the atlas.

    Args:
        ui: widgets of the panel by name.
    """

    def __init__(self, ui: object) -> None:
        self._ui = ui
        self._age = _ESTIMATE
        ui.atlasFolderSelector.filters = ctk.ctkPathLineEdit.Dirs
        ui.ageSpinBox.valueChanged.connect(self.onAgeChanged)
        megabytes = catalogue()[FETAL_ATLAS].size_bytes / 1e6
        self.downloadText = _("Download ({size:.0f} MB)").format(size=megabytes)

    def update(self, chosen: FetalVolumeParameters) -> None:
        """Shows the widgets that belong to the choices."""
        isInScene = chosen.atlas == AtlasChoice.SCENE
        for name in ("atlasVolume", "atlasLabels"):
            self._setRowVisible(name, isInScene)
        self._setRowVisible("atlasFolder", not isInScene)
        isMissing = not isInScene and not chosen.atlasFolder and installed_atlas_folder() is None
        self._ui.downloadButton.visible = isMissing
        self._ui.measureSelector.enabled = self._ui.measureLabel.enabled = chosen.method.name == "AUTO"

    def onAgeChanged(self, *_: object) -> None:
        """Between "estimate" and the youngest age there is nothing: one step leads from one to the other."""
        before, self._age = self._age, self._ui.ageSpinBox.value
        age = self._age
        step = self._ui.ageSpinBox.singleStep
        if before == _ESTIMATE and age == step:
            self._ui.ageSpinBox.value = YOUNGEST_WEEKS
        elif before == YOUNGEST_WEEKS and age == YOUNGEST_WEEKS - step:
            self._ui.ageSpinBox.value = _ESTIMATE

    def _setRowVisible(self, name: str, visible: bool) -> None:
        for kind in ("Label", "Selector"):
            getattr(self._ui, name + kind).visible = visible
