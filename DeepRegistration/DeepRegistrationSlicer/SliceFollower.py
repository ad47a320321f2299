"""Live: a slice changes again and again, and its pose in the atlas follows.

Of the changes during a registration only the last counts. Each pose begins with the one before; if a tracked
transform above the slice has moved since, the pose to begin with has moved with it.
"""

import dataclasses
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import numpy as np
import slicer
import vtk
from slicer.util import VTKObservationMixin

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.AtlasSource import WrittenAtlas, writeAtlas
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest, FetalSliceUpdate
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.Polling import Polling
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome
from DeepRegistrationSlicer.ResultNodes import ResultNodes, findResult

LOW_BEFORE_SEARCH = 3
"""After so many poses in a row that are not to be trusted all poses are searched."""

_INTERVAL_MS = 10
_REMEMBERED = 10


class FollowEvent(Enum):
    """What a follower has to say."""

    SEARCHING = auto()
    """A registration without a pose to begin with has started."""
    MOVED = auto()
    """The pose was found again."""
    DOUBTFUL = auto()
    """The pose found is not to be trusted; the slice stays where it was."""
    FAILED = auto()
    """This image cannot be registered; the next one may."""
    STOPPED = auto()
    """It follows no more."""


@dataclass(frozen=True, eq=False)
class FollowNews:
    """One thing a follower has to say.

    Attributes:
        event: what happened.
        message: for the user; may be empty.
        rate: registrations per second; None before the first.
        result: nodes of the slice; None before the first.
    """

    event: FollowEvent
    message: str = ""
    rate: float | None = None
    result: ResultNodes | None = None


