"""The button that downloads a sample, loads it and registers it, in one press."""

from collections.abc import Callable

import qt
from slicer.i18n import tr as _

from DeepRegistrationLib.sample_data import Sample
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.SampleFetch import SampleFetch


class SampleButton:
    """A push button of a tab; its tool tip gets size, licence and source of the sample.

    Args:
        button: of the form; its text and tool tip say what it does.
        services: of the panel.
        sample: tells what has to be downloaded.
        load: loads what was downloaded, and makes the choices for it.
    """

    def __init__(
        self,
        button: qt.QPushButton,
        services: PanelServices,
        sample: Callable[[], Sample],
        load: Callable[[RegistrationParameters], None],
    ) -> None:
        self._button, self._services = button, services
        self._sample, self._load = sample, load
        self._fetch: SampleFetch | None = None
        self._text = button.text
        button.toolTip = _sampleInWords(button.toolTip, sample())
        button.clicked.connect(self.onPressed)

    def update(self, isEnabled: bool) -> None:
        """Shows what a press does now.

        Args:
            isEnabled: a registration could be started now.
        """
        self._button.text = _("Stop the download") if self._fetch is not None else self._text
        self._button.enabled = isEnabled

    def onPressed(self) -> None:
        """Downloads the sample, loads and registers it; or stops the download."""
        if self._fetch is not None:
            self._fetch.cancel()
            return
        self._services.progress.begin(_("Downloading the sample..."))
        self._fetch = SampleFetch(self._sample(), self._services.progress.show, self.onThere)
        self._services.refresh()

    def onThere(self, problem: str | None) -> None:
        """The download has ended: with an empty text, a problem, or None where it was stopped."""
        self._fetch = None
        parameters = self._services.parameters()
        self._services.progress.end(problem or "", Tone.PROBLEM if problem else Tone.PLAIN)
        if problem == "" and parameters is not None:
            if self._services.attempt(lambda: self._load(parameters)):
                self._services.register()
            return
        self._services.refresh()

    def cancel(self) -> None:
        """Stops a download that is under way."""
        if self._fetch is not None:
            self._fetch.cancel()


def _sampleInWords(text: str, sample: Sample) -> str:
    """What the button does, with size, licence and source of what it brings."""
    return _(
        "{text} {size:.1f} MB, {licence}, from {source}; kept in the data folder of your account."
    ).format(text=text, size=sample.size_bytes / 1e6, licence=sample.licence, source=sample.source)
