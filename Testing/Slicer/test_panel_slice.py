"""The tab for slices with its real form, offscreen: choices, both poses, views, following."""

import gc

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import (
    AtlasChoice,
    ContrastChoice,
    HalfSpaceChoice,
    JobChoice,
    SliceChoice,
    SliceMethodChoice,
)
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.ResultNodes import findResult

from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, HalfSpace
from DeepRegistrationLib.jobs.fetal_volume import MovingContrast
from Testing.Slicer.nodes import obliqueVolume
from Testing.Slicer.panel_user import choose, isShown
from Testing.Slicer.slices import ScriptedWorker, setValue, sliceVolume


@pytest.fixture
def worker(tmp_path):
    worker = ScriptedWorker(tmp_path / "jobs.log", seconds=0.05)
    yield worker
    worker.shutdown()


@pytest.fixture
def open_slice_tab(open_panel, a_phantom, worker):
    """The tab with the phantom atlas, and a worker that knows the answer."""

    def open_slice_tab():
        user = open_panel(JobChoice.FETAL_SLICE)
        user.logic._worker = worker
        user.ui.atlasFolderSelector.currentPath = str(a_phantom / "atlas")
        return user

    return open_slice_tab


@pytest.fixture
def a_slice():
    return sliceVolume(7.0)


@pytest.fixture
def a_tab(a_slice, open_slice_tab):
    return open_slice_tab()


def poseOf(volume) -> float:
    return matrixOf(findResult(volume).transform)[0, 3]


def follow(tab) -> None:
    tab.ui.followCheckBox.checked = True


def untilMoved(tab, volume, x: float) -> None:
    tab.waitFor(lambda: findResult(volume) is not None and poseOf(volume) == x)


def test_in_an_empty_scene_register_is_disabled_and_says_why(open_slice_tab):
    tab = open_slice_tab()
    assert not tab.ui.registerButton.enabled
    assert "No volume is chosen as slice or stack" in tab.ui.registerButton.toolTip
    assert not tab.ui.followCheckBox.enabled


def test_an_image_of_one_slice_is_preferred(open_slice_tab):
    obliqueVolume("Stack")
    volume = sliceVolume()
    assert open_slice_tab().ui.subjectSelector.currentNode() is volume


def test_every_widget_that_takes_a_choice_is_bound_and_explained(a_tab):
    bound = [w for w in vars(a_tab.ui).values() if w.property("SlicerParameterName")]
    assert len(bound) == 21
    assert [widget.name for widget in bound if not widget.toolTip] == ["jobTabs"]


def test_widgets_write_the_parameters_of_this_tab_only(a_tab):
    ui, chosen = a_tab.ui, a_tab.parameters.fetalSlice
    ui.ageSpinBox.value = 31.5
    ui.candidatesSpinBox.value = 7
    ui.thicknessSpinBox.value = 3.5
    ui.matchingCheckBox.checked = False
    choose(ui.methodSelector, SliceMethodChoice.BANK)
    choose(ui.halfSpaceSelector, HalfSpaceChoice.SUPERIOR)
    choose(ui.contrastSelector, ContrastChoice.T1_TO_T2)
    settings = a_tab.panel.page.request(a_tab.parameters).settings
    assert (settings.gestational_age_weeks, settings.candidates, settings.slice_thickness_mm) == (
        31.5,
        7,
        3.5,
    )
    assert (settings.method, settings.half_space) == (FetalSliceMethod.BANK, HalfSpace.SUPERIOR)
    assert settings.contrast == MovingContrast.T1_TO_T2
    assert a_tab.parameters.fetalVolume.contrast == ContrastChoice.AS_IT_IS
    assert not chosen.wantsMatching
    assert a_tab.parameters.fetalVolume.atlas.gestationalAge == 0.0
    assert a_tab.parameters.fetalVolume.atlas.folder == ""


def test_the_tab_is_kept_in_the_scene(a_tab):
    node = a_tab.parameters.parameterNode
    a_tab.ui.jobTabs.currentIndex = 0
    assert node.GetParameter("job") == "FETAL_VOLUME"
    a_tab.parameters.job = JobChoice.FETAL_SLICE
    assert a_tab.ui.jobTabs.currentIndex == 1


