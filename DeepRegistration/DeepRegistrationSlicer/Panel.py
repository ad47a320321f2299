"""The panel: binds widgets to parameters, starts and cancels registrations, shows what comes of them."""

from collections.abc import Callable

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.sample_data import FETAL_ATLAS, catalogue
from DeepRegistrationSlicer import PanelConnectors  # noqa: F401 - its import registers the connector
from DeepRegistrationSlicer.Dependencies import installDependencies
from DeepRegistrationSlicer.PanelFetalVolume import PanelFetalVolume
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelProgress import PanelProgress
from DeepRegistrationSlicer.PanelResult import PanelResult
from DeepRegistrationSlicer.Parameters import RegistrationParameters, parametersOf, requestOf
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome
from DeepRegistrationSlicer.SampleFetch import SampleFetch


class Panel(VTKObservationMixin):
    """Everything between the widgets and the logic.

    Args:
        ui: widgets by name.
        logic: starts registrations; has the parameter node.
        isShown: true while the user looks at the panel.
    """

    def __init__(self, ui: object, logic: object, isShown: Callable[[], bool]) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.logic = logic
        self._isShown = isShown
        self._parameters: RegistrationParameters | None = None
        self._guiTag: int | None = None
        self._fetch: SampleFetch | None = None
        self._progress = PanelProgress(ui.progressBar, ui.statusLabel)
        self._page = PanelFetalVolume(ui)
        self._result = PanelResult(ui)
        ui.registerButton.clicked.connect(self.onRegisterButton)
        ui.downloadButton.clicked.connect(self.onDownloadButton)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneChanged)
        self.enter()

    @property
    def parameters(self) -> RegistrationParameters | None:
        """The user's choices; None while the panel is not bound to them."""
        return self._parameters

    def enter(self) -> None:
        """The user opens the panel: bind it to the parameter node, preselect the first volume."""
        self._bind(parametersOf(self.logic.getParameterNode()))
        chosen = self._parameters.fetalVolume
        if chosen.subject is None:
            chosen.subject = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode")
        self._result.show(chosen.subject)

    def exit(self) -> None:
        """The user opens another module: a job goes on, the widgets rest."""
        self._bind(None)

    def cleanup(self) -> None:
        """The panel is destroyed: nothing may call it any more."""
        self._bind(None)
        self.removeObservers()
        if self._fetch is not None:
            self._fetch.cancel()
        self.logic.shutdown()

    def onSceneStartClose(self, caller: object, event: object) -> None:
        """The scene is about to be closed: its parameter node goes with it. The logic cancels its job."""
        self._bind(None)

    def onSceneChanged(self, caller: object, event: object) -> None:
        """The scene was closed or loaded: it has another parameter node, or other values in it."""
        self._result.show(None)
        if self._isShown():
            self.enter()

    def onRegisterButton(self) -> None:
        """Starts a registration, or cancels the one under way."""
        if self.logic.job is not None:
            self._progress.begin(_("Cancelling..."))
            self.ui.registerButton.enabled = False
            self.logic.job.cancel()
            return
        self._progress.begin(_("Starting..."))
        try:
            with slicer.util.tryWithErrorDisplay(_("The registration could not be started.")):
                self._start()
        finally:
            if self.logic.job is None:
                self._progress.hideBar()
            self._update()

    def onFinished(self, outcome: RegistrationOutcome) -> None:
        """Shows how a registration ended."""
        if outcome.nodes is not None:
            # the confidence line says it all
            self._progress.end()
            self._result.show(outcome.nodes.subject)
            self._result.showInSliceViews()
        elif outcome.exitCode == ExitCode.CANCELLED:
            self._progress.end(outcome.message)
        else:
            self._progress.end(outcome.message, Tone.PROBLEM)
        self._update()

    def onDownloadButton(self) -> None:
        """Downloads the atlas, or stops doing so."""
        if self._fetch is not None:
            self._fetch.cancel()
            return
        self._progress.begin(_("Downloading the atlas..."))
        self._fetch = SampleFetch(catalogue()[FETAL_ATLAS], self._progress.show, self.onDownloaded)
        self._update()

    def onDownloaded(self, problem: str | None) -> None:
        """Shows how the download ended."""
        self._fetch = None
        self._progress.end(problem or "", Tone.PROBLEM if problem else Tone.PLAIN)
        self._update()

    def _start(self) -> None:
        """What the user can do something about is said in the panel; the rest is an error of the program."""
        try:
            installDependencies()
            self.logic.startRegistration(
                requestOf(self._parameters), self._progress.show, self.onFinished, waitForCompletion=False
            )
        except Cancelled:
            self._progress.end(_("Nothing was installed. Press Register to be asked again."))
        except RegistrationError as err:
            self._progress.end(str(err), Tone.PROBLEM)

    def _bind(self, parameters: RegistrationParameters | None) -> None:
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
            node = self._parameters.parameterNode
            self.removeObserver(node, vtk.vtkCommand.ModifiedEvent, self._onModified)
        self._parameters = parameters
        if parameters is not None:
            self._guiTag = parameters.connectGui(self.ui)
            # the node, not its wrapper: the observer would keep the wrapper, which goes on reading the node
            self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onModified)
            self._update()

    def _onModified(self, caller: object, event: object) -> None:
        self._update()
        if self._parameters is not None:
            self._result.show(self._parameters.fetalVolume.subject)

    def _update(self) -> None:
        """Register says why it cannot be pressed; Cancel takes its place while a job runs."""
        button, isRunning = self.ui.registerButton, self.logic.job is not None
        button.text = _("Cancel") if isRunning else _("Register")
        self.ui.downloadButton.text = _("Cancel") if self._fetch is not None else self._page.downloadText
        if isRunning:
            button.enabled = True
            button.toolTip = _("Stop the registration; nothing is changed.")
        elif self._parameters is not None:
            reason = self._reasonNotToRegister()
            button.enabled = reason is None and self._fetch is None
            button.toolTip = reason or _("Lay the fetal brain into the atlas.")
            if self._fetch is None:
                self._progress.hint(reason or "")
        if self._parameters is not None:
            self._page.update(self._parameters.fetalVolume)

    def _reasonNotToRegister(self) -> str | None:
        try:
            requestOf(self._parameters).check()
        except RegistrationError as err:
            return str(err)
        return None
