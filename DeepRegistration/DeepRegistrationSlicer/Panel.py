"""The panel: binds widgets to parameters, starts and cancels registrations, shows what comes of them."""

from collections.abc import Callable
from types import SimpleNamespace

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.util import VTKObservationMixin

from DeepRegistrationLib.errors import Cancelled, RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationLib.sample_data import FETAL_ATLAS, catalogue
from DeepRegistrationSlicer import PanelConnectors  # noqa: F401 - its import registers the connectors
from DeepRegistrationSlicer.Choices import JobChoice
from DeepRegistrationSlicer.Dependencies import installDependencies
from DeepRegistrationSlicer.NetworkList import showNetworks
from DeepRegistrationSlicer.PanelBiplanar import PanelBiplanar
from DeepRegistrationSlicer.PanelCost import PanelCost, Way
from DeepRegistrationSlicer.PanelFetalSlice import PanelFetalSlice
from DeepRegistrationSlicer.PanelFetalVolume import PanelFetalVolume
from DeepRegistrationSlicer.PanelForms import PanelForm, widgetsByParameter
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelPage import PanelPage, PanelServices
from DeepRegistrationSlicer.PanelProgress import PanelProgress
from DeepRegistrationSlicer.PanelResult import PanelResult
from DeepRegistrationSlicer.PanelTabOrder import orderTabKey
from DeepRegistrationSlicer.PanelUltrasound import PanelUltrasound
from DeepRegistrationSlicer.PanelXrayCt import PanelXrayCt
from DeepRegistrationSlicer.Parameters import RegistrationParameters, parametersOf
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome
from DeepRegistrationSlicer.SampleFetch import SampleFetch
from DeepRegistrationSlicer.Terms import agreeToTerms, partsOf

PAGES: dict[JobChoice, type] = {
    JobChoice.FETAL_VOLUME: PanelFetalVolume,
    JobChoice.FETAL_SLICE: PanelFetalSlice,
    JobChoice.XRAY_CT: PanelXrayCt,
    JobChoice.BIPLANAR: PanelBiplanar,
    JobChoice.US_ANGLES: PanelUltrasound,
}
"""The tabs; a new job adds its own here."""


