"""What the tab of radiographs does to a scene: one step to undo, nothing on Cancel, transforms of others."""

import sys

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer import Dependencies
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, matrixToWorld, rasFromIjk
from DeepRegistrationSlicer.ResultNodes import findResult

from Testing.Slicer.nodes import rotation
from Testing.Slicer.panel_user import isShown
from Testing.Slicer.scene_state import stateOfScene
from Testing.Slicer.xray_phantom import NUMBERS, loadXrayNodes, moveBy
from Testing.Slicer.xray_tab import liveNodes, shiftOf

_MADE_BY_A_RESULT = ("vtkMRMLTransformNode", "vtkMRMLTableNode", "vtkMRMLTextNode", "vtkMRMLPlotChartNode")


@pytest.fixture
def nodes(an_xray_case):
    return loadXrayNodes(an_xray_case)


@pytest.fixture
def open_tab(nodes, open_xray_tab):
    """Opens the tab with everything chosen; the worker answers after so many seconds."""

    def open_tab(seconds=0.2):
        tab = open_xray_tab(seconds)
        tab.enter(tab.first, NUMBERS[0])
        return tab

    return open_tab


def underTwoTransforms(node):
    """Puts a node under a transform within another one; returns the inner one."""
    inner, outer = rotation((2, -1, 1)), rotation((-1, 2, 1))
    inner[:3, 3], outer[:3, 3] = (5.0, -7.0, 3.0), (-4.0, 6.0, 8.0)
    transforms = [
        createLinearTransform(matrix, name) for matrix, name in ((inner, "inner"), (outer, "outer"))
    ]
    transforms[0].SetAndObserveTransformNodeID(transforms[1].GetID())
    node.SetAndObserveTransformNodeID(transforms[0].GetID())
    return transforms[0]


def test_a_registration_is_undone_at_once_and_can_be_repeated(a_scene_that_can_undo, nodes, open_tab):
    before = moveBy(nodes)
    tab = open_tab()
    a_scene_that_can_undo.ClearUndoStack()
    kept = {name: len(slicer.util.getNodesByClass(name)) for name in _MADE_BY_A_RESULT}
    start = matrixToWorld(nodes.ct)
    tab.user.register()
    assert findResult(nodes.ct).isApplied()
    assert a_scene_that_can_undo.GetNumberOfUndoLevels() == 1
    a_scene_that_can_undo.Undo()
    assert findResult(nodes.ct) is None
    assert not isShown(tab.ui.resultCollapsibleButton)
    assert nodes.ct.GetTransformNodeID() == before.GetID()
    np.testing.assert_array_equal(matrixToWorld(nodes.ct), start)
    assert {name: len(slicer.util.getNodesByClass(name)) for name in _MADE_BY_A_RESULT} == kept
    assert liveNodes() == []
    tab.user.register()
    assert findResult(nodes.ct).isApplied()


def test_a_cancelled_registration_is_no_step_and_leaves_the_scene_as_it_was(
    a_scene_that_can_undo, nodes, open_tab
):
    underTwoTransforms(nodes.ct)
    tab = open_tab(seconds=20.0)
    a_scene_that_can_undo.ClearUndoStack()
    state, start = stateOfScene(), matrixToWorld(nodes.ct)
    tab.ui.registerButton.click()
    tab.user.waitFor(lambda: liveNodes() != [] and not np.allclose(matrixToWorld(nodes.ct), start))
    tab.ui.registerButton.click()
    tab.user.wait()
    assert stateOfScene() == state
    np.testing.assert_array_equal(matrixToWorld(nodes.ct), start)
    assert a_scene_that_can_undo.GetNumberOfUndoLevels() == 0


def test_a_ct_under_transforms_of_others_moves_in_the_world_and_comes_back(nodes, open_tab):
    inner = underTwoTransforms(nodes.ct)
    start = matrixToWorld(nodes.ct)
    tab = open_tab()
    tab.user.register()
    result = findResult(nodes.ct)
    # the scripted worker answers with 10 mm to the right, in the world
    expected = start.copy()
    expected[0, 3] += 10.0
    np.testing.assert_allclose(matrixToWorld(nodes.ct), expected, atol=1e-6)
    tab.ui.beforeButton.click()
    assert nodes.ct.GetParentTransformNode() is inner
    np.testing.assert_array_equal(matrixToWorld(nodes.ct), start)
    tab.ui.afterButton.click()
    assert nodes.ct.GetParentTransformNode() is result.transform


def test_a_transform_above_a_radiograph_changes_nothing_of_its_geometry(nodes, open_tab):
    """Its camera says where it was taken, wherever its picture was put in the scene."""
    tab = open_tab()
    tab.user.register()
    plain = findResult(nodes.ct)
    expected = matrixToWorld(nodes.ct), matrixToWorld(plain.more["xray"]), rasFromIjk(plain.more["xray"])
    tab.ui.beforeButton.click()
    inner = underTwoTransforms(nodes.radiographs[0])
    tab.user.register()
    moved = findResult(nodes.ct)
    found = matrixToWorld(nodes.ct), matrixToWorld(moved.more["xray"]), rasFromIjk(moved.more["xray"])
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    assert nodes.radiographs[0].GetParentTransformNode() is inner
    first, second = tab.logic._worker.jobs()
    assert first["start"] == second["start"]
    assert first["settings"] == second["settings"]


def test_without_torch_register_says_so_and_the_scene_stays_as_it_is(nodes, open_tab, monkeypatch):
    moveBy(nodes)
    tab = open_tab()
    missing = Dependencies.Requirement("torch", "99")
    monkeypatch.setattr(Dependencies, "requirements", lambda: [missing])
    state = stateOfScene()
    tab.ui.registerButton.click()
    assert "torch>=99" in tab.ui.statusLabel.text
    assert tab.logic.job is None
    assert tab.logic._worker.jobs() == []
    assert stateOfScene() == state


@pytest.mark.skipif("torch" in sys.modules, reason="tests of the library brought it in")
def test_torch_stays_out_of_this_process(nodes, open_tab):
    tab = open_tab()
    tab.ui.followCheckBox.checked = True
    tab.user.waitFor(lambda: tab.ui.rateLabel.text)
    tab.user.register()
    assert shiftOf(nodes.ct) == pytest.approx(10.0)
    assert "torch" not in sys.modules
