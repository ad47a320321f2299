"""What a result folder becomes in the scene: nodes, folder, attributes; or nothing, if it is damaged."""

import json
import shutil

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer import MrmlBridge
from DeepRegistrationSlicer.FetalVolumeRequest import AtlasByAge, AtlasInScene, WantedNodes
from DeepRegistrationSlicer.ResultLoader import loadResult
from DeepRegistrationSlicer.ResultNodes import findResult

from DeepRegistrationLib.errors import RegistrationError
from Testing.Slicer.nodes import bentBy, movedBy, nodeIds
from Testing.Slicer.phantom import loadSubject


@pytest.fixture
def subject(a_phantom):
    return loadSubject(a_phantom)


@pytest.fixture
def atlas(a_phantom):
    return AtlasByAge(a_phantom / "atlas")


@pytest.fixture
def a_result(a_result_folder, subject, atlas):
    return loadResult(a_result_folder, subject, atlas=atlas)


@pytest.fixture
def a_changed_folder(a_result_folder, tmp_path):
    """A copy of the result folder with other values in result.json."""

    def change(**values):
        folder = shutil.copytree(a_result_folder, tmp_path / "changed")
        content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        (folder / "result.json").write_text(json.dumps(content | values), encoding="utf-8")
        return folder

    return change


def folderItemOf(node) -> int:
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    return hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node))


def test_results_are_named_after_the_subject_and_lie_in_one_folder(a_result):
    assert [node.GetName() for node in a_result.nodes()] == [
        "Fetus 1 to atlas",
        "Fetus 1 in atlas space",
        "Fetus 1 atlas labels",
        "Fetus 1 registration report",
    ]
    folders = {folderItemOf(node) for node in [*a_result.nodes(), a_result.atlas]}
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    assert [hierarchy.GetItemName(item) for item in folders] == ["Fetus 1 registration"]


def test_the_folder_lies_where_the_subject_lies(a_result_folder, subject, atlas):
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    study = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), "Study")
    hierarchy.CreateItem(study, subject)
    result = loadResult(a_result_folder, subject, atlas=atlas)
    assert hierarchy.GetItemParent(folderItemOf(result.transform)) == study


def test_the_scene_alone_says_how_the_result_came_about(a_result):
    for node in a_result.nodes():
        content = json.loads(node.GetAttribute("DeepRegistration.result"))
        assert content["settings"]["seed"] == 0
        assert content["trust"] == "high"
        assert set(content["versions"]) >= {"DeepRegistration", "torch"}
        assert len(content["inputs"]["atlas"]["sha256"]) == 64
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    folder = folderItemOf(a_result.transform)
    assert hierarchy.GetItemAttribute(folder, "DeepRegistration.trust") == "high"
    assert json.loads(hierarchy.GetItemAttribute(folder, "DeepRegistration.settings"))["seed"] == 0


def test_the_segmentation_has_anatomical_names_and_colours(a_result):
    segments = a_result.segmentation.GetSegmentation()
    named = [segments.GetNthSegment(n) for n in range(segments.GetNumberOfSegments())]
    assert any(segment.GetName().startswith("Left ") for segment in named)
    assert len({segment.GetColor() for segment in named}) > 5


def test_the_segmentation_covers_the_subject_in_its_own_space(a_result, a_phantom):
    mask = MrmlBridge.loadVolume(a_phantom / "mask.nii.gz", "mask", "vtkMRMLLabelMapVolumeNode")
    labels = slicer.vtkMRMLLabelMapVolumeNode()
    slicer.mrmlScene.AddNode(labels)
    a_result.segmentation.SetAndObserveTransformNodeID(None)
    slicer.vtkSlicerSegmentationsModuleLogic.ExportAllSegmentsToLabelmapNode(a_result.segmentation, labels)
    volumes = [
        np.count_nonzero(MrmlBridge.arrayOf(node)) * abs(np.linalg.det(MrmlBridge.rasFromIjk(node)[:3, :3]))
        for node in (mask, labels)
    ]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.05)


def test_the_warped_volume_lies_on_the_grid_of_the_atlas(a_result):
    warped, atlas = a_result.warped, a_result.atlas
    np.testing.assert_allclose(MrmlBridge.rasFromIjk(warped), MrmlBridge.rasFromIjk(atlas), atol=1e-4)
    voxels = [MrmlBridge.arrayOf(volume).ravel() for volume in (warped, atlas)]
    assert np.corrcoef(*voxels)[0, 1] > 0.95


def test_the_warped_volume_is_as_bright_as_the_user_set_the_subject(a_result_folder, subject, atlas):
    subject.GetDisplayNode().SetAutoWindowLevel(False)
    subject.GetDisplayNode().SetWindowLevel(123, 456)
    display = loadResult(a_result_folder, subject, atlas=atlas).warped.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (123, 456)


