"""A slice in the scene and its result, with a worker that knows the answer: nodes, poses, both hypotheses."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.AtlasSource import AtlasByAge, AtlasInScene
from DeepRegistrationSlicer.AtlasSurface import surfaceOf
from DeepRegistrationSlicer.FetalSliceRequest import FetalSliceRequest
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import arrayOf, loadVolume, matrixOf, rasFromIjk
from DeepRegistrationSlicer.MrmlSlices import fillFrom, numberedSlice
from DeepRegistrationSlicer.ResultLoader import WantedNodes
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.SlicePose import hypothesesOf, movePose, shownHypothesis
from DeepRegistrationSlicer.SliceSource import SliceSource

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceSettings, StackMode
from Testing.Slicer.nodes import movedBy, nodeIds, obliqueVolume
from Testing.Slicer.slices import ScriptedWorker, setValue, sliceRequest, sliceVolume


@pytest.fixture
def worker(tmp_path):
    worker = ScriptedWorker(tmp_path / "jobs.log")
    yield worker
    worker.shutdown()


@pytest.fixture
def logic(worker):
    return RegistrationLogic(worker)


@pytest.fixture
def a_registered_slice(logic, a_phantom):
    volume = sliceVolume(7.0)
    logic.startRegistration(sliceRequest(a_phantom, volume))
    return volume


def x(transform) -> float:
    return matrixOf(transform)[0, 3]


def test_a_slice_is_put_under_the_pose_that_was_found(a_registered_slice):
    result = findResult(a_registered_slice)
    assert a_registered_slice.GetParentTransformNode() is result.transform
    assert x(result.transform) == 7.0
    assert result.matching.GetParentTransformNode() is result.transform
    assert result.transform.GetName() == "Slice to atlas"
    assert result.matching.GetName() == "Slice matching atlas slice"
    assert result.atlas.GetName() == "PHA28"


def test_before_and_after_move_the_slice_and_the_matching_atlas_slice(a_registered_slice):
    result = findResult(a_registered_slice)
    result.undo()
    assert a_registered_slice.GetParentTransformNode() is None
    assert result.matching.GetParentTransformNode() is None
    result.apply()
    assert result.matching.GetParentTransformNode() is result.transform


def test_the_brain_of_the_atlas_is_a_surface_to_be_seen_through(a_registered_slice, a_phantom):
    surface = surfaceOf(findResult(a_registered_slice).atlas)
    assert surface.GetDisplayNode().GetOpacity() < 0.5
    mask = loadVolume(a_phantom / "atlas" / "PHA28_mask.nii.gz", "mask", "vtkMRMLLabelMapVolumeNode")
    inside = np.argwhere(arrayOf(mask))[:, ::-1]
    points = inside @ rasFromIjk(mask)[:3, :3].T + rasFromIjk(mask)[:3, 3]
    bounds = np.array(surface.GetPolyData().GetBounds()).reshape(3, 2).T
    np.testing.assert_allclose(bounds, [points.min(axis=0), points.max(axis=0)], atol=2.5)


def test_the_surface_of_an_atlas_is_made_once(a_registered_slice, logic, a_phantom):
    logic.startRegistration(sliceRequest(a_phantom, a_registered_slice))
    assert (
        len([node for node in slicer.util.getNodesByClass("vtkMRMLModelNode") if "brain" in node.GetName()])
        == 1
    )


def test_both_poses_that_fit_can_be_shown_and_the_matching_slice_follows(a_registered_slice):
    result = findResult(a_registered_slice)
    poses = hypothesesOf(result)
    assert [round(pose.probability, 2) for pose in poses] == [0.62, 0.38]
    assert shownHypothesis(result, poses) == 0
    movePose(result, poses[1].atlasFromSlice)
    assert x(result.transform) == -7.0
    assert shownHypothesis(result, poses) == 1
    expected = numberedSlice(a_registered_slice, 0, "expected")
    fillFrom(expected, result.atlas, poses[1].atlasFromSlice)
    assert arrayOf(expected).any()
    np.testing.assert_array_equal(arrayOf(result.matching), arrayOf(expected))
    movePose(result, poses[0].atlasFromSlice)
    assert shownHypothesis(result, poses) == 0


def test_a_pose_that_the_user_moved_is_neither_of_the_two(a_registered_slice):
    result = findResult(a_registered_slice)
    movePose(result, np.diag([1.0, 1.0, 1.0, 1.0]))
    assert shownHypothesis(result, hypothesesOf(result)) is None


def test_a_second_pose_that_is_not_probable_is_not_offered(a_registered_slice, monkeypatch):
    monkeypatch.setattr("DeepRegistrationSlicer.SlicePose.CLOSE_PROBABILITY", 0.5)
    assert hypothesesOf(findResult(a_registered_slice)) == []


def test_a_slice_of_a_volume_is_put_into_the_atlas_while_the_volume_stays(logic, a_phantom, worker):
    volume = obliqueVolume("Stack")
    parent = movedBy(volume)
    source = SliceSource(volume, number=3)
    result = logic.startRegistration(sliceRequest(a_phantom, source)).outcome.nodes
    assert result.subject is source.node()
    assert volume.GetParentTransformNode() is parent
    assert source.node().GetParentTransformNode() is result.transform
    assert worker.jobs()[0]["mean"] == pytest.approx(float(arrayOf(volume)[3].mean()), rel=1e-5)
    assert worker.jobs()[0]["settings"]["as_stack"] == StackMode.SINGLE
    result.undo()
    assert source.node().GetParentTransformNode() is parent


def test_the_slice_in_the_scene_is_the_one_that_was_registered(logic, a_phantom):
    """Not the one that the volume holds when the result comes."""
    volume = obliqueVolume("Stack")
    before = arrayOf(volume)[3]
    source = SliceSource(volume, number=3)
    logic.startRegistration(
        sliceRequest(a_phantom, source), onProgress=lambda progress: setValue(volume, 99.0)
    )
    np.testing.assert_array_equal(arrayOf(source.node())[0], before)


def test_the_mask_is_written_on_the_grid_of_the_slice(logic, a_phantom, tmp_path):
    volume = obliqueVolume("Stack")
    mask = slicer.util.addVolumeFromArray(
        np.ones((9, 11, 13), np.int16), slicer.util.vtkMatrixFromArray(rasFromIjk(volume)), "mask",
        "vtkMRMLLabelMapVolumeNode",
    )  # fmt: skip
    request = sliceRequest(a_phantom, SliceSource(volume, number=3), mask=mask)
    request.write(tmp_path)
    written = loadVolume(tmp_path / "mask.nrrd", "written", "vtkMRMLLabelMapVolumeNode")
    assert written.GetImageData().GetDimensions() == (13, 11, 1)
    assert arrayOf(written).all()


def test_a_result_that_is_not_to_be_trusted_leaves_the_slice_where_it_is(logic, a_phantom):
    volume = sliceVolume(0.0)
    result = logic.startRegistration(sliceRequest(a_phantom, volume)).outcome.nodes
    assert volume.GetParentTransformNode() is None
    assert not result.isApplied()


def test_only_the_wanted_nodes_are_made(logic, a_phantom):
    wanted = WantedNodes(True, False, False)
    result = logic.startRegistration(sliceRequest(a_phantom, sliceVolume(), wanted=wanted)).outcome.nodes
    assert (result.matching, result.segmentation, result.warped) == (None, None, None)


def test_a_refused_slice_is_named_as_its_node_and_nothing_is_added(logic, a_phantom):
    volume = sliceVolume(-5.0, "Frame 3")
    before = nodeIds()
    with pytest.raises(InputError, match="The image 'Frame 3' shows no brain"):
        logic.startRegistration(sliceRequest(a_phantom, volume))
    assert nodeIds() == before


def test_a_result_that_cannot_be_loaded_leaves_no_slice_behind(logic, a_phantom, monkeypatch):
    volume = obliqueVolume("Stack")
    before = nodeIds()
    monkeypatch.setattr("DeepRegistrationSlicer.ResultLoader.MATCHING", "missing.nrrd")
    with pytest.raises(RegistrationError, match=r"missing\.nrrd' cannot be read"):
        logic.startRegistration(sliceRequest(a_phantom, SliceSource(volume, number=3)))
    assert nodeIds() == before


def test_a_slice_deleted_during_the_job_drops_the_result(logic, a_phantom):
    volume = sliceVolume()
    with pytest.raises(RegistrationError, match="not in the scene any more"):
        logic.startRegistration(
            sliceRequest(a_phantom, volume), onProgress=lambda progress: slicer.mrmlScene.RemoveNode(volume)
        )
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_an_atlas_in_the_scene_gives_its_labels_as_surface(a_phantom, logic):
    atlas = loadVolume(a_phantom / "atlas" / "PHA28.nii.gz", "My atlas")
    labels = loadVolume(a_phantom / "atlas" / "PHA28_parc.nii.gz", "Labels", "vtkMRMLLabelMapVolumeNode")
    room = movedBy(atlas, name="room")
    labels.SetAndObserveTransformNodeID(room.GetID())
    request = sliceRequest(a_phantom, sliceVolume(), atlas=AtlasInScene(atlas, labels))
    result = logic.startRegistration(request).outcome.nodes
    assert result.atlas is atlas
    assert surfaceOf(atlas).GetParentTransformNode() is room
    assert result.transform.GetParentTransformNode() is room


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"wanted": WantedNodes(False, False, False)}, "No output is chosen"),
        ({"settings": FetalSliceSettings(gestational_age_weeks=5.0)}, "5 weeks is not between 18 and 45"),
        ({"atlas": AtlasInScene(None)}, "No volume is chosen as atlas"),
    ],
    ids=["no output", "an age that cannot be", "no atlas"],
)
def test_a_request_that_cannot_be_met_is_refused_at_once(logic, a_phantom, changes, text):
    with pytest.raises(InputError, match=text):
        logic.startRegistration(sliceRequest(a_phantom, sliceVolume(), **changes))


def test_a_slice_cannot_be_its_own_atlas():
    volume = obliqueVolume("Stack")
    with pytest.raises(InputError, match="'Stack' is chosen as slice and as atlas"):
        FetalSliceRequest(SliceSource(volume), atlas=AtlasInScene(volume)).check()


def test_a_registration_is_one_step_to_undo(a_scene_that_can_undo, logic, a_phantom):
    volume = sliceVolume()
    logic.startRegistration(sliceRequest(a_phantom, volume))
    assert a_scene_that_can_undo.GetNumberOfUndoLevels() == 1
    a_scene_that_can_undo.Undo()
    assert volume.GetParentTransformNode() is None
    assert not slicer.util.getNodesByClass("vtkMRMLLinearTransformNode")
    a_scene_that_can_undo.Redo()
    result = findResult(volume)
    assert volume.GetParentTransformNode() is result.transform
    assert x(result.transform) == 7.0


def test_everything_is_there_again_after_saving_and_loading_the_scene(logic, a_phantom, tmp_path):
    source = SliceSource(obliqueVolume("Stack"), number=3)
    logic.startRegistration(sliceRequest(a_phantom, source, atlas=AtlasByAge(a_phantom / "atlas")))
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    volume = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Stack")
    result = findResult(SliceSource(volume, number=3).node())
    assert result.isApplied()
    assert len(hypothesesOf(result)) == 2
    assert surfaceOf(result.atlas).GetPolyData().GetNumberOfPoints() > 100
