"""The tab for radiographs with its real forms, offscreen: geometry, overlay, registration, cancelling."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import (
    CancelChoice,
    GeometryChoice,
    JobChoice,
    PolarityChoice,
    XrayMeasureChoice,
    XrayMethodChoice,
)
from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.XrayStage import LIVE

from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod, XrayMeasure, XrayPolarity
from Testing.Slicer.nodes import nodeIds
from Testing.Slicer.panel_user import choose, isShown
from Testing.Slicer.xray_dicom import dropped, writeDicom
from Testing.Slicer.xray_phantom import NUMBERS, ScriptedXrayWorker, loadXrayNodes, moveBy

FIELDS = ("sourceToDetector", "sourceToIsocentre", "primaryAngle", "secondaryAngle")


class XrayTab:
    """The open tab, and what a user does with its two radiographs."""

    def __init__(self, user) -> None:
        self.user = user
        self.ui, self.logic, self.panel = user.ui, user.logic, user.panel
        self.first, self.second = (
            user.panel.forms[JobChoice.XRAY_CT].repeats[name] for name in ("first", "second")
        )

    @property
    def chosen(self):
        return self.user.parameters.xrayCt

    @property
    def request(self):
        return self.panel.page.request(self.user.parameters)

    def enter(self, form, numbers) -> None:
        """Types the numbers of a C-arm."""
        for name in (*FIELDS, "columnSpacing", "rowSpacing"):
            getattr(form, f"{name}SpinBox").value = getattr(numbers, name)


@pytest.fixture
def worker(tmp_path):
    worker = ScriptedXrayWorker(tmp_path / "jobs.log", seconds=0.2)
    yield worker
    worker.shutdown()


@pytest.fixture
def slow_worker(tmp_path):
    worker = ScriptedXrayWorker(tmp_path / "slow.log", seconds=20.0)
    yield worker
    worker.shutdown()


@pytest.fixture
def nodes(an_xray_case):
    return loadXrayNodes(an_xray_case)


@pytest.fixture
def an_empty_tab(open_panel, worker):
    """The tab in a scene without images."""

    def open_tab():
        user = open_panel(JobChoice.XRAY_CT)
        user.logic._worker = worker
        return XrayTab(user)

    return open_tab


@pytest.fixture
def a_tab(nodes, an_empty_tab):
    """The tab with everything chosen."""
    tab = an_empty_tab()
    tab.enter(tab.first, NUMBERS[0])
    return tab


def liveNodes() -> list:
    found = slicer.util.getNodesByClass("vtkMRMLNode")
    return [node for node in found if node.GetAttribute(LIVE)]


def shiftOf(volume) -> float:
    return matrixOf(volume.GetParentTransformNode())[0, 3]


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
    tab.enter(tab.first, NUMBERS[0])
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


def test_the_ct_follows_the_registration_and_comes_to_the_result(a_tab, nodes, tmp_path, worker):
    worker.shutdown()
    a_tab.logic._worker = worker = ScriptedXrayWorker(tmp_path / "unhurried.log", seconds=2.0)
    seen = []
    a_tab.ui.registerButton.click()
    assert a_tab.ui.registerButton.text == "Cancel"
    a_tab.user.wait(lambda: seen.append(shiftOf(nodes.ct)) and False)
    assert {round(x) for x in seen} >= {2, 4, 6, 8}
    assert sorted(seen) == seen
    assert nodes.ct.GetParentTransformNode() is findResult(nodes.ct).transform
    worker.shutdown()


def test_the_overlay_follows_the_registration(a_tab, nodes, slow_worker):
    a_tab.logic._worker = slow_worker
    a_tab.ui.registerButton.click()

    def drr():
        found = [node for node in liveNodes() if node.GetName().endswith("DRR")]
        return slicer.util.arrayFromVolume(found[0]).mean() if found else 0.0

    a_tab.user.waitFor(lambda: drr() == 2.0)
    a_tab.user.waitFor(lambda: drr() == 4.0)
    a_tab.ui.registerButton.click()
    a_tab.user.wait()
    assert liveNodes() == []


@pytest.mark.parametrize("choice", list(CancelChoice))
def test_cancel_restores_or_keeps_the_pose_as_asked(a_tab, nodes, slow_worker, choice):
    before = moveBy(nodes, (0, 0, 0), (1.0, 0.0, 0.0))
    choose(a_tab.ui.onCancelSelector, choice)
    ids = nodeIds()
    a_tab.logic._worker = slow_worker
    a_tab.ui.registerButton.click()
    a_tab.user.waitFor(lambda: shiftOf(nodes.ct) == pytest.approx(3.0))
    a_tab.ui.registerButton.click()
    a_tab.user.wait()
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


def test_closing_the_scene_during_a_registration_cancels_it(a_tab, slow_worker):
    a_tab.logic._worker = slow_worker
    a_tab.ui.registerButton.click()
    a_tab.user.waitFor(lambda: any(node.GetName().endswith("DRR") for node in liveNodes()))
    slicer.mrmlScene.Clear(False)
    a_tab.user.wait()
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")
    assert not slicer.util.getNodesByClass("vtkMRMLTransformNode")
    assert not a_tab.ui.registerButton.enabled


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


def test_the_overlay_follows_the_ct_while_it_is_dragged(a_tab, nodes, worker):
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
    assert all(job["settings"]["preview"] for job in worker.jobs())
    # the CT is written once, however often it is projected
    assert len({job["files"]["ct"] for job in worker.jobs()}) == 1


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
