"""The panel with its real forms, offscreen: bindings, Register and Cancel, results, reopened scenes."""

import gc
from pathlib import Path

import numpy as np
import pytest
import qt
import slicer
from DeepRegistrationSlicer import MrmlBridge, PanelResult
from DeepRegistrationSlicer.Choices import AtlasChoice, ContrastChoice, DeviceChoice, MethodChoice
from DeepRegistrationSlicer.ResultNodes import findResult

from Testing.Slicer.nodes import nodeIds
from Testing.Slicer.panel_user import choose, isShown
from Testing.Slicer.phantom import loadSubject, poseError


@pytest.fixture
def a_panel(open_panel):
    return open_panel()


@pytest.fixture
def a_ready_panel(open_panel, a_phantom):
    """The phantom is loaded, and the choices make the registration quick."""
    subject = loadSubject(a_phantom)
    widget = open_panel()
    widget.ui.atlasFolderSelector.currentPath = str(a_phantom / "atlas")
    widget.ui.ageSpinBox.value = 28.0
    widget.ui.candidatesSpinBox.value = 4
    widget.ui.deviceSelector.currentIndex = list(DeviceChoice).index(DeviceChoice.CPU)
    assert widget.parameters.fetalVolume.subject is subject
    return widget


def test_in_an_empty_scene_register_is_disabled_and_says_why(a_panel):
    assert not a_panel.ui.registerButton.enabled
    assert "No volume is chosen as fetal brain" in a_panel.ui.registerButton.toolTip
    assert a_panel.ui.statusLabel.text == a_panel.ui.registerButton.toolTip


def test_the_first_volume_of_the_scene_is_the_fetal_brain(open_panel, a_phantom):
    subject = loadSubject(a_phantom)
    loadSubject(a_phantom)
    assert open_panel().ui.subjectSelector.currentNode() is subject


def test_with_volume_and_atlas_register_is_enabled_and_the_hint_is_gone(a_ready_panel):
    assert a_ready_panel.ui.registerButton.enabled
    assert a_ready_panel.ui.statusLabel.text == ""


def test_an_age_that_cannot_be_disables_register(a_ready_panel):
    a_ready_panel.ui.ageSpinBox.value = 7.0
    assert not a_ready_panel.ui.registerButton.enabled
    assert "7 weeks is not between 18 and 45" in a_ready_panel.ui.registerButton.toolTip


def test_without_any_output_register_is_disabled(a_ready_panel):
    ui = a_ready_panel.ui
    for box in (ui.transformCheckBox, ui.warpedCheckBox, ui.segmentationCheckBox):
        assert ui.registerButton.enabled
        box.checked = False
    assert not ui.registerButton.enabled
    assert "No output is chosen" in ui.registerButton.toolTip


def test_widgets_write_the_parameters(a_panel, a_phantom):
    ui, parameters = a_panel.ui, a_panel.parameters
    mask = MrmlBridge.loadVolume(a_phantom / "mask.nii.gz", "mask", "vtkMRMLLabelMapVolumeNode")
    ui.maskSelector.setCurrentNode(mask)
    ui.ageSpinBox.value = 31.5
    ui.candidatesSpinBox.value = 7
    ui.seedSpinBox.value = 42
    ui.warpedCheckBox.checked = False
    ui.atlasFolderSelector.currentPath = "somewhere"
    choose(ui.methodSelector, MethodChoice.VVR_GC)
    choose(ui.deviceSelector, DeviceChoice.CPU)
    choose(ui.contrastSelector, ContrastChoice.T1_TO_T2)
    chosen = parameters.fetalVolume
    assert chosen.mask is mask
    assert (chosen.atlas.gestationalAge, chosen.candidates, parameters.seed) == (31.5, 7, 42)
    assert not chosen.wantsWarped
    assert chosen.atlas.folder == "somewhere"
    assert (chosen.method, parameters.device) == (MethodChoice.VVR_GC, DeviceChoice.CPU)
    assert chosen.contrast == ContrastChoice.T1_TO_T2