def test_a_stack_offers_its_slices_and_a_single_slice_does_not(a_tab, a_slice):
    ui = a_tab.ui
    assert not isShown(ui.slicesSelector)
    ui.subjectSelector.setCurrentNode(obliqueVolume("Stack"))
    assert isShown(ui.slicesSelector)
    assert not isShown(ui.numberSpinBox)
    choose(ui.slicesSelector, SliceChoice.NUMBER)
    assert isShown(ui.numberSpinBox)
    assert ui.numberSpinBox.text == "0  (0 to 8)"
    ui.numberSpinBox.value = 9
    assert "has no slice 9" in ui.registerButton.toolTip


def test_the_atlas_choice_shows_its_own_widgets(a_tab):
    choose(a_tab.ui.atlasSelector, AtlasChoice.SCENE)
    assert isShown(a_tab.ui.atlasVolumeSelector)
    assert "No volume is chosen as atlas" in a_tab.ui.registerButton.toolTip


def test_register_finds_the_slice_and_offers_both_poses(a_tab, a_slice):
    ui = a_tab.ui
    a_tab.register()
    assert poseOf(a_slice) == 7.0
    assert "Confidence high" in ui.confidenceLabel.text
    assert isShown(ui.posesWidget)
    assert (ui.firstPoseButton.text, ui.secondPoseButton.text) == ("Pose 1: 62 %", "Pose 2: 38 %")
    assert ui.firstPoseButton.checked
    ui.secondPoseButton.click()
    assert poseOf(a_slice) == -7.0
    assert ui.secondPoseButton.checked
    assert not ui.firstPoseButton.checked
    assert ui.afterButton.checked
    ui.firstPoseButton.click()
    assert poseOf(a_slice) == 7.0


def test_another_pose_puts_the_slice_into_the_atlas_again(a_tab, a_slice):
    a_tab.register()
    a_tab.ui.beforeButton.click()
    assert a_slice.GetParentTransformNode() is None
    a_tab.ui.secondPoseButton.click()
    assert a_slice.GetParentTransformNode() is findResult(a_slice).transform


def test_a_volume_has_no_poses_to_choose_from(a_tab, a_slice):
    a_tab.register()
    a_tab.ui.jobTabs.currentIndex = 0
    assert not isShown(a_tab.ui.viewButton)
    a_tab.ui.jobTabs.currentIndex = 1
    assert isShown(a_tab.ui.viewButton)


def test_following_moves_the_pose_and_shows_the_rate(a_tab, a_slice):
    ui = a_tab.ui
    follow(a_tab)
    assert ui.registerButton.text == "Stop following"
    untilMoved(a_tab, a_slice, 7.0)
    setValue(a_slice, 8.0)
    untilMoved(a_tab, a_slice, 8.0)
    a_tab.waitFor(lambda: ui.rateLabel.text)
    assert "registrations per second" in ui.rateLabel.text
    assert not isShown(ui.progressBar)
    ui.registerButton.click()
    assert not ui.followCheckBox.checked
    assert ui.registerButton.text == "Register"
    assert ui.rateLabel.text == ""
    setValue(a_slice, 9.0)
    slicer.app.processEvents()
    a_tab.wait()
    assert poseOf(a_slice) == 8.0


def test_unchecking_the_box_stops_following(a_tab, a_slice):
    follow(a_tab)
    untilMoved(a_tab, a_slice, 7.0)
    a_tab.ui.followCheckBox.checked = False
    assert not a_tab.panel.page.isLive
    assert a_tab.ui.registerButton.enabled


def test_choosing_another_slice_stops_following(a_tab, a_slice):
    follow(a_tab)
    untilMoved(a_tab, a_slice, 7.0)
    a_tab.ui.subjectSelector.setCurrentNode(sliceVolume(3.0, "Other"))
    assert not a_tab.ui.followCheckBox.checked


def test_a_slice_that_is_lost_is_told_and_the_box_is_unchecked(a_tab, a_slice):
    setValue(a_slice, 0.0)
    follow(a_tab)
    a_tab.waitFor(lambda: not a_tab.panel.page.isLive)
    assert not a_tab.ui.followCheckBox.checked
    assert "The slice was lost" in a_tab.ui.statusLabel.text
    assert a_tab.ui.statusLabel.autoFillBackground


