"""A bent atlas in the scene: where its nodes stand before and after, any subset of them, saved, undone."""

import json
import shutil

import numpy as np
import pytest
import slicer
import vtk
from DeepRegistrationSlicer.BentBone import UNCERTAINTY
from DeepRegistrationSlicer.BiplanarResultLoader import BENT_LABELS, BONE, GRID
from DeepRegistrationSlicer.BiplanarSection import sectionOf
from DeepRegistrationSlicer.BiplanarWords import outlineLines
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, matrixOf, rasFromIjk
from DeepRegistrationSlicer.MrmlSlices import middleOf
from DeepRegistrationSlicer.ResultNodes import AFFINE, GOES_ALONG, findResult
from DeepRegistrationSlicer.XrayViewNodes import DRR, DRR_START, shownOf, usedCamera

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import JobKind
from Testing.Slicer.biplanar_nodes import loadBiplanarNodes
from Testing.Slicer.nodes import nodeIds, rotation


@pytest.fixture
def nodes(phantoms):
    return loadBiplanarNodes(phantoms(JobKind.BIPLANAR))


@pytest.fixture
def truth(phantoms):
    """World from atlas, and a point of the atlas."""
    content = json.loads((phantoms(JobKind.BIPLANAR) / "truth.json").read_text(encoding="utf-8"))
    return np.array(content["matrix"]), np.array(content["centre"])


@pytest.fixture
def a_doubtful_result(a_biplanar_result, tmp_path):
    folder = shutil.copytree(a_biplanar_result, tmp_path / "doubtful")
    content = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    (folder / "result.json").write_text(json.dumps(content | {"trust": "low"}), encoding="utf-8")
    return folder


def surfaceOf(model):
    """(N, 3) points in the world [mm]."""
    toWorld, points = vtk.vtkGeneralTransform(), slicer.util.arrayFromModelPoints(model)
    if model.GetParentTransformNode() is not None:
        model.GetParentTransformNode().GetTransformToWorld(toWorld)
    return np.array([toWorld.TransformPoint(point) for point in points[::37]])


def test_the_deformation_carries_points_of_the_atlas_to_where_they_are(nodes, a_biplanar_result, truth):
    result = nodes.load(a_biplanar_result)
    assert nodes.atlas.volume.GetParentTransformNode() is result.transform
    toWorld = vtk.vtkGeneralTransform()
    result.transform.GetTransformToWorld(toWorld)
    worldFromAtlas, centre = truth
    for away in ((0, 0, 0), (-22, 4, -18), (24, -6, 10)):
        expected = worldFromAtlas @ np.append(centre + away, 1.0)
        assert np.linalg.norm(toWorld.TransformPoint(centre + away) - expected[:3]) < 2.0


def test_before_is_the_atlas_as_it_was_and_after_the_bent_one(nodes, a_biplanar_result):
    start = createLinearTransform(rotation((2, 3, -4)), "start")
    for node in (nodes.atlas.volume, nodes.atlas.labels):
        node.SetAndObserveTransformNodeID(start.GetID())
    result = nodes.load(a_biplanar_result)
    bone, labels = result.more[GOES_ALONG], result.more[BENT_LABELS]
    bent = surfaceOf(bone)
    assert result.isApplied()
    assert [shown.GetName() for shown in shownOf(result).drrs] == [
        result.more[role].GetName() for role in (DRR, f"{DRR}2")
    ]
    result.undo()
    for node in (nodes.atlas.volume, nodes.atlas.labels, bone):
        assert node.GetParentTransformNode() is start
    assert np.linalg.norm(surfaceOf(bone) - bent, axis=1).mean() > 3
    assert labels.GetParentTransformNode() is None
    assert [shown.GetName() for shown in shownOf(result).drrs] == [
        result.more[role].GetName() for role in (DRR_START, f"{DRR_START}2")
    ]
    result.apply()
    assert nodes.atlas.labels.GetParentTransformNode() is result.transform


def test_the_affine_part_moves_nothing_beside_the_deformation(nodes, a_biplanar_result, truth):
    result = nodes.load(a_biplanar_result)
    worldFromAtlas, centre = truth
    point = np.append(centre, 1.0)
    found = matrixOf(result.more[AFFINE])
    assert np.linalg.norm((found - worldFromAtlas) @ point) < 2.0
    assert result.transforms() == [result.transform]


