"""The tab for radiographs with its real forms, offscreen: choices, geometry, results, saved scenes."""

import pytest
import slicer
from DeepRegistrationSlicer.Choices import (
    GeometryChoice,
    JobChoice,
    PolarityChoice,
    XrayMeasureChoice,
    XrayMethodChoice,
)
from DeepRegistrationSlicer.ResultNodes import findResult

from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod, XrayMeasure, XrayPolarity
from Testing.Slicer.nodes import nodeIds
from Testing.Slicer.panel_user import choose, isShown
from Testing.Slicer.xray_dicom import dropped, writeDicom
from Testing.Slicer.xray_phantom import NUMBERS, loadXrayNodes
from Testing.Slicer.xray_tab import liveNodes, shiftOf


@pytest.fixture
def nodes(an_xray_case):
    return loadXrayNodes(an_xray_case)


@pytest.fixture
def an_empty_tab(open_xray_tab):
    """The tab as the scene makes it."""
    return open_xray_tab


@pytest.fixture
def a_tab(nodes, open_xray_tab):
    """The tab with everything chosen."""
    tab = open_xray_tab()
    tab.enter(tab.first, NUMBERS[0])
    return tab


def test_in_an_empty_scene_register_is_disabled_and_says_why(an_empty_tab):
    tab = an_empty_tab()
    assert not tab.ui.registerButton.enabled
    assert "No volume is chosen as CT" in tab.ui.registerButton.toolTip
    assert not tab.ui.followCheckBox.enabled
    assert not tab.ui.moveButton.enabled
    assert not isShown(tab.first.geometrySelector)


def test_a_volume_is_preselected_as_ct_and_an_image_as_radiograph(nodes, an_empty_tab):
    tab = an_empty_tab()
    assert tab.chosen.ct is nodes.ct
    assert tab.chosen.first.volume is nodes.radiographs[0]
    assert tab.chosen.second.volume is None


def test_every_widget_that_takes_a_choice_is_bound_and_explained(a_tab):
    widgets = [*vars(a_tab.ui).values(), *vars(a_tab.first).values(), *vars(a_tab.second).values()]
    bound = [widget for widget in widgets if widget.property("SlicerParameterName")]
    assert len(bound) == 18 + 2 * 11
    assert [widget.name for widget in bound if not widget.toolTip] == ["jobTabs"]


def test_widgets_write_the_parameters_of_this_tab(a_tab, nodes):
    ui = a_tab.ui
    ui.bonesSelector.setCurrentNode(nodes.bones)
    ui.searchRotationSpinBox.value = 45.0
    ui.searchTranslationSpinBox.value = 80.0
    ui.candidatesSpinBox.value = 33
    ui.plotCheckBox.checked = False
    choose(ui.methodSelector, XrayMethodChoice.GRAD_NCC)
    choose(ui.measureSelector, XrayMeasureChoice.MUTUAL_INFORMATION)
    choose(ui.polaritySelector, PolarityChoice.BONE_DARK)
    request = a_tab.request
    settings = request.settings
    assert (settings.search_rotation_deg, settings.search_translation_mm, settings.candidates) == (45, 80, 33)
    assert (settings.method, settings.measure) == (XrayCtMethod.GRAD_NCC, XrayMeasure.MUTUAL_INFORMATION)
    assert settings.polarity == XrayPolarity.BONE_DARK
    assert request.bones is nodes.bones
    assert not request.wanted.plot
    assert request.wanted.drr


def test_each_radiograph_has_numbers_of_its_own(a_tab, nodes):
    a_tab.second.volumeSelector.setCurrentNode(nodes.radiographs[1])
    assert "'View 2' is incomplete" in a_tab.ui.registerButton.toolTip
    a_tab.enter(a_tab.second, NUMBERS[1])
    assert a_tab.ui.registerButton.enabled
    first, second = a_tab.request.radiographs
    assert (first.entered, second.entered) == NUMBERS
    assert (first.volume, second.volume) == nodes.radiographs


def test_what_is_missing_is_asked_for_in_its_own_field(nodes, an_empty_tab):
    tab = an_empty_tab()
    assert tab.first.primaryAngleSpinBox.text == "missing"
    assert "Missing:</b> distance from source to detector (mm)" in tab.first.geometryText.text
    assert not tab.ui.registerButton.enabled
    # beside the fields, what they mean
    assert isShown(tab.first.drawingLabel)
    assert not tab.first.drawingLabel.pixmap.isNull()
    tab.enter(tab.first, NUMBERS[0])
    assert not isShown(tab.first.drawingLabel)
    assert "Missing" not in tab.first.geometryText.text
    assert "Entered:</b> distance from source to detector 1020 mm" in tab.first.geometryText.text
    assert tab.ui.registerButton.enabled


def test_an_angle_of_zero_is_an_angle(a_tab):
    a_tab.first.primaryAngleSpinBox.value = 0.0
    assert a_tab.request.radiographs[0].entered.primaryAngle == 0.0
    assert a_tab.ui.registerButton.enabled


