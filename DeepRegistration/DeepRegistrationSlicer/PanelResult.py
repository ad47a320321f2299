"""The part of the panel that shows the latest result of a volume: confidence, before and after, report.

Everything comes from the scene, so that it is there again when a saved scene is opened.
"""

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationSlicer.BiplanarWords import outlineLines
from DeepRegistrationSlicer.PanelMessage import Tone, showMessage
from DeepRegistrationSlicer.PanelPoses import PanelPoses
from DeepRegistrationSlicer.ResultNodes import ResultNodes, findResult
from DeepRegistrationSlicer.UltrasoundWords import angleLines
from DeepRegistrationSlicer.XrayWords import residualLines


class PanelResult:
    """Shows and switches one result.

    Args:
        ui: widgets of the panel by name.
        onMoved: called when the user has moved the subject.
    """

    def __init__(self, ui: object, onMoved: Callable[[], None]) -> None:
        self._ui = ui
        self._onMoved = onMoved
        self._result: ResultNodes | None = None
        self._poses = PanelPoses(ui, onMoved)
        ui.beforeButton.clicked.connect(self.onBefore)
        ui.afterButton.clicked.connect(self.onAfter)
        ui.reportButton.clicked.connect(self.onReport)
        self.show(None)

    @property
    def nodes(self) -> ResultNodes | None:
        """What is shown; None if there is no result."""
        return self._result

    def show(self, subject: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """Shows the latest result of a volume, if there is one."""
        self._result = findResult(subject)
        self._poses.show(self._result)
        self._ui.resultCollapsibleButton.visible = self._result is not None
        if self._result is None:
            return
        self._showConfidence(self._result)
        isMovable = self._result.transform is not None
        for button in (self._ui.beforeButton, self._ui.afterButton):
            button.enabled = isMovable
        isApplied = self._result.isApplied()
        self._ui.afterButton.checked = isApplied
        self._ui.beforeButton.checked = isMovable and not isApplied
        self._ui.reportButton.enabled = self._result.report is not None

    def onBefore(self) -> None:
        """Puts the subject back to where it was before the registration."""
        self._result.undo()
        self._onMoved()

    def onAfter(self) -> None:
        """Puts the subject where the registration found it."""
        self._result.apply()
        self._onMoved()

    def onReport(self) -> None:
        """Opens the report in the web browser."""
        path = Path(slicer.app.temporaryPath) / f"{self._result.report.GetID()}.html"
        path.write_text(self._result.report.GetText(), encoding="utf-8")
        if not qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(path))):
            text = _("No web browser could be opened. The report is here: {path}").format(path=path)
            showMessage(self._ui.statusLabel, text, Tone.WARNING)

    def _showConfidence(self, result: ResultNodes) -> None:
        content = result.content()
        isLow = content["trust"] == "low"
        text = _("<b>Confidence {word} ({value:.2f}).</b> {reason}").format(
            word={"high": _("high"), "moderate": _("moderate"), "low": _("low")}[content["trust"]],
            value=content["confidence"],
            reason=content["confidence_reason"][:1].upper() + content["confidence_reason"][1:],
        )
        if isLow and not result.isApplied():
            text += " " + (
                _("The atlas was left as it was; 'After' shows the result nevertheless.")
                if content["job"] == JobKind.BIPLANAR
                else _("The image was left where it was; 'After' shows the result nevertheless.")
            )
        lines = [*residualLines(content), *outlineLines(content), *angleLines(content)]
        text += "".join(f"<br/>{line}" for line in lines)
        week = content["settings"].get("atlas_age_weeks")
        if week is not None:
            text += "<br/>" + _("Atlas of week {week:g}.").format(week=week)
        notes = "".join(f"<br/>{note}" for note in content.get("warnings", []))
        showMessage(self._ui.confidenceLabel, text + notes, Tone.WARNING if isLow else Tone.PLAIN)