def test_a_trusted_result_is_applied_and_another_is_not(a_changed_folder, subject, atlas):
    result = loadResult(a_changed_folder(trust="low", confidence=0.1), subject, atlas=atlas)
    assert subject.GetParentTransformNode() is None
    assert result.segmentation.GetParentTransformNode() is None
    assert not result.isApplied()
    result.apply()
    assert subject.GetParentTransformNode() is result.transform


def test_moderate_trust_is_enough(a_changed_folder, subject, atlas):
    assert loadResult(a_changed_folder(trust="moderate"), subject, atlas=atlas).isApplied()


@pytest.mark.parametrize("place", [movedBy, bentBy], ids=["linear", "not linear"])
def test_the_transform_above_the_subject_is_remembered(a_result_folder, subject, atlas, place):
    before = place(subject)
    result = loadResult(a_result_folder, subject, atlas=atlas)
    assert subject.GetParentTransformNode() is result.transform
    result.undo()
    assert subject.GetParentTransformNode() is before


def test_before_is_the_world_if_the_transform_of_then_was_deleted(a_result_folder, subject, atlas):
    before = movedBy(subject)
    result = loadResult(a_result_folder, subject, atlas=atlas)
    slicer.mrmlScene.RemoveNode(before)
    result.undo()
    assert subject.GetParentTransformNode() is None


def test_only_the_wanted_nodes_are_made(a_result_folder, subject, atlas):
    wanted = WantedNodes(transform=False, segmentation=False)
    result = loadResult(a_result_folder, subject, wanted, atlas)
    assert (result.transform, result.segmentation) == (None, None)
    assert result.warped is not None
    assert findResult(subject).warped is result.warped
    assert subject.GetParentTransformNode() is None


def test_the_latest_of_two_results_is_found_and_the_atlas_is_shared(a_result_folder, subject, atlas):
    first = loadResult(a_result_folder, subject, atlas=atlas)
    second = loadResult(a_result_folder, subject, atlas=atlas)
    assert findResult(subject).transform is second.transform
    assert second.atlas is first.atlas
    assert folderItemOf(second.atlas) == folderItemOf(first.transform)


def test_the_outlines_of_the_latest_result_are_the_only_ones_shown(a_result_folder, subject, atlas):
    results = [loadResult(a_result_folder, subject, atlas=atlas) for _ in range(3)]
    shown = [result.segmentation.GetDisplayVisibility() for result in results]
    assert [bool(visibility) for visibility in shown] == [False, False, True]


def test_a_result_lives_on_without_a_node_that_the_user_deleted(a_result, subject):
    slicer.mrmlScene.RemoveNode(a_result.transform)
    found = findResult(subject)
    assert found.transform is None
    assert found.segmentation is not None
    assert not found.isApplied()


def test_an_atlas_on_disk_that_has_changed_since_is_not_shown(
    a_changed_folder, a_result_folder, subject, atlas
):
    inputs = json.loads((a_result_folder / "result.json").read_text(encoding="utf-8"))["inputs"]
    inputs["atlas"]["sha256"] = "0" * 64
    assert loadResult(a_changed_folder(inputs=inputs), subject, atlas=atlas).atlas is None


def test_nodes_in_atlas_space_stand_where_the_atlas_stands(a_result_folder, subject, a_phantom):
    volume = MrmlBridge.loadVolume(a_phantom / "atlas" / "PHA28.nii.gz", "My atlas")
    room = bentBy(volume)
    result = loadResult(a_result_folder, subject, atlas=AtlasInScene(volume))
    assert result.transform.GetParentTransformNode() is room
    assert result.warped.GetParentTransformNode() is room


@pytest.mark.parametrize("file", ["warped.nrrd", "segmentation.seg.nrrd", "result.json"])
def test_a_damaged_result_adds_nothing_to_the_scene(a_changed_folder, subject, atlas, file):
    folder = a_changed_folder()
    (folder / file).write_text("damaged", encoding="utf-8")
    scanner, before = movedBy(subject), nodeIds()
    with pytest.raises(RegistrationError, match="cannot be read"):
        loadResult(folder, subject, WantedNodes(), atlas)
    assert nodeIds() == before
    assert subject.GetParentTransformNode() is scanner
    assert findResult(subject) is None


def test_everything_is_there_again_after_saving_and_loading_the_scene(a_result, tmp_path):
    matrix = MrmlBridge.matrixOf(a_result.transform)
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    subject = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "Fetus 1")
    result = findResult(subject)
    assert result.isApplied()
    np.testing.assert_allclose(MrmlBridge.matrixOf(result.transform), matrix, atol=1e-6)
    assert result.content()["trust"] == "high"
    assert result.atlas.GetName() == "PHA28"
    assert "<html" in result.report.GetText().lower()
    hierarchy = slicer.mrmlScene.GetSubjectHierarchyNode()
    assert hierarchy.GetItemName(folderItemOf(result.transform)) == "Fetus 1 registration"
    assert result.segmentation.GetSegmentation().GetNumberOfSegments() > 5
    result.undo()
    assert subject.GetParentTransformNode() is None
