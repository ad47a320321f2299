"""What a tab of the panel is: a form, its choices, the request they make, the node whose result is shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import qt
import slicer

from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.PanelForms import PanelForm
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
        register: registers by the choices, as the button does.
    """

    logic: RegistrationLogic
    progress: PanelProgress
    parameters: Callable[[], RegistrationParameters | None]
    attempt: Callable[[Callable[[], None]], bool]
    refresh: Callable[[], None]
    register: Callable[[], None]


class PanelPage:
    """One tab; Register, Cancel, progress and result are shared by all. Base class of the pages.

    Attributes:
        form: name of its form.
        parts: shared form -> name of the widget in the form that it is put into.
        repeats: choices within its pack -> (form, name of the widget that it is put into): a form that is
            there more than once, bound to other choices each time.
        pack: name of its choices in the parameter node.
        purpose: what Register does, for its tool tip.
        viewPurpose: what the views of its results show, for the tool tip of their button.
        downloadButton: of what the job needs from the network; None if nothing.
        isLive: true while it registers by itself, again and again; Register stops it.
        isPreviewing: true while it shows something by itself; Register takes its place.
        showsIn3D: true if its results have views of their own.

    Args:
        form: widgets of the tab.
        services: of the panel.
    """

    form: str
    parts: Mapping[str, str] = MappingProxyType({})
    repeats: Mapping[str, tuple[str, str]] = MappingProxyType({})
    pack: str
    purpose: str
    viewPurpose = ""
    downloadButton: qt.QPushButton | None = None
    isLive = False
    isPreviewing = False
    showsIn3D = False

    def __init__(self, form: PanelForm, services: PanelServices) -> None:
        self._ui, self._services = form.ui, services

    def preselect(self, parameters: RegistrationParameters) -> None:
        """Chooses what is obvious, where nothing is chosen."""
        raise NotImplementedError

    def request(self, parameters: RegistrationParameters) -> Request:
        """The registration that the choices describe."""
        raise NotImplementedError

    def subject(self, parameters: RegistrationParameters) -> slicer.vtkMRMLNode | None:
        """The node whose latest result is shown."""
        raise NotImplementedError

    def update(self, parameters: RegistrationParameters, isDownloading: bool) -> None:
        """Shows the widgets that belong to the choices."""
        raise NotImplementedError

    def show(self, result: ResultNodes) -> None:
        """Shows a result in the views."""
        raise NotImplementedError

    def onStarted(self, request: Request) -> None:
        """A registration was started."""

    def onProgress(self, progress: Progress) -> None:
        """A registration has come further."""

    def onEnding(self, exitCode: ExitCode) -> None:
        """A registration has ended; its result, if there is one, is not in the scene yet."""

    def stopLive(self) -> None:
        """Registers, or shows, no more by itself."""

    def cleanup(self) -> None:
        """The scene is closed, or the panel destroyed: hears of nodes no more."""
