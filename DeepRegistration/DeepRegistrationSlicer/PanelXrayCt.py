"""The tab for a CT and its radiographs."""

import dataclasses

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationSlicer.Choices import CancelChoice, XrayMethodChoice
from DeepRegistrationSlicer.PanelForms import PanelForm
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.PanelRadiograph import sourceOf
from DeepRegistrationSlicer.PanelRadiographsPage import PanelRadiographsPage, volumesInScene
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.SampleButton import SampleButton
from DeepRegistrationSlicer.XrayCtRequest import XrayCtRequest
from DeepRegistrationSlicer.XrayPoseWatch import XrayPoseWatch
from DeepRegistrationSlicer.XrayResultLoader import XrayWanted
from DeepRegistrationSlicer.XraySample import loadXraySample, xraySample


class PanelXrayCt(PanelRadiographsPage):
    """One tab; see `PanelPage`.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form = "XrayCt"
    pack = "xrayCt"

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        super().__init__(form, services, _("Second radiograph (optional)"), isSecondCollapsed=True)
        self.purpose = _("Move the CT to where it was when the radiograph was taken.")
        self.viewPurpose = _(
            "Show each radiograph under that of the CT, and in 3D source, detector and the bones of the CT."
        )
        self._sample = SampleButton(
            form.ui.sampleButton,
            services,
            lambda: xraySample(),
            lambda parameters: loadXraySample(parameters.xrayCt),
        )

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen: a volume as CT, an image as radiograph."""
        chosen = parameters.xrayCt
        images, volumes = volumesInScene()
        if chosen.first.volume is None and images:
            chosen.first.volume = images[0]
        if chosen.ct is None or chosen.ct in images:
            chosen.ct = volumes[0] if volumes else chosen.ct

    def request(self, parameters: RegistrationParameters) -> XrayCtRequest:
        """The registration that the choices describe."""
        chosen = parameters.xrayCt
        settings = dataclasses.replace(
            XrayCtSettings(),
            method=chosen.method.value,
            measure=chosen.measure.value,
            polarity=chosen.polarity.value,
            search_rotation_deg=chosen.searchRotation,
            search_translation_mm=chosen.searchTranslation,
            candidates=chosen.candidates,
            device=parameters.device.value,
            seed=parameters.seed,
        )
        second = sourceOf(chosen.second)
        return XrayCtRequest(
            ct=chosen.ct,
            radiographs=(sourceOf(chosen.first), *([second] if second.volume is not None else [])),
            bones=chosen.bones,
            isocentre=chosen.isocentre,
            settings=settings,
            wanted=XrayWanted(chosen.wantsTransform, chosen.wantsDrr, chosen.wantsStand, chosen.wantsPlot),
            isFollowed=True,
        )

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The node whose latest result is shown."""
        return parameters.xrayCt.ct

    def moved(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """What is registered, in the scene; None if it is not there."""
        return parameters.xrayCt.ct

    def bringMoved(
        self, parameters: RegistrationParameters
    ) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLNode | None]:
        """What is registered, and its labels, which go along."""
        return parameters.xrayCt.ct, parameters.xrayCt.bones

    def preview(self, request: XrayCtRequest) -> XrayCtRequest:
        """What the overlay shows while the CT is moved."""
        return request

    def watch(self, request: XrayCtRequest) -> XrayPoseWatch:
        """Shows a registration while it runs: the CT itself moves."""
        stage = self.stage((request.ct, request.bones), request)
        watch = XrayPoseWatch(request.ct, stage, request.start())
        stage.follow()
        return watch

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        super().update(parameters, isDownloading)
        chosen = parameters.xrayCt
        isSearch = chosen.method == XrayMethodChoice.AUTO
        for name in ("measureSelector", "searchRotationSpinBox", "searchTranslationSpinBox"):
            getattr(self._ui, name).enabled = isSearch
        self._ui.candidatesSpinBox.enabled = isSearch
        self._sample.update(self._watch is None)
        self._ui.moveButton.enabled = chosen.ct is not None and self._watch is None

    def onEnding(self, exitCode: ExitCode) -> None:
        """The CT stands where it stood, or where the user wants it after cancelling."""
        watch, self._watch = self._watch, None
        parameters = self._services.parameters()
        if watch is not None:
            isKept = parameters is not None and parameters.xrayCt.onCancel == CancelChoice.KEEP
            watch.end(isKept=isKept and exitCode == ExitCode.CANCELLED)

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        super().cleanup()
        self._sample.cancel()
