"""Live: a CT is dragged before a C-arm, and its radiograph over the real one follows."""

import time
from collections.abc import Callable
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles
from DeepRegistrationSlicer.Follower import Follower, FollowEvent, FollowNews
from DeepRegistrationSlicer.MrmlBridge import matrixToWorld
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome
from DeepRegistrationSlicer.XrayCtRequest import XrayCtRequest, XrayPreview
from DeepRegistrationSlicer.XrayStage import XrayStage


class XrayFollower(Follower):
    """Projects a CT whenever it is moved, from `start` to `stop`.

    It stops by itself also when the worker ends, or the images cannot be used.

    Args:
        logic: gives the worker its jobs.
        request: the registration that may follow.
        stage: makes the nodes that are shown; called once.
        onNews: called on the main thread.
    """

    def __init__(
        self,
        logic: object,
        request: XrayCtRequest,
        stage: Callable[[], XrayStage],
        onNews: Callable[[FollowNews], None],
    ) -> None:
        super().__init__(logic, onNews, "its overlay follows no more")
        self._request, self._makeStage = request, stage
        self._stage: XrayStage | None = None
        self._files: XrayCtFiles | None = None

    def stop(self, message: str = "") -> None:
        """Ends it; the nodes that were shown are removed."""
        stage, self._stage = self._stage, None
        if stage is not None:
            self.removeObservers()
            stage.remove()
        super().stop(message)

    def _prepare(self, folder: Path) -> None:
        self._request.check()
        # once for all: the worker knows the images again by their files
        self._files = self._request.writeImages(folder)
        self._stage = self._makeStage()

    def _observe(self) -> None:
        ct = self._request.ct
        self._watch(ct, ct.TransformModifiedEvent)

    def _state(self) -> tuple:
        try:
            return (matrixToWorld(self._request.ct).tobytes(),)
        except RegistrationError as err:
            return (str(err),)

    def _neededNodes(self) -> list[slicer.vtkMRMLNode | None]:
        sources = self._request.radiographs
        return [self._request.ct, self._request.bones, *(source.volume for source in sources)]

    def _run(self) -> None:
        self._done, started_s = self._state(), time.monotonic()
        self._stage.follow()
        preview = XrayPreview(self._request, self._files, self._stage.update)
        try:
            self._logic.startRegistration(
                preview,
                onFinished=lambda outcome: self._onFinished(outcome, started_s),
                waitForCompletion=False,
            )
        except RegistrationError as err:
            self._say(FollowEvent.FAILED, str(err))

    def _onFinished(self, outcome: RegistrationOutcome, started_s: float) -> None:
        if not self.isRunning:
            return
        if outcome.nodes is not None:
            self._durations_s.append(time.monotonic() - started_s)
            self._say(FollowEvent.MOVED)
        else:
            self._onWithoutResult(outcome)
