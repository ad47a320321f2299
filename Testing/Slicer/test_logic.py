"""The logic with the real worker and a phantom: what comes into the scene, and what never changes."""

import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import slicer
from DeepRegistrationSlicer import MrmlBridge
from DeepRegistrationSlicer.FetalVolumeRequest import (
    AtlasByAge,
    AtlasInScene,
    FetalVolumeRequest,
    WantedNodes,
)
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.WorkerClient import sharedWorkerClient

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeSettings
from DeepRegistrationLib.jobs.job import ExitCode
from Testing.Slicer.nodes import movedBy, nodeIds
from Testing.Slicer.phantom import SETTINGS, loadSubject, phantomRequest, poseError


@pytest.fixture
def logic():
    return RegistrationLogic()


@pytest.fixture
def a_registered_phantom(logic, a_phantom):
    request = phantomRequest(a_phantom)
    logic.startRegistration(request)
    return request.subject


def worldMatrix(node) -> np.ndarray:
    """(4, 4); world from the node's own RAS."""
    parent = node.GetParentTransformNode()
    return slicer.util.arrayFromTransformMatrix(parent, toWorld=True) if parent is not None else np.eye(4)


def test_a_turned_phantom_is_laid_into_the_atlas(a_registered_phantom):
    result = findResult(a_registered_phantom)
    angle_deg, distance_mm = poseError(MrmlBridge.matrixOf(result.transform))
    assert angle_deg < 1
    assert distance_mm < 1
    assert a_registered_phantom.GetParentTransformNode() is result.transform
    assert result.segmentation.GetParentTransformNode() is result.transform
    assert result.warped.GetParentTransformNode() is None


def test_voxels_and_matrix_of_the_subject_stay_as_they_were(logic, a_phantom):
    subject = loadSubject(a_phantom)
    voxels, matrix = MrmlBridge.arrayOf(subject), MrmlBridge.rasFromIjk(subject)
    logic.startRegistration(phantomRequest(a_phantom, subject=subject))
    np.testing.assert_array_equal(MrmlBridge.arrayOf(subject), voxels)
    np.testing.assert_array_equal(MrmlBridge.rasFromIjk(subject), matrix)


def test_before_and_after_move_subject_and_labels_between_the_scanner_and_the_atlas(logic, a_phantom):
    subject = loadSubject(a_phantom)
    scanner = movedBy(subject, name="scanner")
    result = logic.startRegistration(phantomRequest(a_phantom, subject=subject)).outcome.nodes
    assert poseError(worldMatrix(subject))[0] < 1
    result.undo()
    assert subject.GetParentTransformNode() is scanner
    assert result.segmentation.GetParentTransformNode() is scanner
    assert not result.isApplied()
    result.apply()
    assert subject.GetParentTransformNode() is result.transform
    assert result.isApplied()


def test_registering_again_finds_the_same_pose_and_shares_the_atlas(logic, a_phantom, a_registered_phantom):
    first = findResult(a_registered_phantom)
    logic.startRegistration(phantomRequest(a_phantom, subject=a_registered_phantom))
    second = findResult(a_registered_phantom)
    assert second.transform is not first.transform
    np.testing.assert_array_equal(MrmlBridge.matrixOf(second.transform), MrmlBridge.matrixOf(first.transform))
    assert second.atlas is first.atlas
    second.undo()
    assert a_registered_phantom.GetParentTransformNode() is None


def test_a_mask_is_used_where_it_lay_on_the_subject_also_the_second_time(logic, a_phantom):
    """After the first registration the subject stands in the atlas, and the mask where it always was."""
    subject = loadSubject(a_phantom)
    scanner = movedBy(subject, name="scanner")
    mask = MrmlBridge.loadVolume(a_phantom / "mask.nii.gz", "mask", "vtkMRMLLabelMapVolumeNode")
    mask.SetAndObserveTransformNodeID(scanner.GetID())
    for _ in range(2):
        request = phantomRequest(a_phantom, subject=subject, mask=mask)
        result = logic.startRegistration(request).outcome.nodes
        assert poseError(MrmlBridge.matrixOf(result.transform))[0] < 1


