"""What a tab of the panel is: a form, its choices, the request they make, the node whose result is shown."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import qt
import slicer

from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.PanelProgress import PanelProgress
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.Request import Request
from DeepRegistrationSlicer.ResultNodes import ResultNodes


@dataclass(frozen=True)
class PanelServices:
    """What a tab may ask of the panel.

    Attributes:
        logic: runs registrations.
        progress: bar and status line.
        parameters: the user's choices; None while the panel is not bound to them.
        attempt: does what the user asked for; says in the panel what went wrong. True if nothing did.
        refresh: shows buttons and result as they are now.
    """

    logic: RegistrationLogic
    progress: PanelProgress
    parameters: Callable[[], RegistrationParameters | None]
    attempt: Callable[[Callable[[], None]], bool]
    refresh: Callable[[], None]


class PanelPage(Protocol):
    """One tab; Register, Cancel, progress and result are shared by all.

    Attributes:
        form: name of its form.
        parts: shared form -> name of the widget in the form that it is put into.
        pack: name of its choices in the parameter node.
        purpose: what Register does, for its tool tip.
        downloadButton: of what the job needs from the network; None if nothing.
        isLive: true while it registers by itself, again and again.
        showsIn3D: true if its results have views of their own.
    """

    form: str
    parts: dict[str, str]
    pack: str
    purpose: str
    downloadButton: qt.QPushButton | None
    isLive: bool
    showsIn3D: bool

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen."""

    def request(self, parameters: RegistrationParameters) -> Request:
        """The registration that the choices describe."""

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The node whose latest result is shown."""

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""

    def show(self, result: ResultNodes) -> None:
        """Shows a result in the views."""

    def stopLive(self) -> None:
        """Registers no more by itself."""

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
