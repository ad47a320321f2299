"""A slice that changes again and again, with a worker that knows the answer: what is registered, and when."""

import time

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.Follower import FollowEvent
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import arrayOf, matrixOf
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.SliceFollower import SliceFollower
from DeepRegistrationSlicer.SliceSource import SliceSource

from Testing.Slicer.nodes import movedBy, nodeIds, obliqueVolume
from Testing.Slicer.slices import ScriptedWorker, setValue, sliceRequest, sliceVolume

LONGEST_S = 30.0


class Following:
    """A follower, what it said, and time to let it work."""

    def __init__(self, request: FetalSliceRequest, worker: ScriptedWorker) -> None:
        self.worker, self.news = worker, []
        self.logic = RegistrationLogic(worker)
        self.follower = SliceFollower(self.logic, request, self.news.append, lambda progress: None)
        self.follower.start()

    @property
    def events(self) -> list[FollowEvent]:
        return [news.event for news in self.news]

    def until(self, condition) -> None:
        deadline = time.monotonic() + LONGEST_S
        while not condition():
            assert time.monotonic() < deadline, self.events
            slicer.app.processEvents()
            time.sleep(0.002)

    def untilDone(self, count: int) -> None:
        """Until so many jobs were answered, and nothing waits."""
        answered = (FollowEvent.MOVED, FollowEvent.DOUBTFUL, FollowEvent.FAILED, FollowEvent.STOPPED)
        self.until(lambda: sum(event in answered for event in self.events) >= count)
        self.rest()

    def rest(self) -> None:
        """Long enough for another job to be started, if one were."""
        for _ in range(20):
            slicer.app.processEvents()
            time.sleep(0.01)


@pytest.fixture
def worker(tmp_path):
    worker = ScriptedWorker(tmp_path / "jobs.log")
    yield worker
    worker.shutdown()


@pytest.fixture
def slow_worker(tmp_path):
    worker = ScriptedWorker(tmp_path / "jobs.log", seconds=0.3)
    yield worker
    worker.shutdown()


@pytest.fixture
def follow(a_phantom):
    """Begins to follow a slice, or a source of one."""
    started = []

    def follow(source, worker, **changes):
        started.append(Following(sliceRequest(a_phantom, source, **changes), worker))
        return started[-1]

    yield follow
    for following in started:
        following.follower.stop()
        following.until(lambda following=following: following.logic.job is None)


def poseOf(volume) -> float:
    return matrixOf(findResult(volume).transform)[0, 3]


def begunWith(job: dict) -> float | None:
    pose = job["settings"]["initial_pose"]
    return pose[3] if pose is not None else None


