"""What tabs share that register something to radiographs: their forms, the start pose, overlay and views."""

from collections.abc import Callable, Sequence
from types import MappingProxyType

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.Follower import FollowNews
from DeepRegistrationSlicer.PanelFollow import Followed, PanelFollow
from DeepRegistrationSlicer.PanelForms import PanelForm
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelPage import PanelPage, PanelServices
from DeepRegistrationSlicer.PanelRadiograph import PanelRadiograph
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.Request import Request
from DeepRegistrationSlicer.ResultNodes import RESULT_ID, ResultNodes
from DeepRegistrationSlicer.XrayCtRequest import LIVE_FOLDER, XrayCtRequest
from DeepRegistrationSlicer.XrayFollower import XrayFollower
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayPoseWatch import XrayPoseWatch
from DeepRegistrationSlicer.XrayStage import XrayStage
from DeepRegistrationSlicer.XrayStartPose import areHandlesShown, hideHandles, makeMovable
from DeepRegistrationSlicer.XrayViewNodes import shownOf
from DeepRegistrationSlicer.XrayViews import setOverlayOpacity, showXray


class PanelRadiographsPage(PanelPage):
    """One tab; see `PanelPage`. Subclasses have `bringMoved`, `preview`, `watch` and what every page has.

    Args:
        form: widgets of the tab.
        services: of the panel.
        second: title of the second radiograph.
        isSecondCollapsed: it is folded away at first.
    """

    parts = MappingProxyType({"Overlay": "overlayPlace"})
    repeats = MappingProxyType(
        {"first": ("Radiograph", "firstPlace"), "second": ("Radiograph", "secondPlace")}
    )
    showsIn3D = True

    def __init__(
        self, form: PanelForm, services: PanelServices, second: str, isSecondCollapsed: bool
    ) -> None:
        super().__init__(form, services)
        self._radiographs = (
            PanelRadiograph(form.repeats["first"], _("Radiograph")),
            PanelRadiograph(form.repeats["second"], second, isSecondCollapsed),
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
        form.ui.moveButton.clicked.connect(self.onMoveButton)
        form.ui.overlayOpacitySlider.valueChanged.connect(lambda percent: setOverlayOpacity(percent / 100))

    @property
    def isPreviewing(self) -> bool:
        """True while the overlay follows what is moved."""
        return self._follow.isRunning

    def moved(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """What is registered, in the scene; None if it is not there."""
        raise NotImplementedError

    def bringMoved(
        self, parameters: RegistrationParameters
    ) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLNode | None]:
        """What is registered, brought into the scene if needed, and its labels, which go along.

        Raises:
            RegistrationError: it cannot be brought.
        """
        raise NotImplementedError

    def preview(self, request: Request) -> XrayCtRequest:
        """What the overlay shows while something is moved."""
        raise NotImplementedError

    def watch(self, request: Request) -> XrayPoseWatch:
        """Shows a registration while it runs."""
        raise NotImplementedError

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        chosen = getattr(parameters, self.pack)
        for radiograph, choices in zip(self._radiographs, (chosen.first, chosen.second), strict=True):
            radiograph.update(choices)
        self._ui.moveButton.checked = areHandlesShown(self.moved(parameters))
        self._follow.update(parameters)

    def show(self, result: ResultNodes) -> None:
        """Shows radiographs, overlay and machine."""
        shown = shownOf(result)
        if shown.radiographs:
            showXray(shown, self._opacity())

    def onMoveButton(self) -> None:
        """The user wants to move by hand what is registered, or not any more."""
        parameters = self._services.parameters()
        moved = self.moved(parameters)
        if areHandlesShown(moved):
            hideHandles(moved)
        else:
            try:
                makeMovable(*self.bringMoved(parameters))
            except RegistrationError as err:
                self._services.progress.end(str(err), Tone.PROBLEM)
        self._services.refresh()

    def onFollowed(self, news: FollowNews, isFirst: bool) -> None:
        """The overlay was drawn again: it is seen already."""

    def onStarted(self, request: Request) -> None:
        """Shows the registration while it runs."""
        self._watch = self.watch(request)

    def onProgress(self, progress: Progress) -> None:
        """Moves what is registered to the pose so far."""
        if self._watch is not None and self._services.logic.job is not None:
            self._watch.show(progress, self._services.logic.job.folder / LIVE_FOLDER)

    def stopLive(self) -> None:
        """The overlay follows no more."""
        self._follow.stop()

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        self._follow.stop()

    def stage(
        self,
        images: tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLNode | None],
        request: Request,
    ) -> XrayStage:
        """Shows a volume with its bones before the X-ray machine.

        Args:
            images: the volume, in HU, and labels of it.
            request: knows radiographs and cameras.
        """
        stage = XrayStage(*images, request.radiographs, request.cameras())
        stage.show(self._opacity())
        return stage

    def _follower(self, request: Request, onNews: Callable[[FollowNews], None]) -> XrayFollower:
        preview = self.preview(request)
        return XrayFollower(
            self._services.logic, preview, lambda: self.stage((preview.ct, preview.bones), preview), onNews
        )

    def _opacity(self) -> float:
        return self._ui.overlayOpacitySlider.value / 100


def volumesInScene() -> tuple[Sequence[slicer.vtkMRMLScalarVolumeNode], ...]:
    """Images of one slice, which may be radiographs, and volumes; neither those of a result."""
    found = [
        volume
        for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        if volume.GetClassName() == "vtkMRMLScalarVolumeNode"
        and not volume.GetHideFromEditors()
        and not volume.GetAttribute(RESULT_ID)
    ]
    images = [volume for volume in found if RadiographSource(volume).frameCount == 1]
    return images, [volume for volume in found if volume not in images]
