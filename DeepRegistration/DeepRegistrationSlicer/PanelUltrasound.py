"""The tab for consecutive ultrasound frames."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.us_angles import UsAnglesSettings
from DeepRegistrationSlicer.Choices import FramesChoice, PixelSizeChoice
from DeepRegistrationSlicer.Follower import FollowNews
from DeepRegistrationSlicer.FrameSource import LEAST_FRAMES, FrameSource, Sweep, Triplet
from DeepRegistrationSlicer.LiveFrames import LiveFrames, LiveRequest
from DeepRegistrationSlicer.PanelFollow import Followed
from DeepRegistrationSlicer.PanelForms import PanelForm, setRowVisible
from DeepRegistrationSlicer.PanelLivePage import PanelLivePage
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.Parameters import RegistrationParameters, UltrasoundParameters
from DeepRegistrationSlicer.PixelSize import PixelSize
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SampleButton import SampleButton
from DeepRegistrationSlicer.UltrasoundFollower import UltrasoundFollower
from DeepRegistrationSlicer.UltrasoundRequest import UltrasoundRequest
from DeepRegistrationSlicer.UltrasoundResultLoader import UltrasoundWanted
from DeepRegistrationSlicer.UltrasoundSample import loadUltrasoundSample, ultrasoundSample
from DeepRegistrationSlicer.UltrasoundViews import (
    areSweepViewsShown,
    isSweep,
    placeFrameView,
    showUltrasound,
)

_ROWS = {
    FramesChoice.SEQUENCE: ("sequence",),
    FramesChoice.TRIPLET: ("before", "middle", "after"),
    PixelSizeChoice.ENTERED: ("columnSpacing", "rowSpacing"),
    PixelSizeChoice.FILE: ("configuration",),
    PixelSizeChoice.TRANSFORM: ("calibration",),
}
"""Rows of the form that belong to a choice."""


class PanelUltrasound(PanelLivePage):
    """One tab; see `PanelPage`.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form = "Ultrasound"
    pack = "ultrasound"

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        followed = Followed(
            self.liveRequest,
            lambda request: request.key(),
            self._makeFollower,
            self.onFollowed,
            _("{rate:.1f} frames per second, {dropped} left out"),
        )
        super().__init__(form, services, followed)
        self._follower: UltrasoundFollower | None = None
        self._sample = SampleButton(
            form.ui.sampleButton,
            services,
            lambda: ultrasoundSample(),
            lambda parameters: loadUltrasoundSample(parameters.ultrasound),
        )
        self.purpose = _("Find how far each frame is turned and shifted against its neighbours.")
        self.viewPurpose = _(
            "Show three frames over each other, or the frames of a sweep in 3D with the plot of their angles."
        )

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen: a sequence of images, else three flat images."""
        chosen = parameters.ultrasound
        triplet = (chosen.before, chosen.middle, chosen.after)
        if chosen.sequence is not None or any(volume is not None for volume in triplet):
            return
        sequences = slicer.util.getNodesByClass("vtkMRMLSequenceNode")
        chosen.sequence = next((node for node in sequences if _holdsImages(node)), None)
        images = [node for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode") if _isFlat(node)]
        if chosen.sequence is None and len(images) == LEAST_FRAMES:
            chosen.frames = FramesChoice.TRIPLET
            chosen.before, chosen.middle, chosen.after = images

    def request(self, parameters: RegistrationParameters) -> UltrasoundRequest:
        """The registration that the choices describe."""
        chosen = parameters.ultrasound
        return UltrasoundRequest(
            source=_sourceOf(chosen),
            pixelSize=_pixelSizeOf(chosen),
            mask=chosen.mask,
            settings=_settingsOf(parameters),
            wanted=UltrasoundWanted(
                chosen.wantsTransforms, chosen.wantsAligned, chosen.wantsCards, chosen.wantsAngles
            ),
        )

    def liveRequest(self, parameters: RegistrationParameters) -> LiveRequest:
        """How new frames are registered."""
        chosen = parameters.ultrasound
        return LiveRequest(
            LiveFrames(chosen.live), _pixelSizeOf(chosen), chosen.mask, _settingsOf(parameters)
        )

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLNode | None:
        """The node whose latest result is shown."""
        return _sourceOf(parameters.ultrasound).subject

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        chosen = parameters.ultrasound
        for choice, rows in _ROWS.items():
            for row in rows:
                setRowVisible(self._ui, row, choice in (chosen.frames, chosen.pixelSize))
        self._follow.update(parameters)
        self._sample.update(not self.isLive and self._services.logic.job is None)

    def show(self, result: ResultNodes) -> None:
        """Shows the frames, and the plot of a sweep."""
        showUltrasound(result)
        self.goAlong(result)

    def placeViews(self, result: ResultNodes) -> None:
        """Another frame of the sweep is shown."""
        if areSweepViewsShown() and isSweep(result):
            placeFrameView(result)

    def onFollowed(self, news: FollowNews, isFirst: bool) -> None:
        """A new frame was registered."""
        angles = self._follower.angles
        if angles.toPrevious is None:
            newest = _("frame {number} does not fit the one before").format(number=angles.number)
        else:
            newest = _("frame {number} turned by <b>{angle:+.2f}</b> degrees against the one before").format(
                number=angles.number, angle=angles.toPrevious
            )
        self._ui.liveAnglesLabel.text = _("{newest}, <b>{sum:+.2f}</b> degrees since the first.").format(
            newest=newest[0].upper() + newest[1:], sum=angles.toFirst
        )

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
        super().cleanup()
        self._sample.cancel()

    def _makeFollower(self, request: LiveRequest, onNews: Callable[[FollowNews], None]) -> UltrasoundFollower:
        self._ui.liveAnglesLabel.text = _("Waiting for {count} frames...").format(count=LEAST_FRAMES)
        self._follower = UltrasoundFollower(self._services.logic, request, onNews)
        return self._follower


def _sourceOf(chosen: UltrasoundParameters) -> FrameSource:
    if chosen.frames == FramesChoice.SEQUENCE:
        return Sweep(chosen.sequence)
    return Triplet(chosen.before, chosen.middle, chosen.after)


def _pixelSizeOf(chosen: UltrasoundParameters) -> PixelSize:
    file = Path(chosen.configuration) if chosen.configuration else None
    return PixelSize(chosen.pixelSize, (chosen.columnSpacing, chosen.rowSpacing), file, chosen.calibration)


def _settingsOf(parameters: RegistrationParameters) -> UsAnglesSettings:
    chosen = parameters.ultrasound
    return dataclasses.replace(
        UsAnglesSettings(),
        method=chosen.method.value,
        probe=chosen.probe,
        reference=chosen.reference,
        device=parameters.device.value,
        seed=parameters.seed,
    )


def _holdsImages(sequence: slicer.vtkMRMLSequenceNode) -> bool:
    return sequence.GetNumberOfDataNodes() > 0 and sequence.GetNthDataNode(0).IsA("vtkMRMLVolumeNode")


def _isFlat(volume: slicer.vtkMRMLVolumeNode) -> bool:
    image = volume.GetImageData()
    isMine = not volume.IsA("vtkMRMLLabelMapVolumeNode") and not volume.GetHideFromEditors()
    return isMine and image is not None and image.GetDimensions()[2] == 1
