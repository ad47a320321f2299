"""The views of a slice in an atlas, with Slicer's own layout logic and slice logics, drawn off-screen."""

import json
import subprocess
import sys

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer import SliceInAtlasView
from DeepRegistrationSlicer.AtlasSource import AtlasByAge
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.MrmlSlices import planeOf
from DeepRegistrationSlicer.SliceInAtlasView import (
    ATLAS_VIEW,
    SLICE_VIEW,
    THREE_D_VIEW,
    areShown,
    layoutOf,
    placeViews,
    showInViews,
    showSliceInAtlas,
)
from DeepRegistrationSlicer.SlicePose import movePose

from Testing.Slicer.conftest import ROOT
from Testing.Slicer.nodes import bentBy, rotation
from Testing.Slicer.slices import ScriptedWorker, sliceRequest, sliceVolume


@pytest.fixture
def layout():
    """Slicer's layout logic: it makes the nodes of the views that a layout names."""
    logic = slicer.vtkMRMLLayoutLogic()
    logic.SetMRMLScene(slicer.mrmlScene)
    node = slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")
    yield node
    logic.SetMRMLScene(None)


@pytest.fixture
def a_result(a_phantom, tmp_path):
    worker = ScriptedWorker(tmp_path / "jobs.log")
    request = sliceRequest(a_phantom, sliceVolume(7.0), atlas=AtlasByAge(a_phantom / "atlas"))
    yield RegistrationLogic(worker).startRegistration(request).outcome.nodes
    worker.shutdown()


def viewNode(name, className="vtkMRMLSliceNode"):
    nodes = slicer.util.getNodesByClass(className)
    return next(node for node in nodes if node.GetLayoutName() == name)


def planeOfView(name) -> np.ndarray:
    return slicer.util.arrayFromVTKMatrix(viewNode(name).GetSliceToRAS())


def turnedPose() -> np.ndarray:
    pose = rotation((20, -35, 60))
    pose[:3, 3] = (3.0, -4.0, 5.0)
    return pose


def distanceToSlice(result, name) -> float:
    """Largest distance of the view's plane from the plane of the slice, within 100 mm [mm]."""
    world = matrixOf(result.transform) @ planeOf(result.subject)
    plane = planeOfView(name)
    corners = [plane @ [x, y, 0, 1] for x in (-100, 100) for y in (-100, 100)]
    return max(abs(world[:3, 2] @ (corner[:3] - world[:3, 3])) for corner in corners)


def test_the_layout_has_a_3d_view_and_two_slice_views_that_leave_the_others_alone(layout, a_result):
    showSliceInAtlas(a_result)
    assert layout.GetViewArrangement() == layoutOf(None)
    assert viewNode(THREE_D_VIEW, "vtkMRMLViewNode").GetViewGroup() != 0
    assert viewNode(SLICE_VIEW).GetViewGroup() == viewNode(ATLAS_VIEW).GetViewGroup() != 0
    assert areShown()
    layout.SetViewArrangement(layout.SlicerLayoutFourUpView)
    assert not areShown()


def test_a_slice_taken_from_a_view_keeps_that_view_in_sight(layout, a_result):
    showSliceInAtlas(a_result, "Yellow")
    assert 'singletontag="Yellow"' in layout.GetCurrentLayoutDescription()
    assert areShown()


def test_the_slice_is_shown_beside_the_matching_slice_and_in_3d(layout, a_result):
    showSliceInAtlas(a_result)
    composites = {
        node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    assert composites[SLICE_VIEW].GetBackgroundVolumeID() == a_result.subject.GetID()
    assert composites[ATLAS_VIEW].GetBackgroundVolumeID() == a_result.matching.GetID()
    assert viewNode(SLICE_VIEW).GetSliceVisible()
    assert not viewNode(ATLAS_VIEW).GetSliceVisible()


def test_the_views_cut_where_the_slice_lies_also_when_it_has_moved(layout, a_result):
    showSliceInAtlas(a_result)
    assert distanceToSlice(a_result, SLICE_VIEW) < 1e-4
    movePose(a_result, turnedPose())
    assert distanceToSlice(a_result, SLICE_VIEW) > 10
    placeViews(a_result)
    for name in (SLICE_VIEW, ATLAS_VIEW):
        assert distanceToSlice(a_result, name) < 1e-4
        axes = planeOfView(name)[:3, :3]
        np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-6)


@pytest.mark.parametrize("turn_deg", [0, 85, 175, -95])
def test_the_head_or_face_is_up_however_the_image_was_stored(layout, a_result, turn_deg):
    movePose(a_result, rotation((0, 0, turn_deg)))
    showSliceInAtlas(a_result)
    assert planeOfView(SLICE_VIEW)[1, 1] > 0.9
    # the patient's left is on the right, as in Slicer's axial view
    assert planeOfView(SLICE_VIEW)[0, 0] < -0.9


def test_what_is_up_stays_up_while_the_slice_turns(layout, a_result):
    showSliceInAtlas(a_result)
    before = planeOfView(SLICE_VIEW)
    movePose(a_result, matrixOf(a_result.transform) @ rotation((0, 0, 50)))
    placeViews(a_result)
    turned = before[:3, :2].T @ planeOfView(SLICE_VIEW)[:3, :2]
    np.testing.assert_allclose(np.diag(turned), np.cos(np.radians(50)), atol=1e-4)


def test_a_slice_that_was_left_where_it_was_is_shown_there_as_a_whole(layout, a_result):
    a_result.undo()
    showSliceInAtlas(a_result)
    width, height = 10 * 2.0, 12 * 2.0
    view = viewNode(SLICE_VIEW)
    centre = planeOfView(SLICE_VIEW)[:3, 3]
    np.testing.assert_allclose(centre, planeOf(a_result.subject)[:3, 3], atol=1e-6)
    assert min(view.GetFieldOfView()[:2]) >= max(width, height)


def test_without_a_layout_any_two_views_show_it(a_result):
    showInViews(a_result, ("Red", "Yellow"))
    assert distanceToSlice(a_result, "Red") < 1e-4
    assert viewNode("Red").GetSliceVisible()


def test_a_bent_slice_leaves_the_views_as_they_are(layout, a_result):
    showSliceInAtlas(a_result)
    before = planeOfView(SLICE_VIEW)
    bentBy(a_result.transform)
    placeViews(a_result)
    np.testing.assert_array_equal(planeOfView(SLICE_VIEW), before)


def test_layouts_are_registered_once(layout):
    SliceInAtlasView.registerLayouts()
    SliceInAtlasView.registerLayouts()
    assert layout.IsLayoutDescription(layoutOf("Green"))


def test_the_slice_is_drawn_in_its_view_and_in_3d(a_phantom, tmp_path):
    """In a process of its own: views that draw do not outlive their scene."""
    command = [sys.executable, "-m", "Testing.Slicer.drawn_slice", str(a_phantom / "atlas"), str(tmp_path)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    drawn = json.loads(said.stdout)
    assert drawn["grey pixels"] > 100
    assert drawn["pixels of the slice in 3D"] > 100
    assert drawn["pixels of the brain in 3D"] > 100
    assert drawn["grey pixels beside the slice"] == 0
