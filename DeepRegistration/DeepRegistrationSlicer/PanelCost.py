"""What Register will take: time and memory before it is pressed, and the devices to choose from."""

from collections.abc import Mapping
from dataclasses import dataclass

import qt
import slicer
from slicer.i18n import tr as _

from DeepRegistrationSlicer.Choices import DeviceChoice, JobChoice
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome

_COUNTED = 0.1
"""Seconds below this are no figure to decide by."""
_MINUTES_FROM_S = 95.0
_SAME_SIZE = 0.2
"""Images whose numbers of voxels differ by less take the same time."""


@dataclass(frozen=True)
class Way:
    """What time and memory depend on, beside the size of the image.

    Attributes:
        job: which registration.
        method: how, as the settings name it.
        device: where.
    """

    job: JobChoice
    method: str
    device: DeviceChoice


@dataclass(frozen=True)
class Cost:
    """What a registration took.

    Attributes:
        seconds: from the command to the last file.
        memoryMb: largest memory of the worker [MB]; None if it was not told.
        voxels: of what was registered.
    """

    seconds: float
    memoryMb: float | None
    voxels: int


_FIRST_TIME = {
    JobChoice.FETAL_VOLUME: Cost(1.3, 940.0, 0),
    JobChoice.BIPLANAR: Cost(36.0, 880.0, 0),
}
"""Of the method "auto" on two processor cores without a graphics card, measured: docs/evaluation."""


class PanelCost:
    """The line above Register, and the tool tip of the devices.

    Args:
        line: of text; hidden where nothing is known.
        devices: lets the user choose one.
    """

    def __init__(self, line: qt.QLabel, devices: qt.QComboBox) -> None:
        self._line, self._devices = line, devices
        self._purpose = devices.toolTip
        self._known: dict[Way, Cost] = {}

    def learn(self, way: Way, subject: slicer.vtkMRMLNode | None, outcome: RegistrationOutcome) -> None:
        """Remembers what a registration took on this computer."""
        if outcome.seconds is not None and subject is not None:
            self._known[way] = Cost(outcome.seconds, outcome.memoryMb, voxelsOf(subject))

    def show(
        self, way: Way | None, subject: slicer.vtkMRMLNode | None, found: Mapping[str, Mapping[str, object]]
    ) -> None:
        """Says what to expect.

        Args:
            way: that is chosen; None if the choices describe none.
            subject: that is chosen; None if there is none.
            found: devices that the worker found; empty before its first start.
        """
        text = self._expected(way, subject)
        self._line.text = text
        self._line.visible = bool(text)
        lines = [_deviceText(device) for device in found.values()]
        self._devices.toolTip = "\n".join([self._purpose, *lines]) if lines else self._purpose

    def _expected(self, way: Way | None, subject: slicer.vtkMRMLNode | None) -> str:
        voxels = voxelsOf(subject) if subject is not None else 0
        if way is None or not voxels:
            return ""
        known = self._known.get(way)
        if known is None:
            first = _FIRST_TIME.get(way.job) if way.method == "auto" else None
            if first is None:
                return _("Expected time: not measured yet. What is left is shown while it runs.")
            return _("Expected: {cost} on two processor cores; at the first start some seconds more.").format(
                cost=_inWords(first)
            )
        if abs(voxels / known.voxels - 1) < _SAME_SIZE:
            return _("Expected: {cost}, as the last time.").format(cost=_inWords(known))
        return _(
            "The last time: {cost}, for {then:.2g} million voxels; now there are {now:.2g} million."
        ).format(cost=_inWords(known), then=known.voxels / 1e6, now=voxels / 1e6)


def voxelsOf(node: slicer.vtkMRMLNode) -> int:
    """Number of voxels of a volume, or of all volumes of a sequence."""
    if node.IsA("vtkMRMLSequenceNode"):
        count = node.GetNumberOfDataNodes()
        return count * voxelsOf(node.GetNthDataNode(0)) if count else 0
    if not node.IsA("vtkMRMLVolumeNode") or node.GetImageData() is None:
        return 0
    columns, rows, slices = dimensionsOf(node)
    return columns * rows * slices


def _inWords(cost: Cost) -> str:
    seconds = max(cost.seconds, _COUNTED)
    if seconds < _MINUTES_FROM_S:
        time = _("{count:.2g} s").format(count=seconds)
    else:
        time = _("{count} min").format(count=round(seconds / 60))
    if cost.memoryMb is None:
        return time
    return _("{time} and {count:.1f} GB of memory").format(time=time, count=cost.memoryMb / 1000)


def _deviceText(device: Mapping[str, object]) -> str:
    if device["free_mb"] is None:
        return str(device["title"])
    return _("{title}: {free:.1f} of {total:.1f} GB free").format(
        title=device["title"], free=device["free_mb"] / 1000, total=device["total_mb"] / 1000
    )
