"""The bar that shows how far a job is, and the line under it."""

import qt
from slicer.i18n import tr as _

from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.PanelMessage import Tone, showMessage

_STEPS = 1000


class PanelProgress:
    """Progress bar and status line of the panel.

    Args:
        bar: hidden while nothing runs.
        status: line of text.
    """

    def __init__(self, bar: qt.QProgressBar, status: qt.QLabel) -> None:
        self._bar, self._status = bar, status
        self._hint = ""
        self._bar.setRange(0, _STEPS)
        self.end()

    def begin(self, text: str) -> None:
        """Shows an empty bar."""
        self._bar.visible = True
        self._bar.value = 0
        self._bar.format = "%p%"
        showMessage(self._status, text)

    def show(self, progress: Progress) -> None:
        """Shows how far it is, in percent, words and seconds."""
        self._bar.value = round(_STEPS * progress.fraction)
        left = _timeLeft(progress.seconds_left)
        self._bar.format = f"%p%  -  {left}" if left else "%p%"
        showMessage(self._status, progress.text)

    def end(self, text: str = "", tone: Tone = Tone.PLAIN) -> None:
        """Hides the bar; the text stays."""
        self.hideBar()
        showMessage(self._status, text, tone)

    def hideBar(self) -> None:
        """Nothing runs."""
        self._bar.visible = False

    def hint(self, text: str) -> None:
        """Says what the user has to do.

        It replaces the hint before it, and with an empty text takes it away; another message stays until the
        hint changes.
        """
        shown = self._status.text
        if (text and (text != self._hint or not shown)) or shown == self._hint:
            showMessage(self._status, text)
        self._hint = text


def _timeLeft(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 1:
        return _("less than a second left")
    if seconds < 100:
        return _("{count} s left").format(count=round(seconds))
    return _("{count} min left").format(count=round(seconds / 60))
