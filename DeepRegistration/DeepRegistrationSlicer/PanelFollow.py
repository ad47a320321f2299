"""The part of the slice tab that follows a slice live: a check box, and how often the pose is found."""

from collections.abc import Callable

from slicer.i18n import tr as _

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.PanelMessage import Tone
from DeepRegistrationSlicer.PanelPage import PanelServices
from DeepRegistrationSlicer.Parameters import RegistrationParameters
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SliceFollower import FollowEvent, FollowNews, SliceFollower
from DeepRegistrationSlicer.SliceInAtlasView import areShown, placeViews


class PanelFollow:
    """Starts and stops a follower.

    Args:
        ui: widgets of the tab by name.
        services: of the panel.
        request: makes the request that the choices describe.
        show: shows a result in the views.
    """

    def __init__(
        self,
        ui: object,
        services: PanelServices,
        request: Callable[[RegistrationParameters], FetalSliceRequest],
        show: Callable[[ResultNodes], None],
    ) -> None:
        self._ui, self._services, self._request, self._show = ui, services, request, show
        self._follower: SliceFollower | None = None
        self._key: tuple | None = None
        self._isShown = False
        ui.followCheckBox.toggled.connect(self.onToggled)

    @property
    def isRunning(self) -> bool:
        """True while a slice is followed."""
        return self._follower is not None

    def update(self, parameters: RegistrationParameters) -> None:
        """Stops if another slice was chosen; says why the box cannot be checked."""
        if self.isRunning and self._keyOf(self._request(parameters)) != self._key:
            self.stop()
        reason = None
        try:
            self._request(parameters).check()
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
            progress.end(_message(news), tone)
            self._ui.rateLabel.text = _rate(news.rate)
        if news.event == FollowEvent.MOVED and news.result is not None:
            if not self._isShown:
                # from now on the views are the user's
                self._isShown = True
                self._show(news.result)
            elif areShown():
                placeViews(news.result)
        self._services.refresh()

    def _start(self) -> None:
        request = self._request(self._services.parameters())
        follower = SliceFollower(self._services.logic, request, self.onNews, self._services.progress.show)
        follower.start()
        self._isShown = False
        self._follower, self._key = follower, self._keyOf(request)

    @staticmethod
    def _keyOf(request: FetalSliceRequest) -> tuple:
        source = request.source
        return (source.volume.GetID() if source.volume is not None else None, source.number, source.view)


def _message(news: FollowNews) -> str:
    if news.event == FollowEvent.DOUBTFUL:
        return _("The pose found is not to be trusted; the slice stays where it was.")
    return news.message


def _rate(rate: float | None) -> str:
    return _("{rate:.1f} registrations per second").format(rate=rate) if rate is not None else ""
