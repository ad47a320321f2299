"""The tab for a slice of a fetal brain, or a stack of slices."""

import dataclasses
from collections.abc import Callable

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.fetal_slice import FetalSliceSettings
from DeepRegistrationSlicer.Choices import SliceChoice
from DeepRegistrationSlicer.FetalSample import fetalSample, loadFetalSliceSample
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.Follower import FollowNews
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf, sliceAxis
from DeepRegistrationSlicer.PanelAtlas import PanelAtlas
from DeepRegistrationSlicer.PanelFollow import Followed
from DeepRegistrationSlicer.PanelForms import PanelForm, setRowVisible
from DeepRegistrationSlicer.PanelLivePage import PanelLivePage
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.Parameters import FetalSliceParameters, RegistrationParameters, atlasOf
from DeepRegistrationSlicer.ResultLoader import WantedNodes
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SampleButton import SampleButton
from DeepRegistrationSlicer.SliceFollower import SliceFollower
from DeepRegistrationSlicer.SliceInAtlasView import areShown, placeViews, showSliceInAtlas
from DeepRegistrationSlicer.SliceSource import SliceSource


class PanelFetalSlice(PanelLivePage):
    """One tab; see `PanelPage`.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form = "FetalSlice"
    parts = {"FetalAtlas": "atlasPlace"}  # noqa: RUF012 - never changed
    pack = "fetalSlice"

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        followed = Followed(
            self.request, _keyOf, self._follower, self.onFollowed, _("{rate:.1f} registrations per second")
        )
        super().__init__(form, services, followed)
        self._atlas = PanelAtlas(form.ui)
        self.purpose = _("Find the slice in the atlas.")
        self.viewPurpose = _(
            "Show the slice in the atlas in 3D, and below it the slice beside the matching one of the atlas."
        )
        self.downloadButton = form.ui.downloadButton
        self._sample = SampleButton(
            form.ui.sampleButton,
            services,
            lambda: fetalSample(),
            lambda parameters: loadFetalSliceSample(parameters.fetalSlice),
        )

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen: an image of one slice, else the first."""
        chosen = parameters.fetalSlice
        if chosen.subject is None:
            volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
            slices = [volume for volume in volumes if _sliceCount(volume) == 1]
            chosen.subject = next(iter([*slices, *volumes]), None)

    def request(self, parameters: RegistrationParameters) -> FetalSliceRequest:
        """The registration that the choices describe."""
        chosen = parameters.fetalSlice
        settings = dataclasses.replace(
            FetalSliceSettings(),
            method=chosen.method.value,
            gestational_age_weeks=chosen.atlas.gestationalAge or None,
            half_space=chosen.halfSpace.value,
            measure=chosen.measure.value,
            contrast=chosen.contrast.value,
            candidates=chosen.candidates,
            slice_thickness_mm=chosen.thickness or None,
            device=parameters.device.value,
            seed=parameters.seed,
        )
        return FetalSliceRequest(
            source=_sourceOf(chosen),
            mask=chosen.mask,
            atlas=atlasOf(chosen.atlas),
            settings=settings,
            wanted=WantedNodes(
                chosen.wantsTransform, False, chosen.wantsSegmentation, matching=chosen.wantsMatching
            ),
        )

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The node whose latest result is shown: the one chosen, or the slice taken out of it."""
        return _sourceOf(parameters.fetalSlice).node()

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        chosen = parameters.fetalSlice
        self._atlas.update(chosen.atlas, isDownloading)
        isFree = not isDownloading and not self.isLive
        self._sample.update(isFree and self._services.logic.job is None)
        count = _sliceCount(chosen.subject)
        setRowVisible(self._ui, "slices", count != 1)
        setRowVisible(self._ui, "number", count != 1 and chosen.slices == SliceChoice.NUMBER)
        self._ui.numberSpinBox.suffix = _("  (0 to {last})").format(last=count - 1) if count else ""
        self._ui.measureSelector.enabled = self._ui.measureLabel.enabled = chosen.method.name in (
            "AUTO",
            "BANK",
        )
        self._follow.update(parameters)

    def show(self, result: ResultNodes) -> None:
        """Shows the slice in the atlas."""
        parameters = self._services.parameters()
        source = _sourceOf(parameters.fetalSlice) if parameters is not None else None
        showSliceInAtlas(result, source.view if source is not None else None)
        self.goAlong(result)

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        super().cleanup()
        self._sample.cancel()

    def placeViews(self, result: ResultNodes) -> None:
        """The slice was moved in the atlas."""
        if areShown():
            placeViews(result)

    def onFollowed(self, news: FollowNews, isFirst: bool) -> None:
        """The pose was found again; after the first time the views are the user's."""
        if news.result is None:
            return
        if isFirst:
            self.show(news.result)
        else:
            self.placeViews(news.result)

    def _follower(self, request: FetalSliceRequest, onNews: Callable[[FollowNews], None]) -> SliceFollower:
        return SliceFollower(self._services.logic, request, onNews, self._services.progress.show)


def _keyOf(request: FetalSliceRequest) -> tuple:
    source = request.source
    return (source.volume.GetID() if source.volume is not None else None, source.number, source.view)


def _sourceOf(chosen: FetalSliceParameters) -> SliceSource:
    if _sliceCount(chosen.subject) == 1:
        return SliceSource(chosen.subject)
    number = chosen.number if chosen.slices == SliceChoice.NUMBER else None
    return SliceSource(chosen.subject, number, chosen.slices.view)


def _sliceCount(volume: slicer.vtkMRMLScalarVolumeNode | None) -> int:
    """Number of slices; 0 without an image."""
    if volume is None or volume.GetImageData() is None:
        return 0
    return dimensionsOf(volume)[sliceAxis(volume)]