class SliceFollower(VTKObservationMixin):
    """Registers a slice whenever it changes, from `start` to `stop`.

    It stops by itself when a node that it needs is removed, the scene is closed, the worker ends, or the
    slice is lost: a full search found no pose to be trusted.

    Args:
        logic: runs the registrations.
        request: the slice, and how it is registered.
        onNews: called on the main thread.
        onProgress: called with how far a full search is.
    """

    def __init__(
        self,
        logic: object,
        request: FetalSliceRequest,
        onNews: Callable[[FollowNews], None],
        onProgress: Callable[[Progress], None],
    ) -> None:
        VTKObservationMixin.__init__(self)
        self.isRunning = False
        # without a transform nothing could follow
        wanted = dataclasses.replace(request.wanted, transform=True)
        self._logic, self._request = logic, dataclasses.replace(request, wanted=wanted)
        self._onNews, self._onProgress = onNews, onProgress
        self._polling = Polling(self.poll, _INTERVAL_MS)
        self._isDirty = False
        self._done: tuple | None = None
        self._parentDone: np.ndarray | None = None
        self._low = 0
        self._durations_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._folder: Path | None = None
        self._atlas: WrittenAtlas | None = None

    def start(self) -> None:
        """Begins to follow: at once with a registration, if the slice has none that is to be trusted.

        Raises:
            RegistrationError: the request cannot be met.
        """
        self._request.check()
        self._folder = Path(tempfile.mkdtemp(prefix="DeepRegistration-", dir=slicer.app.temporaryPath))
        try:
            # once for all: the worker knows it again by its path
            self._atlas = writeAtlas(self._request.atlas, self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        slicer.mrmlScene.SaveStateForUndo()
        self.isRunning = self._isDirty = True
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._onSceneClose)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._onNodeRemoved)
        self._observe()
        self._polling.start()

    def stop(self, message: str = "") -> None:
        """Ends it; a registration under way is cancelled."""
        if not self.isRunning:
            return
        self.isRunning = False
        self._polling.stop()
        self.removeObservers()
        if self._logic.job is not None:
            self._logic.job.cancel()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._say(FollowEvent.STOPPED, message)

    def poll(self) -> None:
        """Starts a registration if the slice has changed and none is under way."""
        job = self._logic.job
        if job is not None:
            # between two ticks of its own timer, which is slower
            job.poll()
        if self.isRunning and self._isDirty and self._logic.job is None:
            self._isDirty = False
            if self._state() != self._done:
                self._register()

    def result(self) -> ResultNodes | None:
        """Nodes of the slice as far as they can follow: with a transform."""
        found = findResult(self._request.source.node())
        return found if found is not None and found.transform is not None else None

    @property
    def rate(self) -> float | None:
        """Registrations per second, over the last ones; None before the first."""
        return len(self._durations_s) / sum(self._durations_s) if self._durations_s else None

    def _register(self) -> None:
        self._done, started_s = self._state(), time.monotonic()
        result = self.result()
        isSearch = result is None or self._low >= LOW_BEFORE_SEARCH or not self._isTrusted(result)
        request = self._request
        if result is not None:
            pose = None if isSearch else tuple(self._poseToBeginWith(result).ravel().tolist())
            settings = dataclasses.replace(request.settings, initial_pose=pose)
            request = FetalSliceUpdate(request, result, settings, self._atlas)
        if isSearch:
            self._say(FollowEvent.SEARCHING)
        self._parentDone = self._parentMatrix(result)
        try:
            self._logic.startRegistration(
                request,
                onProgress=self._onProgress if isSearch else _ignore,
                onFinished=lambda outcome: self._onFinished(outcome, isSearch, started_s),
                waitForCompletion=False,
            )
        except RegistrationError as err:
            self._say(FollowEvent.FAILED, str(err))

    def _onFinished(self, outcome: RegistrationOutcome, isSearch: bool, started_s: float) -> None:
        if not self.isRunning:
            return
        if outcome.nodes is None:
            self._onWithoutResult(outcome)
            return
        if not isSearch:
            self._durations_s.append(time.monotonic() - started_s)
        # the result may have brought nodes, and has moved the slice itself
        self._observe()
        self._done = (*self._done[:-1], self._poseState())
        if outcome.exitCode == ExitCode.DONE:
            self._low = 0
            self._say(FollowEvent.MOVED)
        elif isSearch:
            self.stop(f"The slice was lost, so it is followed no more. {outcome.message}")
        else:
            self._low += 1
            self._isDirty = self._isDirty or self._low >= LOW_BEFORE_SEARCH
            if self._low >= LOW_BEFORE_SEARCH:
                self._done = None
            self._say(FollowEvent.DOUBTFUL)

    def _onWithoutResult(self, outcome: RegistrationOutcome) -> None:
        if outcome.exitCode == ExitCode.BAD_INPUT:
            self._say(FollowEvent.FAILED, outcome.message)
        else:
            self.stop(outcome.message)

    def _isTrusted(self, result: ResultNodes) -> bool:
        """A pose that was not to be trusted, and was not chosen by the user either, is none to begin with."""
        return result.isApplied() or result.content()["trust"] != "low"

    def _poseToBeginWith(self, result: ResultNodes) -> np.ndarray:
        """The last pose, moved as the transform above the slice has moved since."""
        pose, now = matrixOf(result.transform), self._parentMatrix(result)
        if self._parentDone is None or now is None:
            return pose
        return pose @ np.linalg.inv(self._parentDone) @ now

    def _parentMatrix(self, result: ResultNodes | None) -> np.ndarray | None:
        """World from the slice, as it would stand without its result; None if that is not linear."""
        parent = result.parentBefore() if result is not None else None
        if parent is None or not parent.IsTransformToWorldLinear():
            return None
        return slicer.util.arrayFromTransformMatrix(parent, toWorld=True)

    def _state(self) -> tuple:
        """Changes whenever the pose has to be found again."""
        return (*self._request.source.state(), self._poseState())

    def _poseState(self) -> tuple:
        result = self.result()
        if result is None:
            return ()
        parent = self._parentMatrix(result)
        return matrixOf(result.transform).tobytes(), parent.tobytes() if parent is not None else b""

    def _observe(self) -> None:
        """Hears of changes of the slice, of the view that it is taken from, of the transforms above it."""
        source, result = self._request.source, self.result()
        volume = source.volume
        modified = vtk.vtkCommand.ModifiedEvent
        events = [
            # a new place of the image in its own RAS is a plain modification
            (volume, modified),
            (volume, volume.ImageDataModifiedEvent),
            (volume, volume.TransformModifiedEvent),
            (source.viewNode(), modified),
        ]
        for transform in (result.transform, result.parentBefore()) if result is not None else ():
            events.append((transform, slicer.vtkMRMLTransformNode.TransformModifiedEvent))
        for node, event in events:
            if node is not None and not self.hasObserver(node, event, self._onChanged):
                self.addObserver(node, event, self._onChanged)

    def _onChanged(self, caller: object, event: object) -> None:
        self._isDirty = True

    def _onSceneClose(self, caller: object, event: object) -> None:
        self.stop()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeRemoved(self, caller: object, event: object, node: slicer.vtkMRMLNode) -> None:
        source, result = self._request.source, self.result()
        needed = [source.volume, source.node(), source.viewNode(), result.transform if result else None]
        if node in [entry for entry in needed if entry is not None]:
            self.stop(f"'{node.GetName()}' was removed, so the slice is followed no more.")

    def _say(self, event: FollowEvent, message: str = "") -> None:
        self._onNews(FollowNews(event, message, self.rate, self.result() if self.isRunning else None))


def _ignore(_: object) -> None:
    """Progress of a refinement is over before it can be read."""
