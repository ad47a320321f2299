"""The tab for a CT and its radiographs."""

import dataclasses
from collections.abc import Callable
from types import MappingProxyType

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.Choices import CancelChoice, XrayMethodChoice
from DeepRegistrationSlicer.Follower import FollowNews
from DeepRegistrationSlicer.PanelFollow import Followed, PanelFollow
from DeepRegistrationSlicer.PanelForms import PanelForm
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelPage import PanelPage, PanelServices
from DeepRegistrationSlicer.PanelRadiograph import PanelRadiograph, sourceOf
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SampleFetch import SampleFetch
from DeepRegistrationSlicer.XrayCtRequest import LIVE_FOLDER, XrayCtRequest
from DeepRegistrationSlicer.XrayFollower import XrayFollower
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayPoseWatch import XrayPoseWatch
from DeepRegistrationSlicer.XrayResultLoader import XrayWanted
from DeepRegistrationSlicer.XraySample import loadXraySample, xraySample
from DeepRegistrationSlicer.XrayStage import XrayStage
from DeepRegistrationSlicer.XrayStartPose import areHandlesShown, hideHandles, makeMovable
from DeepRegistrationSlicer.XrayViewNodes import shownOf
from DeepRegistrationSlicer.XrayViews import setOverlayOpacity, showXray


class PanelXrayCt(PanelPage):
    """One tab; see `PanelPage`.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form = "XrayCt"
    repeats = MappingProxyType(
        {"first": ("Radiograph", "firstPlace"), "second": ("Radiograph", "secondPlace")}
    )
    pack = "xrayCt"
    showsIn3D = True

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        super().__init__(form, services)
        self.purpose = _("Move the CT to where it was when the radiograph was taken.")
        self.viewPurpose = _(
            "Show each radiograph under that of the CT, and in 3D source, detector and the bones of the CT."
        )
        self._radiographs = (
            PanelRadiograph(form.repeats["first"], _("Radiograph")),
            PanelRadiograph(form.repeats["second"], _("Second radiograph (optional)"), isCollapsed=True),
        )
        followed = Followed(
            self.request,
            lambda request: request.key(),
            self._follower,
            self.onFollowed,
            _("{rate:.1f} overlays per second"),
        )
        self._follow = PanelFollow(form.ui, services, followed)
        self._watch: XrayPoseWatch | None = None
        self._fetch: SampleFetch | None = None
        form.ui.moveButton.clicked.connect(self.onMoveButton)
        form.ui.sampleButton.clicked.connect(self.onSampleButton)
        self._sampleText = form.ui.sampleButton.text
        form.ui.sampleButton.toolTip = _sampleInWords(form.ui.sampleButton.toolTip)
        form.ui.overlayOpacitySlider.valueChanged.connect(lambda percent: setOverlayOpacity(percent / 100))

    @property
    def isPreviewing(self) -> bool:
        """True while the overlay follows the CT."""
        return self._follow.isRunning

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen: a volume as CT, an image as radiograph."""
        chosen = parameters.xrayCt
        volumes = [
            volume
            for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            if volume.GetClassName() == "vtkMRMLScalarVolumeNode" and not volume.GetHideFromEditors()
        ]
        images = [volume for volume in volumes if RadiographSource(volume).frameCount == 1]
        if chosen.first.volume is None and images:
            chosen.first.volume = images[0]
        if chosen.ct is None or chosen.ct in images:
            chosen.ct = next((volume for volume in volumes if volume not in images), chosen.ct)

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

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        chosen = parameters.xrayCt
        for radiograph, choices in zip(self._radiographs, (chosen.first, chosen.second), strict=True):
            radiograph.update(choices)
        isSearch = chosen.method == XrayMethodChoice.AUTO
        for name in ("measureSelector", "searchRotationSpinBox", "searchTranslationSpinBox"):
            getattr(self._ui, name).enabled = isSearch
        self._ui.candidatesSpinBox.enabled = isSearch
        self._ui.sampleButton.text = _("Stop the download") if self._fetch is not None else self._sampleText
        self._ui.sampleButton.enabled = self._watch is None
        self._ui.moveButton.enabled = chosen.ct is not None and self._watch is None
        self._ui.moveButton.checked = areHandlesShown(chosen.ct)
        self._follow.update(parameters)

    def show(self, result: ResultNodes) -> None:
        """Shows radiographs, overlay and machine."""
        shown = shownOf(result)
        if shown.radiographs:
            showXray(shown, self._opacity())

    def onMoveButton(self) -> None:
        """The user wants to move the CT by hand, or not any more."""
        chosen = self._services.parameters().xrayCt
        if areHandlesShown(chosen.ct):
            hideHandles(chosen.ct)
        else:
            makeMovable(chosen.ct, chosen.bones)
        self._services.refresh()

    def onSampleButton(self) -> None:
        """Downloads the sample, loads and registers it; or stops the download."""
        if self._fetch is not None:
            self._fetch.cancel()
            return
        self._services.progress.begin(_("Downloading the sample..."))
        self._fetch = SampleFetch(xraySample(), self._services.progress.show, self.onSampleThere)
        self._services.refresh()

    def onSampleThere(self, problem: str | None) -> None:
        """The download has ended: with an empty text, a problem, or None where it was stopped."""
        self._fetch = None
        parameters = self._services.parameters()
        self._services.progress.end(problem or "", Tone.PROBLEM if problem else Tone.PLAIN)
        if problem == "" and parameters is not None:
            if self._services.attempt(lambda: loadXraySample(parameters.xrayCt)):
                self._services.register()
            return
        self._services.refresh()

    def onFollowed(self, news: FollowNews, isFirst: bool) -> None:
        """The overlay was drawn again: it is seen already."""

    def onStarted(self, request: XrayCtRequest) -> None:
        """Shows the registration while it runs."""
        stage = self._stage(request)
        self._watch = XrayPoseWatch(request.ct, stage, request.start())

    def onProgress(self, progress: Progress) -> None:
        """Moves the CT to the pose so far."""
        if self._watch is not None and self._services.logic.job is not None:
            self._watch.show(progress, self._services.logic.job.folder / LIVE_FOLDER)

    def onEnding(self, exitCode: ExitCode) -> None:
        """The CT stands where it stood, or where the user wants it after cancelling."""
        watch, self._watch = self._watch, None
        parameters = self._services.parameters()
        if watch is not None:
            isKept = parameters is not None and parameters.xrayCt.onCancel == CancelChoice.KEEP
            watch.end(isKept=isKept and exitCode == ExitCode.CANCELLED)

    def stopLive(self) -> None:
        """The overlay follows no more."""
        self._follow.stop()

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        self._follow.stop()
        if self._fetch is not None:
            self._fetch.cancel()

    def _follower(self, request: XrayCtRequest, onNews: Callable[[FollowNews], None]) -> XrayFollower:
        return XrayFollower(self._services.logic, request, lambda: self._stage(request), onNews)

    def _stage(self, request: XrayCtRequest) -> XrayStage:
        stage = XrayStage(request.ct, request.bones, request.radiographs, request.cameras())
        stage.show(self._opacity())
        return stage

    def _opacity(self) -> float:
        return self._ui.overlayOpacitySlider.value / 100


def _sampleInWords(text: str) -> str:
    """What the button does, with size, licence and source of what it brings."""
    sample = xraySample()
    return _(
        "{text} {size:.1f} MB, {licence}, from {source}; kept in the data folder of your account."
    ).format(text=text, size=sample.size_bytes / 1e6, licence=sample.licence, source=sample.source)
