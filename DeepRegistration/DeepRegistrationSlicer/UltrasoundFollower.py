"""Live: frames arrive in an image node one after another, and the angle to the frame before follows."""

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationSlicer.Follower import Follower, FollowEvent, FollowNews
from DeepRegistrationSlicer.FrameSource import LEAST_FRAMES, pixelsOf
from DeepRegistrationSlicer.LiveFrames import LiveRequest
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome


@dataclass(frozen=True)
class LiveAngles:
    """What is known of the newest frame.

    Attributes:
        number: of the frame, from 0 for the first.
        toPrevious: turn of its content against the frame before [degrees]; None where that is not to be
            trusted.
        toFirst: sum of the turns since the first frame [degrees].
        refused: how many motions did not count.
    """

    number: int
    toPrevious: float | None
    toFirst: float
    refused: int


class UltrasoundFollower(Follower):
    """Registers each new frame to the one before, from `start` to `stop`.

    Of the frames that arrive during a registration only the latest counts; the others are dropped and
    counted. It stops by itself also when the worker ends.

    Args:
        logic: runs the registrations.
        request: the image node, and how its frames are registered.
        onNews: called on the main thread.
    """

    def __init__(self, logic: object, request: LiveRequest, onNews: Callable[[FollowNews], None]) -> None:
        super().__init__(logic, onNews, "its frames are followed no more")
        self._request = request
        self._last: deque[np.ndarray] = deque(maxlen=LEAST_FRAMES)
        self._seen = 0
        self._ended_s: float | None = None
        self.angles: LiveAngles | None = None

    def _prepare(self, folder: Path) -> None:
        self._request.check()
        # the worker knows the session by its name, and keeps what is the same for all frames
        settings = replace(self._request.settings, live=uuid.uuid4().hex)
        self._request = replace(self._request, settings=settings)

    def _observe(self) -> None:
        volume = self._request.source.subject
        self._watch(volume, volume.ImageDataModifiedEvent)

    def _onChanged(self, caller: object, event: object) -> None:
        stamp = self._stamp()
        # one frame may be told twice
        if stamp == self._seen:
            return
        self._seen = stamp
        self._dropped += self._isDirty
        self._isDirty = True

    def _stamp(self) -> int:
        image = self._request.source.subject.GetImageData()
        return image.GetMTime() if image is not None else 0

    def _state(self) -> tuple:
        return (self._stamp(),)

    def _neededNodes(self) -> list[slicer.vtkMRMLNode | None]:
        return [self._request.source.subject, self._request.mask, self._request.pixelSize.transform]

    def _run(self) -> None:
        self._done, self._seen = self._state(), self._stamp()
        try:
            self._request.source.check()
        except InputError as err:
            self._say(FollowEvent.FAILED, str(err))
            return
        frame = pixelsOf(self._request.source.subject)[0].copy()
        if self._last and frame.shape != self._last[-1].shape:
            self._begin()
        if self._last and np.array_equal(frame, self._last[-1]):
            return
        self._last.append(frame)
        if len(self._last) == LEAST_FRAMES:
            self._register()

    def _begin(self) -> None:
        """Frames of another size: another recording."""
        self._last.clear()
        self.angles, self._ended_s = None, None

    def _register(self) -> None:
        source = replace(self._request.source, last=tuple(self._last))
        request = replace(self._request, source=source, onContent=self._take)
        try:
            self._logic.startRegistration(request, onFinished=self._onFinished, waitForCompletion=False)
        except RegistrationError as err:
            self._say(FollowEvent.FAILED, str(err))

    def _take(self, content: dict) -> None:
        """Adds the motions that are new: the first time there are two."""
        pairs = content["pairs"] if self.angles is None else content["pairs"][-1:]
        for pair in pairs:
            old = self.angles or LiveAngles(0, None, 0.0, 0)
            turn = None if pair["refused"] else pair["angle_deg"]
            self.angles = LiveAngles(
                old.number + 1, turn, old.toFirst + (turn or 0.0), old.refused + (turn is None)
            )

    def _onFinished(self, outcome: RegistrationOutcome) -> None:
        if not self.isRunning:
            return
        if outcome.nodes is None:
            self._onWithoutResult(outcome)
            return
        now_s = time.monotonic()
        if self._ended_s is not None:
            self._durations_s.append(now_s - self._ended_s)
        self._ended_s = now_s
        isRefused = self.angles.toPrevious is None
        doubt = "The newest frame does not fit the one before; it counts as no motion."
        self._say(FollowEvent.MOVED, doubt if isRefused else "")
