"""The tab for a reconstructed fetal brain."""

import dataclasses

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationSlicer.FetalSample import fetalSample, loadFetalVolumeSample
from DeepRegistrationSlicer.FetalVolumeRequest import FetalVolumeRequest, WantedNodes
from DeepRegistrationSlicer.PanelAtlas import PanelAtlas
from DeepRegistrationSlicer.PanelForms import PanelForm
from DeepRegistrationSlicer.PanelPage import PanelPage, PanelServices
from DeepRegistrationSlicer.Parameters import RegistrationParameters, atlasOf
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SampleButton import SampleButton


class PanelFetalVolume(PanelPage):
    """One tab; see `PanelPage`.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form = "FetalVolume"
    parts = {"FetalAtlas": "atlasPlace"}  # noqa: RUF012 - never changed
    pack = "fetalVolume"

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        super().__init__(form, services)
        self._atlas = PanelAtlas(form.ui)
        self.purpose = _("Lay the fetal brain into the atlas.")
        self.downloadButton = form.ui.downloadButton
        self._sample = SampleButton(
            form.ui.sampleButton,
            services,
            lambda: fetalSample(),
            lambda parameters: loadFetalVolumeSample(parameters.fetalVolume),
        )

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen."""
        chosen = parameters.fetalVolume
        if chosen.subject is None:
            chosen.subject = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")

    def request(self, parameters: RegistrationParameters) -> FetalVolumeRequest:
        """The registration that the choices describe."""
        chosen = parameters.fetalVolume
        settings = dataclasses.replace(
            FetalVolumeSettings(),
            method=chosen.method.value,
            gestational_age_weeks=chosen.atlas.gestationalAge or None,
            measure=chosen.measure.value,
            contrast=chosen.contrast.value,
            transform_model=chosen.transformModel.value,
            candidates=chosen.candidates,
            device=parameters.device.value,
            seed=parameters.seed,
        )
        return FetalVolumeRequest(
            subject=chosen.subject,
            mask=chosen.mask,
            atlas=atlasOf(chosen.atlas),
            settings=settings,
            wanted=WantedNodes(chosen.wantsTransform, chosen.wantsWarped, chosen.wantsSegmentation),
        )

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The node whose latest result is shown."""
        return parameters.fetalVolume.subject

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        chosen = parameters.fetalVolume
        self._atlas.update(chosen.atlas, isDownloading)
        self._sample.update(not isDownloading and self._services.logic.job is None)
        self._ui.measureSelector.enabled = self._ui.measureLabel.enabled = chosen.method.name == "AUTO"

    def show(self, result: ResultNodes) -> None:
        """Shows the subject, with the atlas ready to be blended in, where the subject stands now."""
        slicer.util.setSliceViewerLayers(
            background=result.subject, foreground=result.atlas, foregroundOpacity=0.0, fit=True
        )

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        self._sample.cancel()