def test_an_atlas_in_the_scene_is_taken_where_it_stands_with_its_own_label_names(logic, a_phantom):
    atlas = MrmlBridge.loadVolume(a_phantom / "atlas" / "PHA28.nii.gz", "My atlas")
    labels = MrmlBridge.loadVolume(
        a_phantom / "atlas" / "PHA28_parc.nii.gz", "My labels", "vtkMRMLLabelMapVolumeNode"
    )
    table = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLColorTableNode", "key")
    table.SetTypeToUser()
    table.SetNumberOfColors(130)
    table.SetColor(112, "Rind", 1.0, 0.0, 0.0, 1.0)
    labels.CreateDefaultDisplayNodes()
    labels.GetDisplayNode().SetAndObserveColorNodeID(table.GetID())
    room = movedBy(atlas, angles_deg=(0, 0, 90), name="room")
    labels.SetAndObserveTransformNodeID(room.GetID())
    request = phantomRequest(a_phantom, atlas=AtlasInScene(atlas, labels))
    result = logic.startRegistration(request).outcome.nodes
    assert result.atlas is atlas
    assert poseError(MrmlBridge.matrixOf(result.transform))[0] < 1
    for node in (result.transform, result.warped):
        assert node.GetParentTransformNode() is room
    segments = result.segmentation.GetSegmentation()
    rind = segments.GetSegment("Segment_112")
    assert (rind.GetName(), rind.GetColor()) == ("Rind", (1.0, 0.0, 0.0))


def test_a_result_that_is_not_to_be_trusted_is_shown_but_not_applied(logic, a_phantom):
    noise = np.random.default_rng(3).normal(500, 100, (40, 40, 40)).astype(np.float32)
    matrix = np.diag([2.4, 2.4, 2.4, 1.0])
    subject = MrmlBridge.createVolume(noise, matrix, "noise")
    mask = MrmlBridge.createVolume(
        np.pad(np.ones((24, 24, 24), np.int16), 8), matrix, "mask", "vtkMRMLLabelMapVolumeNode"
    )
    outcome = logic.startRegistration(phantomRequest(a_phantom, subject=subject, mask=mask)).outcome
    assert outcome.exitCode == ExitCode.NOT_TRUSTED
    assert outcome.nodes.transform is not None
    assert subject.GetParentTransformNode() is None
    assert not outcome.nodes.isApplied()


def test_progress_rises_to_the_end_in_words(logic, a_phantom):
    heard = []
    logic.startRegistration(phantomRequest(a_phantom), onProgress=heard.append)
    fractions = [progress.fraction for progress in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] > 0.9
    assert len({progress.text for progress in heard}) > 4


def test_cancelling_leaves_the_scene_as_it_was(logic, a_phantom):
    request, finished = phantomRequest(a_phantom), []
    before = nodeIds()
    job = logic.startRegistration(
        request,
        onProgress=lambda progress: logic.job.cancel(),
        onFinished=finished.append,
        waitForCompletion=False,
    )
    assert logic.job is job
    assert job.wait().exitCode == ExitCode.CANCELLED
    assert [outcome.message for outcome in finished] == ["Cancelled; nothing was changed."]
    assert nodeIds() == before
    assert logic.job is None


def test_waiting_for_a_job_that_is_cancelled_raises(logic, a_phantom):
    with pytest.raises(Cancelled):
        logic.startRegistration(phantomRequest(a_phantom), onProgress=lambda progress: logic.job.cancel())


def test_a_worker_killed_during_a_job_leaves_the_scene_as_it_was(logic, a_phantom):
    request = phantomRequest(a_phantom)
    before = nodeIds()

    def kill(progress):
        psutil.Process(sharedWorkerClient().processId).kill()

    with pytest.raises(RegistrationError, match="ended unexpectedly"):
        logic.startRegistration(request, onProgress=kill)
    assert nodeIds() == before
    assert request.subject.GetParentTransformNode() is None
    logic.startRegistration(request)
    assert findResult(request.subject).isApplied()