def test_closing_the_scene_stops_following(a_tab, a_slice):
    follow(a_tab)
    untilMoved(a_tab, a_slice, 7.0)
    setValue(a_slice, 8.0)
    slicer.mrmlScene.Clear(False)
    a_tab.wait()
    assert not a_tab.ui.followCheckBox.checked
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_a_module_that_is_reloaded_stops_following(a_tab, a_slice, monkeypatch):
    monkeypatch.setattr(a_tab.logic, "shutdown", lambda: None)
    follow(a_tab)
    untilMoved(a_tab, a_slice, 7.0)
    a_tab.widget.cleanup()
    setValue(a_slice, 8.0)
    slicer.app.processEvents()
    assert a_tab.logic.job is None
    assert poseOf(a_slice) == 7.0


def test_a_panel_that_is_left_goes_on_following(a_tab, a_slice):
    follow(a_tab)
    untilMoved(a_tab, a_slice, 7.0)
    a_tab.exit()
    setValue(a_slice, 8.0)
    untilMoved(a_tab, a_slice, 8.0)
    a_tab.enter()
    assert a_tab.ui.registerButton.text == "Stop following"


def test_an_atlas_that_is_missing_keeps_the_box_unchecked(a_tab):
    a_tab.ui.atlasFolderSelector.currentPath = "missing"
    assert not a_tab.ui.followCheckBox.enabled


def test_choices_and_poses_are_there_again_when_the_scene_is_opened(a_tab, a_slice, tmp_path):
    a_tab.ui.thicknessSpinBox.value = 4.0
    a_tab.register()
    a_tab.ui.secondPoseButton.click()
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert not isShown(a_tab.ui.resultCollapsibleButton)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    assert a_tab.parameters.job == JobChoice.FETAL_SLICE
    assert a_tab.ui.jobTabs.currentIndex == 1
    assert a_tab.parameters.fetalSlice.thickness == 4.0
    assert a_tab.ui.secondPoseButton.checked


def test_a_transform_deleted_by_the_user_leaves_no_buttons_without_effect(a_tab, a_slice):
    a_tab.register()
    slicer.mrmlScene.RemoveNode(findResult(a_slice).transform)
    assert not isShown(a_tab.ui.posesWidget)
    assert not a_tab.ui.afterButton.enabled


def test_undoing_a_registration_takes_its_result_off_the_panel(a_tab, a_slice):
    a_tab.register()
    for node in findResult(a_slice).nodes():
        slicer.mrmlScene.RemoveNode(node)
    assert not isShown(a_tab.ui.resultCollapsibleButton)


def test_a_scene_of_a_version_without_this_tab_opens_with_defaults(a_tab):
    node = a_tab.parameters.parameterNode
    a_tab.exit()
    gc.collect()  # a wrapper that is still there would read the node before the panel does
    node.UnsetParameter("fetalSlice.thickness")
    node.SetParameter("seed", "5")
    a_tab.enter()
    assert a_tab.parameters.fetalSlice.thickness == 0.0
    assert a_tab.parameters.seed == 0


def test_the_slice_in_the_red_view_can_be_chosen(a_tab):
    stack = obliqueVolume("Stack")
    view = slicer.vtkMRMLSliceNode()
    view.SetSingletonTag("Red")
    view.SetLayoutName("Red")
    view = slicer.mrmlScene.AddNode(view)
    bounds = [0.0] * 6
    stack.GetRASBounds(bounds)
    centre = np.array(bounds).reshape(3, 2).mean(axis=1)
    view.JumpSliceByCentering(*centre)
    a_tab.ui.subjectSelector.setCurrentNode(stack)
    choose(a_tab.ui.slicesSelector, SliceChoice.RED)
    a_tab.register()
    assert stack.GetParentTransformNode() is None
    taken = a_tab.panel.page.subject(a_tab.parameters)
    assert taken.GetName() == "Stack slice in the Red view"
    assert findResult(taken).isApplied()
    assert isShown(a_tab.ui.posesWidget)