def test_parameters_show_in_the_widgets(a_panel):
    ui, parameters = a_panel.ui, a_panel.parameters
    parameters.fetalVolume.atlas.gestationalAge = 25.0
    parameters.fetalVolume.wantsTransform = False
    parameters.fetalVolume.method = MethodChoice.BANK
    parameters.fetalVolume.atlas.folder = "elsewhere"
    parameters.seed = 5
    assert ui.ageSpinBox.value == 25.0
    assert not ui.transformCheckBox.checked
    assert ui.methodSelector.currentText == MethodChoice.BANK.label()
    assert ui.atlasFolderSelector.currentPath == "elsewhere"
    assert ui.seedSpinBox.value == 5


def test_every_widget_that_takes_a_choice_is_bound_and_explained(a_panel):
    bound = [w for w in vars(a_panel.ui).values() if w.property("SlicerParameterName")]
    assert len(bound) == 18
    assert [widget.name for widget in bound if not widget.toolTip] == ["jobTabs"]


def test_no_age_is_shown_as_estimate_and_one_step_leads_to_the_youngest(a_panel):
    spinBox = a_panel.ui.ageSpinBox
    assert spinBox.text == "estimate"
    spinBox.stepUp()
    assert spinBox.value == 18.0
    spinBox.stepUp()
    spinBox.stepDown()
    assert spinBox.value == 18.0
    spinBox.stepDown()
    assert spinBox.text == "estimate"


def test_the_atlas_choice_shows_its_own_widgets(a_panel):
    ui = a_panel.ui
    assert isShown(ui.atlasFolderSelector)
    assert not isShown(ui.atlasVolumeSelector)
    choose(ui.atlasSelector, AtlasChoice.SCENE)
    assert not isShown(ui.atlasFolderSelector)
    assert isShown(ui.atlasVolumeSelector)
    assert isShown(ui.atlasLabelsSelector)


def test_an_atlas_that_is_not_installed_can_be_downloaded(a_panel, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path))
    a_panel.enter()
    assert isShown(a_panel.ui.downloadButton)
    assert "12 MB" in a_panel.ui.downloadButton.text
    a_panel.ui.atlasFolderSelector.currentPath = str(tmp_path)
    assert not isShown(a_panel.ui.downloadButton)


def test_register_lays_the_volume_into_the_atlas_and_shows_the_confidence(a_ready_panel):
    ui = a_ready_panel.ui
    a_ready_panel.register()
    subject = a_ready_panel.parameters.fetalVolume.subject
    result = findResult(subject)
    assert poseError(MrmlBridge.matrixOf(result.transform))[0] < 1
    assert isShown(ui.resultCollapsibleButton)
    assert "Confidence high" in ui.confidenceLabel.text
    assert not ui.confidenceLabel.autoFillBackground
    assert ui.afterButton.checked
    ui.beforeButton.click()
    assert subject.GetParentTransformNode() is None
    ui.afterButton.click()
    assert subject.GetParentTransformNode() is result.transform


def test_while_it_runs_cancel_takes_the_place_of_register(a_ready_panel):
    ui, before = a_ready_panel.ui, nodeIds()
    ui.registerButton.click()
    assert ui.registerButton.text == "Cancel"
    assert isShown(ui.progressBar)
    a_ready_panel.wait(until=lambda: ui.progressBar.value > 0)
    assert "%" in ui.progressBar.text
    assert ui.statusLabel.text
    ui.registerButton.click()
    a_ready_panel.wait()
    assert ui.registerButton.text == "Register"
    assert ui.registerButton.enabled
    assert not isShown(ui.progressBar)
    assert ui.statusLabel.text == "Cancelled; nothing was changed."
    assert nodeIds() == before


def test_a_low_confidence_is_a_yellow_line_and_the_volume_stays(a_ready_panel):
    noise = np.random.default_rng(3).normal(500, 100, (40, 40, 40)).astype(np.float32)
    matrix = np.diag([2.4, 2.4, 2.4, 1.0])
    subject = MrmlBridge.createVolume(noise, matrix, "noise")
    inside = np.pad(np.ones((24, 24, 24), np.int16), 8)
    mask = MrmlBridge.createVolume(inside, matrix, "mask", "vtkMRMLLabelMapVolumeNode")
    ui = a_ready_panel.ui
    ui.subjectSelector.setCurrentNode(subject)
    ui.maskSelector.setCurrentNode(mask)
    a_ready_panel.register()
    assert "Confidence low" in ui.confidenceLabel.text
    assert "left where it was" in ui.confidenceLabel.text
    background = ui.confidenceLabel.palette.color(qt.QPalette.Window)
    assert background.red() > background.blue()
    assert background.green() > background.blue()
    assert subject.GetParentTransformNode() is None
    assert ui.beforeButton.checked
    ui.afterButton.click()
    assert findResult(subject).isApplied()


