"""How a user fills each tab with its synthetic case; a new tab adds its own to `READY_TABS`.

What every tab has to stand (bad nodes, a killed worker, a closed scene) is tested with these.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer
from DeepRegistrationSlicer.Choices import (
    BiplanarMethodChoice,
    BoneAtlasChoice,
    DeviceChoice,
    FramesChoice,
    GeometryChoice,
    JobChoice,
    SliceMethodChoice,
    UltrasoundMethodChoice,
)
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createVolume, loadVolume, rasFromIjk

from Testing.Slicer.panel_user import OpenPanel

LABELS = "vtkMRMLLabelMapVolumeNode"


@dataclass(frozen=True)
class ReadyTab:
    """A tab of the panel, and how it is filled.

    Attributes:
        fill: loads the files of the case and makes the choices; they make the registration quick.
        subject: name of the choice of what is registered, within those of the tab.
        mask: name of the choice of labels on it.
        role: what the panel calls the subject.
        within: name of the choices that both belong to, where they are not those of the tab itself.
    """

    fill: Callable[[OpenPanel, Path], None]
    subject: str
    mask: str
    role: str
    within: str | None = None

    def choices(self, user: OpenPanel) -> object:
        """The choices of the tab shown."""
        return getattr(user.parameters, user.panel.page.pack)

    def subjectOf(self, user: OpenPanel) -> slicer.vtkMRMLNode:
        """What is registered."""
        return getattr(self._holder(user), self.subject)

    def maskOf(self, user: OpenPanel) -> slicer.vtkMRMLNode:
        """Labels on it."""
        return getattr(self._holder(user), self.mask)

    def choose(self, user: OpenPanel, node: slicer.vtkMRMLNode | None) -> None:
        """Chooses what is registered."""
        setattr(self._holder(user), self.subject, node)

    def chooseMask(self, user: OpenPanel, node: slicer.vtkMRMLNode | None) -> None:
        """Chooses labels on it."""
        setattr(self._holder(user), self.mask, node)

    def _holder(self, user: OpenPanel) -> object:
        choices = self.choices(user)
        return choices if self.within is None else getattr(choices, self.within)


def _fillFetalVolume(user: OpenPanel, folder: Path) -> None:
    chosen = user.parameters.fetalVolume
    chosen.subject = loadVolume(folder / "brain.nii.gz", "Brain")
    chosen.mask = loadVolume(folder / "mask.nii.gz", "Brain mask", LABELS)
    chosen.candidates = 4
    _chooseAtlas(user, chosen.atlas, folder)


def _fillFetalSlice(user: OpenPanel, folder: Path) -> None:
    chosen = user.parameters.fetalSlice
    chosen.subject = loadVolume(folder / "slice.nrrd", "Slice")
    chosen.mask = loadVolume(folder / "slice_mask.nrrd", "Slice mask", LABELS)
    chosen.method, chosen.candidates = SliceMethodChoice.BANK, 16
    _chooseAtlas(user, chosen.atlas, folder)


def _chooseAtlas(user: OpenPanel, atlas: object, folder: Path) -> None:
    atlas.folder, atlas.gestationalAge = str(folder / "atlas"), 28.0
    user.parameters.device = DeviceChoice.CPU


def _fillXrayCt(user: OpenPanel, folder: Path) -> None:
    chosen = user.parameters.xrayCt
    chosen.ct = loadVolume(folder / "ct.nrrd", "Body")
    chosen.bones = loadVolume(folder / "bones.nrrd", "Bones", LABELS)
    chosen.searchRotation, chosen.searchTranslation, chosen.candidates = 12.0, 15.0, 8
    _chooseRadiographs(user, chosen, folder)


def _fillBiplanar(user: OpenPanel, folder: Path) -> None:
    chosen = user.parameters.biplanar
    chosen.atlas.source, chosen.method = BoneAtlasChoice.SCENE, BiplanarMethodChoice.SDM
    chosen.atlas.volume = loadVolume(folder / "atlas" / "atlas_ct.nrrd", "Atlas")
    chosen.atlas.labels = loadVolume(folder / "atlas" / "atlas_labels.nrrd", "Atlas bones", LABELS)
    chosen.firstMask, chosen.secondMask = (
        loadVolume(folder / f"mask{number}.nrrd", f"Mask {number}", LABELS) for number in (1, 2)
    )
    _chooseRadiographs(user, chosen, folder)


def _chooseRadiographs(user: OpenPanel, chosen: object, folder: Path) -> None:
    for number, view in enumerate((chosen.first, chosen.second), 1):
        view.volume = loadVolume(folder / f"xray{number}.nrrd", f"View {number}")
        view.geometry, view.file = GeometryChoice.FILE, str(folder / f"camera{number}.json")
    user.parameters.device = DeviceChoice.CPU


def _fillUltrasound(user: OpenPanel, folder: Path) -> None:
    chosen = user.parameters.ultrasound
    chosen.frames, chosen.method = FramesChoice.TRIPLET, UltrasoundMethodChoice.SEARCH_REFINE
    for number, name in enumerate(("before", "middle", "after"), 1):
        setattr(chosen, name, loadVolume(folder / f"frame{number}.nrrd", f"Frame {number}"))
    frame = chosen.middle
    values = np.ones_like(arrayOf(frame), np.int16)
    chosen.mask = createVolume(values, rasFromIjk(frame), "Sector", LABELS)
    user.parameters.device = DeviceChoice.CPU


READY_TABS: dict[JobChoice, ReadyTab] = {
    JobChoice.FETAL_VOLUME: ReadyTab(_fillFetalVolume, "subject", "mask", "fetal brain"),
    JobChoice.FETAL_SLICE: ReadyTab(_fillFetalSlice, "subject", "mask", "slice or stack"),
    JobChoice.XRAY_CT: ReadyTab(_fillXrayCt, "ct", "bones", "CT"),
    JobChoice.BIPLANAR: ReadyTab(_fillBiplanar, "volume", "labels", "atlas", within="atlas"),
    JobChoice.US_ANGLES: ReadyTab(_fillUltrasound, "middle", "mask", "the middle frame"),
}