def test_closing_the_scene_cancels_the_job(logic, a_phantom):
    job = logic.startRegistration(
        phantomRequest(a_phantom),
        onProgress=lambda progress: slicer.mrmlScene.Clear(False),
        waitForCompletion=False,
    )
    assert job.wait().exitCode == ExitCode.CANCELLED
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_a_subject_deleted_during_the_job_drops_the_result(logic, a_phantom):
    request = phantomRequest(a_phantom)

    def delete(progress):
        if request.subject.GetScene() is not None:
            slicer.mrmlScene.RemoveNode(request.subject)

    with pytest.raises(RegistrationError, match="not in the scene any more"):
        logic.startRegistration(request, onProgress=delete)
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_an_image_that_the_worker_refuses_leaves_the_scene_as_it_was(logic, a_phantom):
    flat = MrmlBridge.createVolume(np.full((9, 9, 9), 5, np.float32), np.eye(4), "flat")
    before = nodeIds()
    with pytest.raises(InputError, match="'flat' is constant"):
        logic.startRegistration(phantomRequest(a_phantom, subject=flat))
    assert nodeIds() == before


def test_temporary_files_are_gone_after_success_and_failure(logic, a_phantom, tmp_path, monkeypatch):
    monkeypatch.setattr(slicer.app, "temporaryPath", str(tmp_path))
    logic.startRegistration(phantomRequest(a_phantom))
    flat = MrmlBridge.createVolume(np.full((9, 9, 9), 5, np.float32), np.eye(4), "flat")
    with pytest.raises(InputError):
        logic.startRegistration(phantomRequest(a_phantom, subject=flat))
    assert list(tmp_path.iterdir()) == []


def test_one_registration_runs_at_a_time(logic, a_phantom):
    job = logic.startRegistration(phantomRequest(a_phantom), waitForCompletion=False)
    with pytest.raises(RegistrationError, match="A registration is running"):
        logic.startRegistration(phantomRequest(a_phantom))
    job.cancel()
    job.wait()


@pytest.mark.skipif("torch" in sys.modules, reason="tests of the library brought it in")
def test_torch_stays_out_of_this_process(a_registered_phantom):
    assert "torch" not in sys.modules


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"atlas": AtlasByAge(Path("missing"))}, "'missing' does not exist"),
        ({"atlas": AtlasInScene(None)}, "No volume is chosen as atlas"),
        ({"wanted": WantedNodes(False, False, False)}, "No output is chosen"),
        ({"settings": FetalVolumeSettings(gestational_age_weeks=5.0)}, "5 weeks is not between 18 and 45"),
    ],
    ids=["no such folder", "no atlas", "no output", "an age that cannot be"],
)
def test_a_request_that_cannot_be_met_is_refused_at_once(logic, a_phantom, changes, text):
    request = phantomRequest(a_phantom, **changes)
    before = nodeIds()
    with pytest.raises(InputError, match=text):
        logic.startRegistration(request)
    assert nodeIds() == before


def test_the_subject_cannot_be_its_own_atlas(logic, a_phantom):
    subject = loadSubject(a_phantom)
    with pytest.raises(InputError, match="'Fetus 1' is chosen as fetal brain and as atlas"):
        logic.startRegistration(FetalVolumeRequest(subject, atlas=AtlasInScene(subject), settings=SETTINGS))


def test_a_mask_that_misses_the_subject_is_refused_before_anything_runs(logic, a_phantom):
    mask = MrmlBridge.loadVolume(a_phantom / "mask.nii.gz", "mask", "vtkMRMLLabelMapVolumeNode")
    movedBy(mask, translation_mm=(500, 0, 0))
    with pytest.raises(InputError, match="'mask' marks no voxel"):
        logic.startRegistration(phantomRequest(a_phantom, mask=mask))
