"""The part of the result that offers the poses that fit: one button each, with its probability."""

from collections.abc import Callable

from slicer.i18n import tr as _

from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SlicePose import Hypothesis, hypothesesOf, movePose, shownHypothesis


class PanelPoses:
    """Shows two poses and switches between them; hidden where there is one only.

    Args:
        ui: widgets of the panel by name.
        onMoved: called when the user has chosen another pose.
    """

    def __init__(self, ui: object, onMoved: Callable[[], None]) -> None:
        self._ui, self._onMoved = ui, onMoved
        self._buttons = (ui.firstPoseButton, ui.secondPoseButton)
        self._result: ResultNodes | None = None
        self._hypotheses: list[Hypothesis] = []
        for number, button in enumerate(self._buttons):
            button.clicked.connect(lambda *_, number=number: self.onPose(number))

    def show(self, result: ResultNodes | None) -> None:
        """Shows the poses of a result."""
        self._result = result
        hasTransform = result is not None and result.transform is not None
        self._hypotheses = hypothesesOf(result) if hasTransform else []
        self._ui.posesWidget.visible = bool(self._hypotheses)
        shown = shownHypothesis(result, self._hypotheses) if self._hypotheses else None
        for number, button in enumerate(self._buttons[: len(self._hypotheses)]):
            probability = 100 * self._hypotheses[number].probability
            button.text = _("Pose {number}: {probability:.0f} %").format(
                number=number + 1, probability=probability
            )
        # of exclusive buttons none can be unchecked while they are exclusive
        for button in self._buttons:
            button.autoExclusive = False
        for number, button in enumerate(self._buttons):
            button.checked = number == shown
        for button in self._buttons:
            button.autoExclusive = True

    def onPose(self, number: int) -> None:
        """Lays the slice at one of the poses."""
        movePose(self._result, self._hypotheses[number].atlasFromSlice)
        self._result.apply()
        self._onMoved()
