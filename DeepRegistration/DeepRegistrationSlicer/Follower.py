"""Live: something changes again and again, and a job of the worker follows.

Of the changes during a job only the last counts. What is followed, and what a job is, say the subclasses.
"""

import shutil
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import slicer
import vtk
from slicer.util import VTKObservationMixin

from DeepRegistrationLib.jobs.job import ExitCode
from DeepRegistrationSlicer.Polling import Polling
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome
from DeepRegistrationSlicer.ResultNodes import ResultNodes

_INTERVAL_MS = 10
_REMEMBERED = 10


class FollowEvent(Enum):
    """What a follower has to say."""

    SEARCHING = auto()
    """A registration without a pose to begin with has started."""
    MOVED = auto()
    """The job is done: the pose was found again, or the overlay drawn."""
    DOUBTFUL = auto()
    """The pose found is not to be trusted; the image stays where it was."""
    FAILED = auto()
    """This state cannot be used; the next one may."""
    STOPPED = auto()
    """It follows no more."""


@dataclass(frozen=True, eq=False)
class FollowNews:
    """One thing a follower has to say.

    Attributes:
        event: what happened.
        message: for the user; may be empty.
        rate: jobs per second; None before the first.
        result: nodes of what is followed; None before the first, and where there are none.
        dropped: changes so far that no job was run for, because others came meanwhile.
    """

    event: FollowEvent
    message: str = ""
    rate: float | None = None
    result: ResultNodes | None = None
    dropped: int = 0


class Follower(VTKObservationMixin):
    """Runs a job whenever something has changed, from `start` to `stop`.

    It stops by itself when a node that it needs is removed or the scene is closed. Subclasses have
    `_prepare` (writes what is the same for all jobs), `_observe`, `_state`, `_neededNodes` and `_run`.

    Args:
        logic: runs the jobs.
        onNews: called on the main thread.
        gone: what is followed no more, in words, for the sentence about a node that was removed.
    """

    def __init__(self, logic: object, onNews: Callable[[FollowNews], None], gone: str) -> None:
        VTKObservationMixin.__init__(self)
        self.isRunning = False
        self._logic, self._onNews, self._gone = logic, onNews, gone
        self._polling = Polling(self.poll, _INTERVAL_MS)
        self._isDirty = False
        self._dropped = 0
        self._done: tuple | None = None
        self._durations_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._folder: Path | None = None

    def start(self) -> None:
        """Begins to follow.

        Raises:
            RegistrationError: what is followed cannot be used.
        """
        self._folder = Path(tempfile.mkdtemp(prefix="DeepRegistration-", dir=slicer.app.temporaryPath))
        try:
            self._prepare(self._folder)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        self.isRunning = self._isDirty = True
        scene = slicer.mrmlScene
        self.addObserver(scene, scene.StartCloseEvent, self._onSceneClose)
        self.addObserver(scene, scene.NodeAboutToBeRemovedEvent, self._onNodeRemoved)
        self._observe()
        self._polling.start()

    def stop(self, message: str = "") -> None:
        """Ends it; a job under way is cancelled."""
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
        """Starts a job if something has changed and none is under way."""
        job = self._logic.job
        if job is not None:
            # between two ticks of its own timer, which is slower
            job.poll()
        if self.isRunning and self._isDirty and self._logic.job is None:
            self._isDirty = False
            if self._state() != self._done:
                self._run()

    def result(self) -> ResultNodes | None:
        """Nodes of what is followed; None where there are none."""
        return None

    @property
    def rate(self) -> float | None:
        """Jobs per second, over the last ones; None before the first."""
        return len(self._durations_s) / sum(self._durations_s) if self._durations_s else None

    def _prepare(self, folder: Path) -> None:
        """Checks, and writes what is the same for all jobs."""
        raise NotImplementedError

    def _observe(self) -> None:
        """Hears of changes: calls `_watch`."""
        raise NotImplementedError

    def _state(self) -> tuple:
        """Changes whenever a job has to be run again."""
        raise NotImplementedError

    def _neededNodes(self) -> list[slicer.vtkMRMLNode | None]:
        """Without one of these it stops."""
        raise NotImplementedError

    def _run(self) -> None:
        """Starts a job, and sets `_done` to the state that it is for."""
        raise NotImplementedError

    def _watch(self, node: slicer.vtkMRMLNode | None, event: int) -> None:
        """A change of a node that may call for another job."""
        if node is not None and not self.hasObserver(node, event, self._onChanged):
            self.addObserver(node, event, self._onChanged)

    def _onChanged(self, caller: object, event: object) -> None:
        self._dropped += self._isDirty
        self._isDirty = True

    def _onWithoutResult(self, outcome: RegistrationOutcome) -> None:
        """This state cannot be used; anything worse ends it."""
        if outcome.exitCode == ExitCode.BAD_INPUT:
            self._say(FollowEvent.FAILED, outcome.message)
        else:
            self.stop(outcome.message)

    def _onSceneClose(self, caller: object, event: object) -> None:
        self.stop()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _onNodeRemoved(self, caller: object, event: object, node: slicer.vtkMRMLNode) -> None:
        if node in [entry for entry in self._neededNodes() if entry is not None]:
            self.stop(f"'{node.GetName()}' was removed, so {self._gone}.")

    def _say(self, event: FollowEvent, message: str = "") -> None:
        result = self.result() if self.isRunning else None
        self._onNews(FollowNews(event, message, self.rate, result, self._dropped))
