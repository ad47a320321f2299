"""Live: a slice changes again and again, and its pose in the atlas follows.

Of the changes during a registration only the last counts. Each pose begins with the one before; if a tracked
transform above the slice has moved since, the pose to begin with has moved with it.
"""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import slicer
import vtk

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.AtlasSource import WrittenAtlas, writeAtlas
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest, FetalSliceUpdate
from DeepRegistrationSlicer.Follower import Follower, FollowEvent, FollowNews
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome
from DeepRegistrationSlicer.ResultNodes import ResultNodes, findResult

LOW_BEFORE_SEARCH = 3
"""After so many poses in a row that are not to be trusted all poses are searched."""


class SliceFollower(Follower):
    """Registers a slice whenever it changes, from `start` to `stop`.

    It begins at once with a registration, if the slice has none that is to be trusted. It stops by itself
    also when the worker ends, or the slice is lost: a full search found no pose to be trusted.

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
        super().__init__(logic, onNews, "the slice is followed no more")
        # without a transform nothing could follow
        wanted = dataclasses.replace(request.wanted, transform=True)
        self._request = dataclasses.replace(request, wanted=wanted)
        self._onProgress = onProgress
        self._parentDone: np.ndarray | None = None
        self._low = 0
        self._atlas: WrittenAtlas | None = None

    def result(self) -> ResultNodes | None:
        """Nodes of the slice as far as they can follow: with a transform."""
        found = findResult(self._request.source.node())
        return found if found is not None and found.transform is not None else None

    def _prepare(self, folder: Path) -> None:
        self._request.check()
        # once for all: the worker knows it again by its path
        self._atlas = writeAtlas(self._request.atlas, folder)
        slicer.mrmlScene.SaveStateForUndo()

    def _run(self) -> None:
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
            self._say(
                FollowEvent.DOUBTFUL, "The pose found is not to be trusted; the slice stays where it was."
            )

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
            self._watch(node, event)

    def _neededNodes(self) -> list[slicer.vtkMRMLNode | None]:
        source, result = self._request.source, self.result()
        return [source.volume, source.node(), source.viewNode(), result.transform if result else None]


def _ignore(_: object) -> None:
    """Progress of a refinement is over before it can be read."""