def test_it_begins_with_a_search_and_then_refines_from_the_last_pose(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    assert volume.GetParentTransformNode() is findResult(volume).transform
    setValue(volume, 6.0)
    following.untilDone(2)
    assert poseOf(volume) == 6.0
    assert following.events == [FollowEvent.SEARCHING, FollowEvent.MOVED, FollowEvent.MOVED]
    assert [begunWith(job) for job in worker.jobs()] == [None, 5.0]
    assert worker.jobs()[1]["outputs"]["report"] is False
    assert following.news[-1].rate > 1


def test_a_slice_that_was_registered_before_is_refined_at_once(follow, worker, a_phantom):
    volume = sliceVolume(5.0)
    RegistrationLogic(worker).startRegistration(sliceRequest(a_phantom, volume))
    before = nodeIds()
    following = follow(volume, worker)
    following.untilDone(1)
    assert following.events == [FollowEvent.MOVED]
    assert begunWith(worker.jobs()[1]) == 5.0
    assert nodeIds() == before


def test_without_a_change_nothing_is_registered(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    volume.Modified()
    volume.SetName("Other name")
    following.rest()
    assert len(worker.jobs()) == 1


def test_of_the_changes_during_a_job_only_the_last_is_registered(follow, slow_worker):
    volume = sliceVolume(5.0)
    following = follow(volume, slow_worker)
    following.until(lambda: len(slow_worker.jobs()) == 1)
    for value in (6.0, 7.0, 8.0, 9.0):
        setValue(volume, value)
        slicer.app.processEvents()
    following.untilDone(2)
    assert [job["mean"] for job in slow_worker.jobs()] == [5.0, 9.0]
    assert poseOf(volume) == 9.0


def test_a_pose_moved_by_hand_is_where_the_next_one_begins(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    matrix = np.eye(4)
    matrix[0, 3] = 3.0
    findResult(volume).transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    following.untilDone(2)
    assert begunWith(worker.jobs()[1]) == 3.0
    assert poseOf(volume) == 5.0


def test_a_tracked_transform_that_moves_takes_the_pose_along(follow, worker):
    volume = sliceVolume(5.0)
    tracker = movedBy(volume, angles_deg=(0, 0, 0), translation_mm=(1, 0, 0), name="tracker")
    following = follow(volume, worker)
    following.untilDone(1)
    assert findResult(volume).parentBefore() is tracker
    # the second job knows where the tracker was; the first began without a pose
    setValue(volume, 5.5)
    following.untilDone(2)
    matrix = np.eye(4)
    matrix[0, 3] = 11.0
    tracker.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    following.untilDone(3)
    assert begunWith(worker.jobs()[2]) == pytest.approx(5.5 + 10.0)


def test_a_new_place_of_the_image_is_a_change(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    volume.SetOrigin(4, 5, 6)
    following.untilDone(2)
    assert len(worker.jobs()) == 2


def test_three_poses_that_are_not_to_be_trusted_lead_to_a_search_and_then_it_stops(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    for number in range(3):
        setValue(volume, 0.0)
        following.untilDone(2 + number)
    following.until(lambda: not following.follower.isRunning)
    assert following.events == [
        FollowEvent.SEARCHING,
        FollowEvent.MOVED,
        *[FollowEvent.DOUBTFUL] * 3,
        FollowEvent.SEARCHING,
        FollowEvent.STOPPED,
    ]
    assert [begunWith(job) for job in worker.jobs()] == [None, 5.0, 5.0, 5.0, None]
    assert "The slice was lost" in following.news[-1].message
    assert poseOf(volume) == 5.0


def test_a_search_that_finds_the_slice_again_goes_on(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    for number in range(2):
        setValue(volume, 0.0)
        following.untilDone(2 + number)
    setValue(volume, 6.0)
    following.untilDone(4)
    setValue(volume, 7.0)
    following.untilDone(5)
    assert following.follower.isRunning
    assert poseOf(volume) == 7.0


def test_an_image_that_is_refused_is_told_and_the_next_one_is_registered(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    setValue(volume, -1.0)
    following.untilDone(2)
    assert "'Slice' shows no brain" in following.news[-1].message
    setValue(volume, 8.0)
    following.untilDone(3)
    assert poseOf(volume) == 8.0


def test_a_slice_in_a_view_follows_the_view(follow, worker):
    volume = obliqueVolume("Stack")
    view = slicer.vtkMRMLSliceNode()
    view.SetSingletonTag("Red")
    view.SetLayoutName("Red")
    view = slicer.mrmlScene.AddNode(view)
    plane = np.eye(4)
    bounds = [0.0] * 6
    volume.GetRASBounds(bounds)
    plane[:3, 3] = np.array(bounds).reshape(3, 2).mean(axis=1)

    def show():
        view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(plane))
        view.UpdateMatrices()

    show()
    source = SliceSource(volume, view="Red")
    following = follow(source, worker)
    following.untilDone(1)
    node, first = source.node(), arrayOf(source.node())
    plane[2, 3] += 2.0
    show()
    following.untilDone(2)
    assert source.node() is node
    assert arrayOf(node).shape != first.shape or (arrayOf(node) != first).any()
    assert volume.GetParentTransformNode() is None
    assert node.GetParentTransformNode() is findResult(node).transform


def test_stopping_during_a_job_cancels_it_and_the_pose_stays(follow, slow_worker):
    volume = sliceVolume(5.0)
    following = follow(volume, slow_worker)
    following.untilDone(1)
    setValue(volume, 6.0)
    following.until(lambda: len(slow_worker.jobs()) == 2)
    following.follower.stop()
    following.until(lambda: following.logic.job is None)
    assert following.events[-1] == FollowEvent.STOPPED
    assert poseOf(volume) == 5.0
    setValue(volume, 7.0)
    following.rest()
    assert len(slow_worker.jobs()) == 2


def test_removing_the_slice_stops_it(follow, worker):
    volume = sliceVolume(5.0)
    following = follow(volume, worker)
    following.untilDone(1)
    slicer.mrmlScene.RemoveNode(volume)
    assert following.events[-1] == FollowEvent.STOPPED
    assert "'Slice' was removed" in following.news[-1].message


def test_removing_the_transform_during_a_job_stops_it(follow, slow_worker):
    volume = sliceVolume(5.0)
    following = follow(volume, slow_worker)
    following.untilDone(1)
    setValue(volume, 6.0)
    following.until(lambda: len(slow_worker.jobs()) == 2)
    slicer.mrmlScene.RemoveNode(findResult(volume).transform)
    following.until(lambda: following.logic.job is None)
    assert following.events[-1] == FollowEvent.STOPPED
    assert volume.GetParentTransformNode() is None


def test_closing_the_scene_during_a_job_stops_it(follow, slow_worker):
    following = follow(sliceVolume(5.0), slow_worker)
    following.until(lambda: len(slow_worker.jobs()) == 1)
    slicer.mrmlScene.Clear(False)
    following.until(lambda: following.logic.job is None)
    assert following.events[-1] == FollowEvent.STOPPED
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_nothing_is_left_in_the_temporary_folder(follow, worker, tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(slicer.app, "temporaryPath", str(folder))
    following = follow(sliceVolume(5.0), worker)
    following.untilDone(1)
    following.follower.stop()
    assert list(folder.iterdir()) == []
