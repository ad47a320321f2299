"""The tab for radiographs while something moves: overlay, registration, cancelling, nodes that go."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import CancelChoice
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.ResultNodes import findResult

from Testing.Slicer.nodes import nodeIds
from Testing.Slicer.panel_user import choose
from Testing.Slicer.xray_phantom import NUMBERS, loadXrayNodes, moveBy
from Testing.Slicer.xray_tab import liveNodes, shiftOf


@pytest.fixture
def nodes(an_xray_case):
    return loadXrayNodes(an_xray_case)


@pytest.fixture
def a_tab(nodes, open_xray_tab):
    """The tab with everything chosen."""
    tab = open_xray_tab()
    tab.enter(tab.first, NUMBERS[0])
    return tab


@pytest.fixture
def a_slow_tab(nodes, open_xray_tab):
    """The same, with a worker that takes its time."""
    tab = open_xray_tab(seconds=20.0)
    tab.enter(tab.first, NUMBERS[0])
    return tab


@pytest.fixture
def an_unhurried_tab(nodes, open_xray_tab):
    """The same, slow enough to look on."""
    tab = open_xray_tab(seconds=2.0)
    tab.enter(tab.first, NUMBERS[0])
    return tab


def test_the_ct_follows_the_registration_and_comes_to_the_result(an_unhurried_tab, nodes):
    a_tab, seen = an_unhurried_tab, []
    a_tab.ui.registerButton.click()
    assert a_tab.ui.registerButton.text == "Cancel"
    a_tab.user.wait(lambda: seen.append(shiftOf(nodes.ct)) and False)
    assert {round(x) for x in seen} >= {2, 4, 6, 8}
    assert sorted(seen) == seen
    assert nodes.ct.GetParentTransformNode() is findResult(nodes.ct).transform


def test_the_overlay_follows_the_registration(a_slow_tab, nodes):
    a_slow_tab.ui.registerButton.click()

    def drr():
        found = [node for node in liveNodes() if node.GetName().endswith("DRR")]
        return slicer.util.arrayFromVolume(found[0]).mean() if found else 0.0

    a_slow_tab.user.waitFor(lambda: drr() == 2.0)
    a_slow_tab.user.waitFor(lambda: drr() == 4.0)
    a_slow_tab.ui.registerButton.click()
    a_slow_tab.user.wait()
    assert liveNodes() == []


@pytest.mark.parametrize("choice", list(CancelChoice))
def test_cancel_restores_or_keeps_the_pose_as_asked(a_slow_tab, nodes, choice):
    before = moveBy(nodes, (0, 0, 0), (1.0, 0.0, 0.0))
    choose(a_slow_tab.ui.onCancelSelector, choice)
    ids = nodeIds()
    a_slow_tab.ui.registerButton.click()
    a_slow_tab.user.waitFor(lambda: shiftOf(nodes.ct) == pytest.approx(3.0))
    a_slow_tab.ui.registerButton.click()
    a_slow_tab.user.wait()
    assert findResult(nodes.ct) is None
    if choice == CancelChoice.RESTORE:
        assert nodes.ct.GetParentTransformNode() is before
        left = [entry for entry in nodeIds() if entry not in ids]
        # views stay
        assert all("Slice" in entry or "vtkMRMLViewNode" in entry for entry in left)
    else:
        assert shiftOf(nodes.ct) >= 3.0 - 1e-6
        assert nodes.ct.GetParentTransformNode() is not before
        assert "pose when cancelled" in nodes.ct.GetParentTransformNode().GetName()
    assert liveNodes() == []


def test_closing_the_scene_during_a_registration_cancels_it(a_slow_tab):
    a_slow_tab.ui.registerButton.click()
    a_slow_tab.user.waitFor(lambda: any(node.GetName().endswith("DRR") for node in liveNodes()))
    slicer.mrmlScene.Clear(False)
    a_slow_tab.user.wait()
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")
    assert not slicer.util.getNodesByClass("vtkMRMLTransformNode")
    assert not a_slow_tab.ui.registerButton.enabled


@pytest.mark.parametrize("gone", ["ct", "radiograph"])
def test_an_image_deleted_during_a_registration_leaves_nothing_of_it(a_tab, nodes, gone):
    a_tab.ui.registerButton.click()
    job = a_tab.logic.job
    node = nodes.ct if gone == "ct" else nodes.radiographs[0]
    slicer.mrmlScene.RemoveNode(node)
    a_tab.user.wait()
    assert f"'{node.GetName()}' is not in the scene any more" in job.outcome.message
    assert liveNodes() == []
    assert not slicer.util.getNodesByClass("vtkMRMLTransformNode")


def test_the_overlay_follows_the_ct_while_it_is_dragged(a_tab, nodes):
    transform = moveBy(nodes, (0, 0, 0), (3.0, 0.0, 0.0))
    ui = a_tab.ui
    ui.followCheckBox.checked = True
    a_tab.user.waitFor(lambda: ui.rateLabel.text)
    assert "overlays per second" in ui.rateLabel.text
    drr = next(node for node in liveNodes() if node.GetName().endswith("DRR"))
    assert slicer.util.arrayFromVolume(drr).mean() == pytest.approx(3.0)
    matrix = np.eye(4)
    matrix[0, 3] = 5.0
    transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    a_tab.user.waitFor(lambda: slicer.util.arrayFromVolume(drr).mean() == pytest.approx(5.0))
    bones = next(node for node in liveNodes() if "bones" in node.GetName())
    assert bones.GetParentTransformNode() is transform
    assert ui.registerButton.text == "Register"
    assert not any(node.GetHideFromEditors() for node in nodes.radiographs)
    ui.followCheckBox.checked = False
    assert liveNodes() == []
    assert all(job["settings"]["preview"] for job in a_tab.logic._worker.jobs())
    # the CT is written once, however often it is projected
    assert len({job["files"]["ct"] for job in a_tab.logic._worker.jobs()}) == 1


def test_register_takes_the_place_of_the_overlay(a_tab, nodes):
    a_tab.ui.followCheckBox.checked = True
    a_tab.user.waitFor(lambda: a_tab.ui.rateLabel.text)
    assert not a_tab.ui.jobTabs.tabBar().enabled
    a_tab.user.register()
    assert not a_tab.ui.followCheckBox.checked
    assert shiftOf(nodes.ct) == pytest.approx(10.0)
    assert liveNodes() == []
    assert a_tab.ui.jobTabs.tabBar().enabled


def test_another_geometry_stops_the_overlay(a_tab):
    a_tab.ui.followCheckBox.checked = True
    a_tab.user.waitFor(lambda: a_tab.ui.rateLabel.text)
    a_tab.first.primaryAngleSpinBox.value = 12.0
    assert not a_tab.ui.followCheckBox.checked
    assert liveNodes() == []


def test_a_radiograph_that_is_removed_ends_the_overlay_with_a_word(a_tab, nodes):
    a_tab.ui.followCheckBox.checked = True
    a_tab.user.waitFor(lambda: a_tab.ui.rateLabel.text)
    slicer.mrmlScene.RemoveNode(nodes.radiographs[0])
    assert not a_tab.ui.followCheckBox.checked
    assert liveNodes() == []


def test_a_scene_that_is_closed_ends_the_overlay(a_tab):
    a_tab.ui.followCheckBox.checked = True
    a_tab.user.waitFor(lambda: a_tab.ui.rateLabel.text)
    slicer.mrmlScene.Clear(False)
    a_tab.user.wait()
    assert not a_tab.ui.followCheckBox.checked
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_a_module_that_is_reloaded_leaves_nothing_behind(a_tab, monkeypatch):
    monkeypatch.setattr(a_tab.logic, "shutdown", lambda: None)
    a_tab.ui.followCheckBox.checked = True
    a_tab.user.waitFor(lambda: a_tab.ui.rateLabel.text)
    a_tab.user.widget.cleanup()
    assert liveNodes() == []


def test_the_ct_is_moved_by_handles_of_a_transform_of_its_own(a_tab, nodes):
    a_tab.ui.bonesSelector.setCurrentNode(nodes.bones)
    a_tab.ui.moveButton.click()
    transform = nodes.ct.GetParentTransformNode()
    assert transform.GetDisplayNode().GetEditorVisibility()
    assert nodes.bones.GetParentTransformNode() is transform
    assert a_tab.ui.moveButton.checked
    a_tab.ui.moveButton.click()
    assert not transform.GetDisplayNode().GetEditorVisibility()
    assert nodes.ct.GetParentTransformNode() is transform
    assert not a_tab.ui.moveButton.checked


def test_dragging_after_a_registration_leaves_the_result_as_it_is(a_tab, nodes):
    a_tab.user.register()
    result = findResult(nodes.ct).transform
    a_tab.ui.moveButton.click()
    assert nodes.ct.GetParentTransformNode() is not result
    np.testing.assert_allclose(matrixOf(nodes.ct.GetParentTransformNode()), matrixOf(result))
