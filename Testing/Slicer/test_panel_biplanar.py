"""The tab of two radiographs with its real forms, offscreen: choices, atlas, result, saved scenes, sample."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.AtlasSource import AtlasInScene, BoneAtlas
from DeepRegistrationSlicer.BiplanarResultLoader import BENT_LABELS, loadBiplanarResult
from DeepRegistrationSlicer.Choices import BiplanarMethodChoice, BoneAtlasChoice, JobChoice, PolarityChoice
from DeepRegistrationSlicer.MrmlBridge import matrixToWorld
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.XrayViews import SECTION_VIEW, XRAY_VIEWS

from DeepRegistrationLib.jobs.biplanar import BiplanarMethod
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity
from Testing.Slicer.panel_user import choose, isShown
from Testing.Slicer.xray_phantom import flatImage
from Testing.Slicer.xray_tab import liveNodes


@pytest.fixture
def a_tab(open_ready_tab):
    """The tab with everything chosen."""
    return open_ready_tab(JobChoice.BIPLANAR)


@pytest.fixture
def a_tab_with_result(a_tab, a_biplanar_result):
    """The tab when a registration is done."""
    request = requestOf(a_tab)
    loadBiplanarResult(a_biplanar_result, request.radiographs, request.atlas)
    a_tab.enter()
    return a_tab


def requestOf(user):
    return user.panel.page.request(user.parameters)


def composites():
    return {node.GetLayoutName(): node for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")}


def test_in_an_empty_scene_it_asks_for_a_radiograph_and_no_atlas(open_panel):
    user = open_panel(JobChoice.BIPLANAR)
    assert not user.ui.registerButton.enabled
    assert "No volume is chosen as radiograph" in user.ui.registerButton.toolTip
    assert requestOf(user).atlas == BoneAtlas()
    assert not user.ui.followCheckBox.enabled


def test_two_images_are_preselected_as_radiographs(open_panel):
    first, second = flatImage(name="Front"), flatImage(name="Side")
    user = open_panel(JobChoice.BIPLANAR)
    assert [source.volume for source in requestOf(user).radiographs] == [first, second]


def test_one_radiograph_is_not_enough_and_the_panel_says_why(open_panel):
    flatImage(name="Front")
    user = open_panel(JobChoice.BIPLANAR)
    assert "No second radiograph is chosen. The shape of a bone needs two" in user.ui.registerButton.toolTip


def test_every_widget_that_takes_a_choice_is_bound_and_explained(a_tab):
    form = a_tab.panel.forms[JobChoice.BIPLANAR]
    widgets = [*vars(form.ui).values(), *(w for ui in form.repeats.values() for w in vars(ui).values())]
    bound = [widget for widget in widgets if widget.property("SlicerParameterName")]
    # 4 of the atlas, masks and isocentre, opacity, 6 outputs, 7 settings, and two radiographs
    assert len(bound) == 4 + 3 + 1 + 6 + 7 + 2 * 11
    assert [widget.name for widget in bound if not widget.toolTip] == []


def test_widgets_write_the_parameters_of_this_tab(a_tab):
    ui = a_tab.ui
    ui.searchRotationSpinBox.value, ui.searchTranslationSpinBox.value = 25.0, 30.0
    ui.viewRotationSpinBox.value, ui.viewTranslationSpinBox.value = 3.0, 4.0
    ui.shapeFreedomSpinBox.value = 0.5
    choose(ui.methodSelector, BiplanarMethodChoice.OPTIMIZE)
    choose(ui.polaritySelector, PolarityChoice.BONE_DARK)
    ui.warpedCheckBox.checked = False
    request = requestOf(a_tab)
    settings = request.settings
    assert (settings.search_rotation_deg, settings.search_translation_mm) == (25.0, 30.0)
    assert (settings.view_rotation_deg, settings.view_translation_mm) == (3.0, 4.0)
    assert (settings.method, settings.polarity) == (BiplanarMethod.OPTIMIZE, XrayPolarity.BONE_DARK)
    assert settings.shape_freedom == 0.5
    assert not request.wanted.warped
    assert request.wanted.deformation
    assert [mask.GetName() for mask in request.masks] == ["Mask 1", "Mask 2"]


def test_only_the_fields_of_the_chosen_atlas_are_shown(a_tab, phantoms):
    ui = a_tab.ui
    assert (isShown(ui.atlasVolumeSelector), isShown(ui.atlasFolderSelector)) == (True, False)
    choose(ui.atlasSelector, BoneAtlasChoice.FOLDER)
    assert (isShown(ui.atlasVolumeSelector), isShown(ui.atlasFolderSelector)) == (False, True)
    ui.atlasFolderSelector.currentPath = str(phantoms("biplanar") / "atlas")
    assert ui.registerButton.enabled, ui.registerButton.toolTip
    choose(ui.atlasSelector, BoneAtlasChoice.FEMUR)
    assert (isShown(ui.atlasVolumeSelector), isShown(ui.atlasFolderSelector)) == (False, False)
    assert requestOf(a_tab).atlas == BoneAtlas()


def test_a_result_shows_both_overlays_a_slice_and_the_bone(a_tab_with_result):
    ui = a_tab_with_result.ui
    result = findResult(requestOf(a_tab_with_result).radiographs[0].volume)
    assert "Confidence" in ui.confidenceLabel.text
    assert "mm from that of the mask" in ui.confidenceLabel.text
    assert ui.reportButton.enabled
    ui.viewButton.click()
    shown = composites()
    for view, role in zip(XRAY_VIEWS, ("", "2"), strict=True):
        assert shown[view].GetBackgroundVolumeID() == result.more[f"xray{role}"].GetID()
        assert shown[view].GetForegroundVolumeID() == result.more[f"drr{role}"].GetID()
    assert shown[SECTION_VIEW].GetBackgroundVolumeID() == result.warped.GetID()
    ui.overlayOpacitySlider.value = 75
    assert {shown[view].GetForegroundOpacity() for view in XRAY_VIEWS} == {0.75}


def test_before_shows_the_atlas_as_it_was_and_its_drrs(a_tab_with_result):
    ui = a_tab_with_result.ui
    result = findResult(requestOf(a_tab_with_result).radiographs[0].volume)
    ui.beforeButton.click()
    shown = composites()
    assert shown["Xray1"].GetForegroundVolumeID() == result.more["drr_start"].GetID()
    assert shown[SECTION_VIEW].GetBackgroundVolumeID() == result.atlas.GetID()
    assert not result.more[BENT_LABELS].GetDisplayVisibility()
    assert result.atlas.GetParentTransformNode() is None
    ui.afterButton.click()
    assert shown["Xray1"].GetForegroundVolumeID() == result.more["drr"].GetID()
    assert result.more[BENT_LABELS].GetDisplayVisibility()


def test_choices_and_result_are_there_again_when_the_scene_is_opened(a_tab_with_result, tmp_path):
    a_tab_with_result.ui.viewRotationSpinBox.value = 2.5
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert not isShown(a_tab_with_result.ui.resultCollapsibleButton)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    request = requestOf(a_tab_with_result)
    assert a_tab_with_result.parameters.job == JobChoice.BIPLANAR
    assert request.settings.view_rotation_deg == 2.5
    assert isinstance(request.atlas, AtlasInScene)
    assert request.atlas.labels.GetName() == "Atlas bones"
    assert "Confidence" in a_tab_with_result.ui.confidenceLabel.text
    assert a_tab_with_result.ui.afterButton.checked


def test_an_atlas_that_is_bent_is_registered_from_where_it_was(a_tab_with_result):
    request = requestOf(a_tab_with_result)
    assert findResult(request.radiographs[0].volume).isApplied()
    np.testing.assert_array_equal(request.start(), np.eye(4))
    assert a_tab_with_result.ui.registerButton.enabled, a_tab_with_result.ui.registerButton.toolTip


def test_move_brings_the_femur_of_the_program_and_its_pose_is_the_start(open_panel):
    user = open_panel(JobChoice.BIPLANAR)
    assert user.ui.moveButton.enabled
    user.ui.moveButton.click()
    volume = user.panel.page.moved(user.parameters)
    assert volume.GetName() == "atlas_ct"
    assert user.ui.moveButton.checked
    matrix = np.eye(4)
    matrix[:3, 3] = (4.0, -3.0, 2.0)
    volume.GetParentTransformNode().SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    np.testing.assert_allclose(requestOf(user).start(), matrix)
    user.ui.moveButton.click()
    assert not user.ui.moveButton.checked


def test_moving_a_bent_atlas_puts_it_back_first(a_tab_with_result):
    user = a_tab_with_result
    user.ui.moveButton.click()
    volume = user.panel.page.moved(user.parameters)
    assert not findResult(requestOf(user).radiographs[0].volume).isApplied()
    np.testing.assert_array_equal(matrixToWorld(volume), np.eye(4))


def test_the_overlay_follows_the_atlas_while_it_is_moved(a_tab):
    a_tab.ui.followCheckBox.checked = True
    a_tab.waitFor(lambda: a_tab.ui.rateLabel.text or a_tab.ui.statusLabel.autoFillBackground)
    assert not a_tab.ui.statusLabel.autoFillBackground, a_tab.ui.statusLabel.text
    live = [node.GetName() for node in liveNodes()]
    assert "View 1 on detector (live) DRR" in live
    assert "View 2 on detector (live) DRR" in live
    a_tab.ui.followCheckBox.checked = False
    a_tab.wait()
    assert liveNodes() == []


def test_the_sample_fills_the_tab_and_says_its_licence(open_panel, monkeypatch):
    user = open_panel(JobChoice.BIPLANAR)
    started = []
    monkeypatch.setattr(user.panel, "_register", lambda: started.append(True))
    user.ui.sampleButton.click()
    request = requestOf(user)
    request.check()
    assert [source.volume.GetName() for source in request.radiographs] == [
        "Femur radiograph 1",
        "Femur radiograph 2",
    ]
    assert len(request.cameras()) == 2
    assert request.atlas == BoneAtlas()
    assert "CC BY 4.0" in user.ui.sampleButton.toolTip
    assert started