class Panel(VTKObservationMixin):
    """Everything between the widgets and the logic.

    Attributes:
        forms: widgets of each tab.
        pages: behaviour of each tab.

    Args:
        ui: widgets that all tabs share, by name.
        load: makes the widget of a form from its name.
        logic: starts registrations; has the parameter node.
        isShown: true while the user looks at the panel.
    """

    def __init__(
        self,
        ui: SimpleNamespace,
        load: Callable[[str], qt.QWidget],
        logic: object,
        isShown: Callable[[], bool],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.ui = ui
        self.logic = logic
        self._isShown = isShown
        self._parameters: RegistrationParameters | None = None
        self._guiTag: int | None = None
        self._fetch: SampleFetch | None = None
        self._progress = PanelProgress(ui.progressBar, ui.statusLabel)
        self._result = PanelResult(ui, self.onMoved)
        self._cost = PanelCost(ui.costLabel, ui.deviceSelector)
        self.forms: dict[JobChoice, PanelForm] = {}
        self.pages: dict[JobChoice, PanelPage] = {}
        services = PanelServices(
            logic,
            self._progress,
            lambda: self._parameters,
            self._attempt,
            self._showState,
            lambda: self._attempt(self._register),
        )
        for job in JobChoice:
            form = PanelForm(load, PAGES[job].form, PAGES[job].parts, PAGES[job].repeats)
            self.forms[job], self.pages[job] = form, PAGES[job](form, services)
            ui.jobTabs.addTab(form.widget, job.label())
            form.setMRMLScene(slicer.mrmlScene)
            if self.pages[job].downloadButton is not None:
                self.pages[job].downloadButton.clicked.connect(self.onDownloadButton)
        orderTabKey(ui.jobTabs.parentWidget())
        ui.registerButton.clicked.connect(self.onRegisterButton)
        ui.viewButton.clicked.connect(self.onViewButton)
        ui.networksButton.clicked.connect(self.onNetworksButton)
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(scene, scene.EndCloseEvent, self.onSceneChanged)
        self.addObserver(scene, scene.EndImportEvent, self.onSceneChanged)
        self.addObserver(scene, scene.EndRestoreEvent, self.onSceneChanged)
        self.addObserver(scene, scene.NodeRemovedEvent, self.onNodeRemoved)
        self.enter()

    @property
    def parameters(self) -> RegistrationParameters | None:
        """The user's choices; None while the panel is not bound to them."""
        return self._parameters

    @property
    def page(self) -> PanelPage:
        """The tab shown."""
        return self.pages[self._parameters.job if self._parameters is not None else JobChoice.FETAL_VOLUME]

    def enter(self) -> None:
        """The user opens the panel: bind it to the parameter node, preselect what is obvious."""
        self._bind(parametersOf(self.logic.getParameterNode()))
        for page in self.pages.values():
            page.preselect(self._parameters)
        self._result.show(self.page.subject(self._parameters))

    def exit(self) -> None:
        """The user opens another module: a job goes on, a slice is followed on, the widgets rest."""
        self._bind(None)

    def cleanup(self) -> None:
        """The panel is destroyed: nothing may call it any more."""
        self._closePages()
        self._bind(None)
        self.removeObservers()
        if self._fetch is not None:
            self._fetch.cancel()
        self.logic.shutdown()

    def onSceneStartClose(self, caller: object, event: object) -> None:
        """The scene is about to be closed: its parameter node goes with it. The logic cancels its job."""
        self._closePages()
        self._bind(None)

    def onSceneChanged(self, caller: object, event: object) -> None:
        """The scene was closed or loaded, or a step undone: other nodes, and other values in them."""
        self._result.show(None)
        if self._isShown():
            self.enter()

    def onNodeRemoved(self, caller: object, event: object) -> None:
        """A result without one of its nodes is shown as what is left of it."""
        shown = self._result.nodes
        if shown is not None and any(node.GetScene() is None for node in shown.nodes()):
            self._showState()

    def onRegisterButton(self) -> None:
        """Starts a registration, or cancels the one under way."""
        if self.page.isLive:
            self.page.stopLive()
        elif self._isRegistering:
            self._progress.begin(_("Cancelling..."))
            self.ui.registerButton.enabled = False
            self.logic.job.cancel()
        else:
            self._attempt(self._register)

    def onFinished(self, outcome: RegistrationOutcome, page: PanelPage) -> None:
        """Shows how a registration ended."""
        if outcome.nodes is not None:
            # the confidence line says it all
            self._progress.end()
            page.show(outcome.nodes)
        elif outcome.exitCode == ExitCode.CANCELLED:
            self._progress.end(outcome.message)
        else:
            self._progress.end(outcome.message, Tone.PROBLEM)
        self._showState()

    def onMoved(self) -> None:
        """The user has chosen before, after, or another pose."""
        self._result.show(self._result.nodes.subject)
        self.page.show(self._result.nodes)

    def onViewButton(self) -> None:
        """Shows the result in the views of its job."""
        self.page.show(self._result.nodes)

    def onNetworksButton(self) -> None:
        """Tells which trained networks there are."""
        try:
            showNetworks()
        except RegistrationError as err:
            self._progress.end(str(err), Tone.PROBLEM)

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

    @property
    def _isRegistering(self) -> bool:
        """True while a job runs that the user waits for."""
        return self.logic.job is not None and not self.page.isPreviewing

    def _register(self) -> None:
        page = self.page
        if page.isPreviewing:
            page.stopLive()
            if self.logic.job is not None:
                # what was shown is cancelled already: its end takes a moment
                self.logic.job.wait()
        request, way, subject = page.request(self._parameters), self._way(), page.subject(self._parameters)

        def onFinished(outcome: RegistrationOutcome) -> None:
            self._cost.learn(way, subject, outcome)
            self.onFinished(outcome, page)

        self.logic.startRegistration(
            request,
            lambda progress: self.onProgress(progress, page),
            onFinished,
            waitForCompletion=False,
            onEnding=page.onEnding,
        )
        page.onStarted(request)

    def onProgress(self, progress: Progress, page: PanelPage) -> None:
        """Shows how far a registration is."""
        self._progress.show(progress)
        page.onProgress(progress)

    def _attempt(self, action: Callable[[], None]) -> bool:
        """What the user can do something about is said in the panel; the rest is an error of the program."""
        isDone = False
        self._progress.begin(_("Starting..."))
        try:
            with slicer.util.tryWithErrorDisplay(_("The registration could not be started.")):
                try:
                    installDependencies()
                    agreeToTerms(partsOf(self._parameters))
                    action()
                    isDone = True
                except Cancelled:
                    self._progress.end(_("Nothing was installed. Press Register to be asked again."))
                except RegistrationError as err:
                    self._progress.end(str(err), Tone.PROBLEM)
        finally:
            if self.logic.job is None:
                self._progress.hideBar()
            self._update()
        return isDone

    def _closePages(self) -> None:
        for page in self.pages.values():
            page.cleanup()

    def _bind(self, parameters: RegistrationParameters | None) -> None:
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
            node = self._parameters.parameterNode
            self.removeObserver(node, vtk.vtkCommand.ModifiedEvent, self._onModified)
        self._parameters = parameters
        if parameters is not None:
            widgets = widgetsByParameter(self.ui)
            for job, form in self.forms.items():
                widgets |= form.widgetsByParameter(self.pages[job].pack)
            self._guiTag = parameters.connectParametersToGui(widgets)
            # the node, not its wrapper: the observer would keep the wrapper, which goes on reading the node
            self.addObserver(parameters.parameterNode, vtk.vtkCommand.ModifiedEvent, self._onModified)
            self._update()

    def _onModified(self, caller: object, event: object) -> None:
        self._showState()

    def _showState(self) -> None:
        """Buttons and result as they are now."""
        self._update()
        if self._parameters is not None:
            self._result.show(self.page.subject(self._parameters))

    def _update(self) -> None:
        """Register says why it cannot be pressed; Cancel takes its place while a job runs."""
        button, page, isLive = self.ui.registerButton, self.page, self.page.isLive
        isRunning = self._isRegistering or isLive
        button.text = _("Stop following") if isLive else _("Cancel") if isRunning else _("Register")
        self.ui.viewButton.visible = page.showsIn3D
        self.ui.viewButton.toolTip = page.viewPurpose
        if isRunning:
            button.enabled = True
            button.toolTip = (
                _("Follow no more.") if isLive else _("Stop the registration; nothing is changed.")
            )
        elif self._parameters is not None:
            reason = self._reasonNotToRegister()
            button.enabled = reason is None and self._fetch is None
            button.toolTip = reason or page.purpose
            if self._fetch is None:
                self._progress.hint(reason or "")
        self._fitTabs(page)
        # a job of one tab is cancelled before another is chosen
        self.ui.jobTabs.tabBar().enabled = not (isRunning or page.isPreviewing)
        if self._parameters is not None:
            self._cost.show(self._way(), page.subject(self._parameters), self.logic.devices)
            for other in self.pages.values():
                other.update(self._parameters, self._fetch is not None)

    def _way(self) -> Way | None:
        """What time and memory of the registration depend on; None where the choices describe none."""
        try:
            method = self.page.request(self._parameters).settings.method
        except RegistrationError:
            return None
        return Way(self._parameters.job, str(method), self._parameters.device)

    def _fitTabs(self, shown: PanelPage) -> None:
        """The tabs are as high as the one shown, not as the highest."""
        for job, page in self.pages.items():
            height = qt.QSizePolicy.Preferred if page is shown else qt.QSizePolicy.Ignored
            self.forms[job].widget.setSizePolicy(qt.QSizePolicy.Preferred, height)

    def _reasonNotToRegister(self) -> str | None:
        try:
            self.page.request(self._parameters).check()
        except RegistrationError as err:
            return str(err)
        return None