def test_the_affine_part_alone_moves_the_atlas(nodes, a_biplanar_result):
    result = nodes.load(a_biplanar_result, affine=True)
    assert result.transform.IsLinear()
    assert nodes.atlas.volume.GetParentTransformNode() is result.transform
    assert result.more == {}


def test_the_bone_alone_stands_in_the_world_and_nothing_moves(nodes, a_biplanar_result):
    result = nodes.load(a_biplanar_result, bone=True)
    assert set(result.byRole()) == {BONE, "stand", "stand2", "report"}
    assert nodes.atlas.volume.GetParentTransformNode() is None
    whole = nodes.load(a_biplanar_result)
    np.testing.assert_allclose(surfaceOf(result.more[BONE]), surfaceOf(whole.more[GOES_ALONG]), atol=0.1)


@pytest.mark.parametrize(
    ("name", "role"),
    [("warped", "warped"), ("segmentation", BENT_LABELS), ("drr", DRR), ("deformation", "transform")],
)
def test_each_output_can_be_had_alone(nodes, a_biplanar_result, name, role):
    result = nodes.load(a_biplanar_result, **{name: True})
    assert role in result.byRole()
    others = {"warped", BENT_LABELS, DRR, "transform", AFFINE, BONE, GOES_ALONG} - {role}
    assert not others & set(result.byRole())


def test_the_segmentation_has_closed_surfaces_that_the_model_does_not_hide(nodes, a_biplanar_result):
    result = nodes.load(a_biplanar_result)
    labels = result.more[BENT_LABELS]
    assert labels.GetSegmentation().ContainsRepresentation("Closed surface")
    assert not labels.GetDisplayNode().GetVisibility3D()
    alone = nodes.load(a_biplanar_result, segmentation=True)
    assert alone.more[BENT_LABELS].GetDisplayNode().GetVisibility3D()


def test_the_colours_of_the_bone_tell_how_sure_its_place_is(nodes, a_biplanar_result):
    bone = nodes.load(a_biplanar_result).more[GOES_ALONG]
    values = slicer.util.arrayFromModelPointData(bone, UNCERTAINTY)
    told = json.loads((a_biplanar_result / "result.json").read_text("utf-8"))["uncertainty_mm"]
    assert told["smallest"] - 0.1 <= values.min() < values.max() <= told["largest"] + 0.1
    assert bone.GetDisplayNode().GetActiveScalarName() == UNCERTAINTY
    assert bone.GetDisplayNode().GetScalarVisibility()
    assert bone.GetDisplayNode().GetColorNode() is not None


def test_the_lines_of_the_grid_are_those_of_the_atlas_bent(nodes, a_biplanar_result):
    result = nodes.load(a_biplanar_result)
    atlasFromWorld = vtk.vtkGeneralTransform()
    result.transform.GetTransformFromWorld(atlasFromWorld)
    bent = slicer.util.arrayFromModelPoints(result.more[GRID])[::11]
    straight = np.array([atlasFromWorld.TransformPoint(point) for point in bent])
    middle = middleOf(nodes.atlas.volume)
    np.testing.assert_allclose(straight[:, 1], middle[1], atol=0.1)
    assert np.abs(bent - straight).max() > 3
    # they are seen in one view, over the slice
    assert result.more[GRID].GetDisplayNode().GetViewNodeIDs() == ("vtkMRMLSliceNodeXraySection",)


