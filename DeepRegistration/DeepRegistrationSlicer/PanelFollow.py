"""The part of a tab that follows something live: a check box, and how often it comes to a result."""

from collections.abc import Callable
from dataclasses import dataclass

from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationSlicer.Follower import Follower, FollowEvent, FollowNews
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.Request import Request


@dataclass(frozen=True)
class Followed:
    """What a tab follows.

    Attributes:
        request: makes the request that the choices describe.
        key: of a request; following stops when it changes.
        make: a follower of a request, and whom it tells its news.
        onMoved: called with each new result, and whether it is the first.
        rate: how often, with `{rate}` for the number per second; `{dropped}` is how many changes were passed
            over.
    """

    request: Callable[[RegistrationParameters], Request]
    key: Callable[[Request], tuple]
    make: Callable[[Request, Callable[[FollowNews], None]], Follower]
    onMoved: Callable[[FollowNews, bool], None]
    rate: str


class PanelFollow:
    """Starts and stops a follower.

    Args:
        ui: widgets of the tab by name: `followCheckBox` and `rateLabel`.
        services: of the panel.
        followed: what is followed.
    """

    def __init__(self, ui: object, services: PanelServices, followed: Followed) -> None:
        self._ui, self._services, self._followed = ui, services, followed
        self._follower: Follower | None = None
        self._key: tuple | None = None
        self._isFirst = True
        ui.followCheckBox.toggled.connect(self.onToggled)

    @property
    def isRunning(self) -> bool:
        """True while something is followed."""
        return self._follower is not None

    def update(self, parameters: RegistrationParameters) -> None:
        """Stops if something else was chosen; says why the box cannot be checked."""
        request = self._followed.request(parameters)
        if self.isRunning and self._followed.key(request) != self._key:
            self.stop()
        reason = None
        try:
            request.check()
        except RegistrationError as err:
            reason = str(err)
        isBusy = self._services.logic.job is not None and not self.isRunning
        self._ui.followCheckBox.enabled = self.isRunning or (reason is None and not isBusy)

    def onToggled(self, isChecked: bool) -> None:
        """The user checked or unchecked the box."""
        if not isChecked:
            self.stop()
        elif not self.isRunning and not self._services.attempt(self._start):
            self._ui.followCheckBox.checked = False
        self._services.refresh()

    def stop(self) -> None:
        """Follows no more."""
        if self._follower is not None:
            self._follower.stop()

    def onNews(self, news: FollowNews) -> None:
        """Shows what the follower has to say."""
        progress = self._services.progress
        if news.event == FollowEvent.STOPPED:
            self._follower = None
            self._ui.followCheckBox.checked = False
            self._ui.rateLabel.text = ""
            progress.end(news.message, Tone.WARNING if news.message else Tone.PLAIN)
        elif news.event == FollowEvent.SEARCHING:
            progress.begin(_("Searching all poses..."))
        else:
            tone = Tone.WARNING if news.event == FollowEvent.FAILED else Tone.PLAIN
            progress.end(news.message, tone)
            rate = self._followed.rate.format(rate=news.rate or 0.0, dropped=news.dropped)
            self._ui.rateLabel.text = rate if news.rate is not None else ""
        if news.event == FollowEvent.MOVED:
            self._followed.onMoved(news, self._isFirst)
            self._isFirst = False
        self._services.refresh()

    def _start(self) -> None:
        request = self._followed.request(self._services.parameters())
        follower = self._followed.make(request, self.onNews)
        self._isFirst = True
        follower.start()
        self._follower, self._key = follower, self._followed.key(request)
