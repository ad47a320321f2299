"""The part of a page that chooses a fetal atlas: which widgets are shown, how the age steps, the download."""

import ctk
from slicer.i18n import tr as _

from DeepRegistrationLib.sample_data import FETAL_ATLAS, catalogue, installed_atlas_folder
from DeepRegistrationSlicer.AtlasSource import YOUNGEST_WEEKS
from DeepRegistrationSlicer.Choices import AtlasChoice
from DeepRegistrationSlicer.PanelForms import setRowVisible
from DeepRegistrationSlicer.Parameters import AtlasParameters

_ESTIMATE = 0.0


class PanelAtlas:
    """Behaviour of the form; values are bound by their names.

    Args:
        ui: widgets of the page by name.
    """

    def __init__(self, ui: object) -> None:
        self._ui = ui
        self._age = _ESTIMATE
        ui.atlasFolderSelector.filters = ctk.ctkPathLineEdit.Dirs
        ui.ageSpinBox.valueChanged.connect(self.onAgeChanged)
        megabytes = catalogue()[FETAL_ATLAS].size_bytes / 1e6
        self._downloadText = _("Download ({size:.0f} MB)").format(size=megabytes)

    def update(self, chosen: AtlasParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        isInScene = chosen.source == AtlasChoice.SCENE
        for name in ("atlasVolume", "atlasLabels"):
            setRowVisible(self._ui, name, isInScene)
        setRowVisible(self._ui, "atlasFolder", not isInScene)
        isMissing = not isInScene and not chosen.folder and installed_atlas_folder() is None
        self._ui.downloadButton.visible = isMissing
        self._ui.downloadButton.text = _("Cancel") if isDownloading else self._downloadText

    def onAgeChanged(self, *_: object) -> None:
        """Between "estimate" and the youngest age there is nothing: one step leads from one to the other."""
        before, self._age = self._age, self._ui.ageSpinBox.value
        age = self._age
        step = self._ui.ageSpinBox.singleStep
        if before == _ESTIMATE and age == step:
            self._ui.ageSpinBox.value = YOUNGEST_WEEKS
        elif before == YOUNGEST_WEEKS and age == YOUNGEST_WEEKS - step:
            self._ui.ageSpinBox.value = _ESTIMATE