def test_the_slice_goes_along_the_bone_before_and_after(nodes, a_biplanar_result, truth):
    result = nodes.load(a_biplanar_result)
    after, before = (sectionOf(result, isBefore) for isBefore in (False, True))
    assert (after.volume, before.volume) == (result.warped, nodes.atlas.volume)
    np.testing.assert_allclose(before.rasFromMm[:3, :3], [[-1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-9)
    worldFromAtlas, _ = truth
    for section, matrix in ((before, np.eye(4)), (after, worldFromAtlas)):
        middle = section.rasFromMm @ (section.size_mm[0] / 2, section.size_mm[1] / 2, 0, 1)
        expected = matrix @ np.append(middleOf(nodes.atlas.volume), 1.0)
        assert np.linalg.norm(middle - expected) < 2.5
    turn = before.rasFromMm[:3, :3].T @ after.rasFromMm[:3, :3]
    assert np.degrees(np.arccos((np.trace(turn) - 1) / 2)) == pytest.approx(8.7, abs=2.0)


def test_radiograph_and_drr_lie_on_the_detector_of_the_camera(nodes, a_biplanar_result):
    result = nodes.load(a_biplanar_result)
    view = result.content()["views"][1]
    for role in ("xray2", "drr2", "drr_start2"):
        np.testing.assert_allclose(rasFromIjk(result.more[role]), usedCamera(view).ras_from_ijk, atol=1e-3)


def test_a_corrected_camera_carries_its_detector_along(nodes, a_biplanar_result):
    view = json.loads((a_biplanar_result / "result.json").read_text("utf-8"))["views"][1]
    plain = usedCamera(view)
    correction = rotation((3, -2, 4))
    correction[:3, 3] = (5, -7, 2)
    moved = usedCamera(view | {"camera_correction": {"matrix": correction.tolist()}})
    # the camera sees a point of the world where it would have seen the corrected one
    point = np.array([-300.0, 150.0, 610.0])
    corrected = correction[:3, :3] @ point + correction[:3, 3]
    np.testing.assert_allclose(moved.project(point)[0], plain.project(corrected)[0], atol=1e-6)


def test_a_doubtful_result_leaves_the_atlas_where_it_was(nodes, a_doubtful_result):
    result = nodes.load(a_doubtful_result)
    assert nodes.atlas.volume.GetParentTransformNode() is None
    assert result.more[GOES_ALONG].GetParentTransformNode() is None
    assert not result.isApplied()
    result.apply()
    assert result.isApplied()


def test_all_of_it_is_one_step_that_can_be_undone(a_scene_that_can_undo, nodes, a_biplanar_result):
    nodes.atlas.volume.SetUndoEnabled(True)
    before = nodeIds()
    nodes.load(a_biplanar_result)
    assert a_scene_that_can_undo.GetNumberOfUndoLevels() == 1
    a_scene_that_can_undo.Undo()
    assert findResult(nodes.subject) is None
    assert nodes.atlas.volume.GetParentTransformNode() is None
    kinds = ("vtkMRMLTransformNode", "vtkMRMLModelNode", "vtkMRMLTextNode", "vtkMRMLSegmentationNode")
    left = [node for kind in kinds for node in slicer.util.getNodesByClass(kind)]
    assert [node.GetID() for node in left if node.GetID() not in before] == []


def test_without_one_of_its_files_nothing_comes_into_the_scene(nodes, a_biplanar_result, tmp_path):
    folder = shutil.copytree(a_biplanar_result, tmp_path / "cut")
    (folder / "uncertainty.nrrd").unlink()
    before = nodeIds()
    with pytest.raises(RegistrationError, match=r"uncertainty\.nrrd"):
        nodes.load(folder)
    assert nodeIds() == before
    assert nodes.atlas.volume.GetParentTransformNode() is None


def test_it_is_found_again_in_a_saved_scene(nodes, a_biplanar_result, tmp_path):
    nodes.load(a_biplanar_result)
    bent = surfaceOf(findResult(nodes.subject).more[GOES_ALONG])
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    result = findResult(slicer.util.getFirstNodeByName("View 1"))
    assert result.isApplied()
    assert result.atlas.GetName() == "Atlas"
    np.testing.assert_allclose(surfaceOf(result.more[GOES_ALONG]), bent, atol=0.1)
    result.undo()
    assert result.atlas.GetParentTransformNode() is None


def test_a_second_result_hides_the_bone_of_the_first(nodes, a_biplanar_result):
    first = nodes.load(a_biplanar_result)
    nodes.load(a_biplanar_result)
    assert not first.more[GOES_ALONG].GetDisplayVisibility()
    assert not first.more[BENT_LABELS].GetDisplayVisibility()


def test_its_words_tell_outlines_and_how_sure_the_place_is(a_biplanar_result):
    content = json.loads((a_biplanar_result / "result.json").read_text("utf-8"))
    lines = outlineLines(content)
    assert len(lines) == 3
    assert "mm from that of the mask" in lines[0]
    content["views"][1]["outline_distance_mm"] = None
    assert "no mask" in outlineLines(content)[1]
    assert outlineLines({"views": []}) == []
