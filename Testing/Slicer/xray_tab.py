"""What a user does with the tab of radiographs, and what is there for a while only."""

import slicer
from DeepRegistrationSlicer.Choices import JobChoice
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.XrayStage import LIVE

_FIELDS = (
    "sourceToDetector",
    "sourceToIsocentre",
    "primaryAngle",
    "secondaryAngle",
    "columnSpacing",
    "rowSpacing",
)


class XrayTab:
    """The open tab.

    Attributes:
        user: of the panel.
        first: widgets of the first radiograph, by name.
        second: widgets of the second one.
    """

    def __init__(self, user) -> None:
        self.user = user
        self.ui, self.logic, self.panel = user.ui, user.logic, user.panel
        self.first, self.second = (
            user.panel.forms[JobChoice.XRAY_CT].repeats[name] for name in ("first", "second")
        )

    @property
    def chosen(self):
        return self.user.parameters.xrayCt

    @property
    def request(self):
        return self.panel.page.request(self.user.parameters)

    def enter(self, form, numbers) -> None:
        """Types the numbers of a C-arm."""
        for name in _FIELDS:
            getattr(form, f"{name}SpinBox").value = getattr(numbers, name)


def liveNodes() -> list:
    """Nodes that are there while something is dragged or registered."""
    found = slicer.util.getNodesByClass("vtkMRMLNode")
    return [node for node in found if node.GetAttribute(LIVE)]


def shiftOf(volume) -> float:
    """How far a volume's transform moves it along x [mm]."""
    return matrixOf(volume.GetParentTransformNode())[0, 3]