def test_the_panel_says_what_it_took_from_a_dicom_header(a_tab, tmp_path):
    a_tab.enter(a_tab.first, type(NUMBERS[0])(0.0, 0.0, -181.0, -181.0, 0.0, 0.0))
    shot = dropped(writeDicom(tmp_path / "shot.dcm", DistanceSourceToPatient=None))
    a_tab.first.volumeSelector.setCurrentNode(shot)
    text = a_tab.first.geometryText.text
    assert "From the DICOM header:</b> distance from source to detector 1020 mm, primary angle 30" in text
    assert "Missing:</b> distance from source to isocentre (mm)." in text
    assert a_tab.first.primaryAngleSpinBox.text == "30 degrees (DICOM)"
    assert a_tab.first.sourceToIsocentreSpinBox.text == "missing"
    a_tab.first.sourceToIsocentreSpinBox.value = 620.0
    assert a_tab.ui.registerButton.enabled
    assert "The central ray is taken to arrive at the middle" in a_tab.first.geometryText.text


def test_a_camera_file_replaces_the_numbers(a_tab, nodes):
    choose(a_tab.first.geometrySelector, GeometryChoice.FILE)
    assert not isShown(a_tab.first.primaryAngleSpinBox)
    assert isShown(a_tab.first.fileSelector)
    assert "No camera file is chosen" in a_tab.ui.registerButton.toolTip
    a_tab.first.fileSelector.currentPath = str(nodes.folder / "camera1.json")
    assert a_tab.ui.registerButton.enabled
    assert "source to detector 1020 mm; 128 x 115 pixels" in a_tab.first.geometryText.text
    assert not isShown(a_tab.first.sourceToDetectorSpinBox)


def test_a_stack_of_frames_asks_which_one(a_tab, nodes):
    assert not isShown(a_tab.first.frameSpinBox)
    a_tab.first.volumeSelector.setCurrentNode(nodes.ct)
    assert isShown(a_tab.first.frameSpinBox)
    assert a_tab.first.frameSpinBox.text == "0  (0 to 45)"


def test_register_moves_the_ct_and_shows_residual_and_confidence(a_tab, nodes):
    a_tab.user.register()
    assert shiftOf(nodes.ct) == pytest.approx(10.0)
    text = a_tab.ui.confidenceLabel.text
    assert "Confidence high (0.90)" in text
    assert "View 1: edges 0.5 mm apart on the detector (6.5 mm at the start)." in text
    assert "Depth is known to 1.5 mm" in text
    assert a_tab.ui.afterButton.checked
    assert liveNodes() == []
    a_tab.ui.beforeButton.click()
    assert nodes.ct.GetParentTransformNode() is None


def test_a_result_that_is_not_to_be_trusted_is_shown_in_yellow_and_not_applied(a_tab, nodes):
    a_tab.ui.seedSpinBox.value = 13
    a_tab.user.register()
    assert nodes.ct.GetParentTransformNode() is None
    assert a_tab.ui.confidenceLabel.autoFillBackground
    assert "The image was left where it was" in a_tab.ui.confidenceLabel.text
    a_tab.ui.afterButton.click()
    assert shiftOf(nodes.ct) == pytest.approx(10.0)


def test_a_refusal_is_told_and_the_scene_is_as_before(a_tab, nodes):
    ids = nodeIds()
    a_tab.ui.seedSpinBox.value = 66
    a_tab.user.register()
    assert "'View 1' shows no bone" in a_tab.ui.statusLabel.text
    assert nodes.ct.GetParentTransformNode() is None
    assert [entry for entry in ids if entry not in nodeIds()] == []
    assert liveNodes() == []


def test_choices_and_result_are_there_again_when_the_scene_is_opened(a_tab, nodes, tmp_path):
    a_tab.second.volumeSelector.setCurrentNode(nodes.radiographs[1])
    a_tab.enter(a_tab.second, NUMBERS[1])
    a_tab.user.register()
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert not isShown(a_tab.ui.resultCollapsibleButton)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    assert a_tab.user.parameters.job == JobChoice.XRAY_CT
    assert tuple(source.entered for source in a_tab.request.radiographs) == NUMBERS
    assert "Confidence high" in a_tab.ui.confidenceLabel.text
    assert a_tab.ui.afterButton.checked
    assert findResult(a_tab.chosen.ct).isApplied()


def test_the_overlay_slider_changes_both_views(a_tab, nodes):
    a_tab.second.volumeSelector.setCurrentNode(nodes.radiographs[1])
    a_tab.enter(a_tab.second, NUMBERS[1])
    a_tab.user.register()
    a_tab.ui.overlayOpacitySlider.value = 75
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    shown = {node.GetLayoutName(): node.GetForegroundOpacity() for node in composites}
    assert shown == {"Xray1": 0.75, "Xray2": 0.75}
    result = findResult(nodes.ct)
    assert {node.GetForegroundVolumeID() for node in composites} == {
        result.more["drr"].GetID(),
        result.more["drr2"].GetID(),
    }