def test_a_refused_image_is_named_in_the_panel(a_ready_panel):
    flat = MrmlBridge.createVolume(np.full((9, 9, 9), 5, np.float32), np.eye(4), "Flat")
    a_ready_panel.ui.subjectSelector.setCurrentNode(flat)
    a_ready_panel.register()
    assert "'Flat' is constant" in a_ready_panel.ui.statusLabel.text
    assert a_ready_panel.ui.statusLabel.autoFillBackground
    assert not isShown(a_ready_panel.ui.resultCollapsibleButton)


def test_choices_and_result_are_there_again_when_the_scene_is_opened(a_ready_panel, tmp_path):
    a_ready_panel.ui.seedSpinBox.value = 3
    a_ready_panel.register()
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert not isShown(a_ready_panel.ui.resultCollapsibleButton)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    parameters, ui = a_ready_panel.parameters, a_ready_panel.ui
    assert parameters.seed == ui.seedSpinBox.value == 3
    assert parameters.fetalVolume.atlas.gestationalAge == 28.0
    assert parameters.device == DeviceChoice.CPU
    assert parameters.fetalVolume.subject.GetName() == "Fetus 1"
    assert "Confidence high" in ui.confidenceLabel.text
    assert ui.afterButton.checked


def test_a_scene_with_choices_of_another_version_opens_with_defaults(a_panel):
    node = a_panel.parameters.parameterNode
    a_panel.exit()
    gc.collect()  # a wrapper that is still there would read the node before the panel does
    node.SetParameter("fetalVolume.method", "A_METHOD_OF_THE_FUTURE")
    a_panel.enter()
    assert a_panel.parameters.fetalVolume.method == MethodChoice.AUTO
    a_panel.exit()
    gc.collect()
    node.UnsetParameter("fetalVolume.candidates")
    a_panel.enter()
    assert a_panel.parameters.fetalVolume.candidates == 24


def test_choosing_another_volume_shows_its_own_result(a_ready_panel, a_phantom):
    a_ready_panel.register()
    first = a_ready_panel.parameters.fetalVolume.subject
    a_ready_panel.ui.subjectSelector.setCurrentNode(loadSubject(a_phantom))
    assert not isShown(a_ready_panel.ui.resultCollapsibleButton)
    a_ready_panel.ui.subjectSelector.setCurrentNode(first)
    assert isShown(a_ready_panel.ui.resultCollapsibleButton)


def test_the_report_opens_in_the_browser(a_ready_panel, monkeypatch):
    a_ready_panel.register()
    opened = []
    services = type("Services", (), {"openUrl": staticmethod(lambda url: opened.append(url) or True)})
    monkeypatch.setattr(PanelResult.qt, "QDesktopServices", services)
    a_ready_panel.ui.reportButton.click()
    report = Path(opened[0].toLocalFile())
    assert "<html" in report.read_text(encoding="utf-8").lower()


def test_in_another_module_the_panel_rests_and_comes_back(a_ready_panel):
    a_ready_panel.exit()
    a_ready_panel.ui.seedSpinBox.value = 9
    a_ready_panel.enter()
    assert a_ready_panel.parameters.seed == 0
    assert a_ready_panel.ui.seedSpinBox.value == 0


def test_a_panel_that_is_destroyed_takes_its_worker_along(open_panel):
    widget = open_panel()
    shutdowns = []
    widget.widget.logic.shutdown = lambda: shutdowns.append("worker")
    widget.widget.cleanup()
    assert shutdowns == ["worker"]
    slicer.mrmlScene.Clear(False)


def test_the_panel_can_be_pictured_without_clipped_texts(a_ready_panel, tmp_path):
    a_ready_panel.register()
    a_ready_panel.ui.advancedCollapsibleButton.collapsed = False
    slicer.app.processEvents()
    picture = tmp_path / "panel.png"
    assert a_ready_panel.parent.grab().save(str(picture))
    assert picture.stat().st_size > 10_000
    for widget in vars(a_ready_panel.ui).values():
        if isinstance(widget, qt.QLabel | qt.QPushButton | qt.QCheckBox) and widget.isVisible():
            assert widget.width >= widget.minimumSizeHint().width(), widget.name
