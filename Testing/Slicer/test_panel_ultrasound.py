"""The tab for ultrasound with its real form and the real worker, offscreen."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import (
    FramesChoice,
    JobChoice,
    PixelSizeChoice,
    UltrasoundMethodChoice,
)
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createLinearTransform, createVolume
from DeepRegistrationSlicer.ResultNodes import findResult
from DeepRegistrationSlicer.SweepBrowser import browserOf, createSequence, proxyOf
from DeepRegistrationSlicer.UltrasoundViews import PLOT_VIEW, SLICE_VIEWS

from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from Testing.Slicer.nodes import bentBy, movedBy, nodeIds
from Testing.Slicer.panel_user import choose, isShown
from Testing.Slicer.us_phantom import ANGLES


@pytest.fixture
def open_tab(open_panel):
    return lambda: open_panel(JobChoice.US_ANGLES)


@pytest.fixture
def images(us_frames):
    return us_frames.triplet()


@pytest.fixture
def a_triplet_tab(images, open_tab):
    """The tab with three images chosen."""
    return open_tab()


@pytest.fixture
def sequence(us_frames):
    return us_frames.played()


@pytest.fixture
def a_sweep_tab(sequence, open_tab):
    """The tab with a sweep chosen."""
    return open_tab()


def chosen(user):
    return user.parameters.ultrasound


def request(user):
    return user.panel.page.request(user.parameters)


def test_in_an_empty_scene_register_is_disabled_and_says_why(open_tab):
    user = open_tab()
    assert not user.ui.registerButton.enabled
    assert "No sequence is chosen" in user.ui.registerButton.toolTip
    assert not user.ui.followCheckBox.enabled
    assert isShown(user.ui.sequenceSelector)
    assert not isShown(user.ui.beforeSelector)
    assert not isShown(user.ui.columnSpacingSpinBox)


def test_a_sequence_of_images_is_preselected(a_sweep_tab, sequence):
    assert chosen(a_sweep_tab).sequence is sequence
    assert a_sweep_tab.ui.registerButton.enabled


def test_three_flat_images_are_preselected_in_their_order(a_triplet_tab, images):
    choices = chosen(a_triplet_tab)
    assert choices.frames == FramesChoice.TRIPLET
    assert (choices.before, choices.middle, choices.after) == images
    assert isShown(a_triplet_tab.ui.beforeSelector)
    assert not isShown(a_triplet_tab.ui.sequenceSelector)


def test_every_widget_that_takes_a_choice_is_bound_and_explained(open_tab):
    bound = [widget for widget in vars(open_tab().ui).values() if widget.property("SlicerParameterName")]
    assert len(bound) == 22
    assert [widget.name for widget in bound if not widget.toolTip] == ["jobTabs"]


def test_widgets_write_the_parameters_of_this_tab(a_triplet_tab):
    ui = a_triplet_tab.ui
    choose(ui.methodSelector, UltrasoundMethodChoice.SEARCH_REFINE)
    choose(ui.pixelSizeSelector, PixelSizeChoice.ENTERED)
    ui.columnSpacingSpinBox.value, ui.rowSpacingSpinBox.value = 0.11, 0.12
    ui.probeEdit.text, ui.referenceEdit.text = "Transducer", "Patient"
    ui.cardsCheckBox.checked = False
    asked = request(a_triplet_tab)
    assert asked.settings.method == UsAnglesMethod.SEARCH_REFINE
    assert (asked.settings.probe, asked.settings.reference) == ("Transducer", "Patient")
    assert asked.pixelSize.enteredSize() == (0.11, 0.12)
    assert not asked.wanted.cards
    assert asked.wanted.angles


def test_only_the_rows_of_the_chosen_pixel_size_are_shown(a_triplet_tab):
    ui = a_triplet_tab.ui
    rows = {
        PixelSizeChoice.ENTERED: (ui.columnSpacingSpinBox, ui.rowSpacingSpinBox),
        PixelSizeChoice.FILE: (ui.configurationSelector,),
        PixelSizeChoice.TRANSFORM: (ui.calibrationSelector,),
    }
    for choice in PixelSizeChoice:
        choose(ui.pixelSizeSelector, choice)
        for owner, widgets in rows.items():
            assert [isShown(widget) for widget in widgets] == [owner == choice] * len(widgets)


def test_register_shows_the_angles_and_moves_the_frames(a_triplet_tab, images):
    a_triplet_tab.register()
    text = a_triplet_tab.ui.confidenceLabel.text
    assert "Confidence high" in text
    assert "the frame before by -2.0" in text
    assert "the frame after by +3.0" in text
    assert a_triplet_tab.ui.afterButton.checked
    result = findResult(images[1])
    assert images[0].GetParentTransformNode() is result.transform
    a_triplet_tab.ui.beforeButton.click()
    assert images[0].GetParentTransformNode() is None
    assert images[2].GetParentTransformNode() is None
    a_triplet_tab.ui.afterButton.click()
    assert images[2].GetParentTransformNode() is result.more["transform2"]


def test_the_views_show_the_middle_frame_under_its_neighbours(a_triplet_tab, images):
    a_triplet_tab.register()
    shown = {
        node.GetLayoutName(): (node.GetBackgroundVolumeID(), node.GetForegroundVolumeID())
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    }
    before, middle, after = (volume.GetID() for volume in images)
    assert shown == {SLICE_VIEWS[0]: (middle, before), SLICE_VIEWS[1]: (middle, after)}


def test_a_sweep_is_shown_with_its_plot_and_the_view_goes_along(a_sweep_tab, sequence):
    layout = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLayoutNode")
    a_sweep_tab.register()
    result = findResult(sequence)
    plots = slicer.util.getNodesByClass("vtkMRMLPlotViewNode")
    assert [(node.GetLayoutName(), node.GetPlotChartNode()) for node in plots] == [
        (PLOT_VIEW, result.more["chart"])
    ]
    view = next(
        node
        for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")
        if node.GetLayoutName() == SLICE_VIEWS[0]
    )
    before = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
    browserOf(sequence).SetSelectedItemNumber(4)
    after = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
    # along the normal, by four distances; the image does not turn in the view
    np.testing.assert_allclose(after[:3, :3], before[:3, :3], atol=1e-9)
    moved = after[:3, 3] - before[:3, 3]
    assert abs(moved @ before[:3, 2]) == pytest.approx(4 * 0.5, abs=1e-6)
    assert np.linalg.norm(moved) == pytest.approx(4 * 0.5, abs=1e-6)
    assert layout.GetScene() is not None


def test_frames_that_do_not_fit_are_shown_in_yellow_and_stay_where_they_are(us_frames, images, open_tab):
    slicer.util.updateVolumeFromArray(images[2], us_frames.strange[None])
    user = open_tab()
    user.register()
    assert user.ui.confidenceLabel.autoFillBackground
    assert "Confidence low" in user.ui.confidenceLabel.text
    assert images[0].GetParentTransformNode() is None
    user.ui.afterButton.click()
    assert findResult(images[1]).isApplied()


def test_cancel_leaves_the_scene_as_it_was(us_frames, open_tab):
    sequence = us_frames.played(np.concatenate([us_frames.sweep] * 20))
    user = open_tab()
    choose(user.ui.methodSelector, UltrasoundMethodChoice.INTENSITY)
    ids = nodeIds()
    user.ui.registerButton.click()
    assert user.ui.registerButton.text == "Cancel"
    user.wait(lambda: "Registering" in user.ui.statusLabel.text)
    user.ui.registerButton.click()
    user.wait()
    assert "Cancelled; nothing was changed" in user.ui.statusLabel.text
    assert nodeIds() == ids
    assert findResult(sequence) is None


def test_closing_the_scene_during_a_registration_cancels_it(us_frames, open_tab):
    us_frames.played(np.concatenate([us_frames.sweep] * 20))
    user = open_tab()
    user.ui.registerButton.click()
    user.wait(lambda: "Registering" in user.ui.statusLabel.text)
    slicer.mrmlScene.Clear(False)
    user.wait()
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")
    assert not slicer.util.getNodesByClass("vtkMRMLSequenceNode")
    assert not user.ui.registerButton.enabled


def test_a_sequence_deleted_during_a_registration_leaves_nothing_of_it(a_sweep_tab, sequence):
    a_sweep_tab.ui.registerButton.click()
    job = a_sweep_tab.logic.job
    slicer.mrmlScene.RemoveNode(sequence)
    a_sweep_tab.wait()
    assert "'Sweep' is not in the scene any more" in job.outcome.message
    assert not slicer.util.getNodesByClass("vtkMRMLTransformNode")


def test_choices_and_result_are_there_again_when_the_scene_is_opened(a_sweep_tab, sequence, tmp_path):
    ui = a_sweep_tab.ui
    choose(ui.pixelSizeSelector, PixelSizeChoice.ENTERED)
    ui.columnSpacingSpinBox.value = ui.rowSpacingSpinBox.value = 0.3
    ui.probeEdit.text = "Transducer"
    a_sweep_tab.register()
    assert slicer.mrmlScene.WriteToMRB(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert not isShown(ui.resultCollapsibleButton)
    slicer.mrmlScene.ReadFromMRB(str(tmp_path / "scene.mrb"), True)
    assert a_sweep_tab.parameters.job == JobChoice.US_ANGLES
    asked = request(a_sweep_tab)
    assert asked.pixelSize.enteredSize() == (0.3, 0.3)
    assert asked.settings.probe == "Transducer"
    again = asked.source.subject
    assert again.GetNumberOfDataNodes() == len(ANGLES)
    assert "Confidence high" in ui.confidenceLabel.text
    assert ui.afterButton.checked
    result = findResult(again)
    image = proxyOf(again)
    for number in (3, 1):
        browserOf(again).SetSelectedItemNumber(number)
        assert image.GetParentTransformNode() is findResult(again).transform
    ui.beforeButton.click()
    assert image.GetParentTransformNode() is None
    table = result.more["angles"]
    angles = slicer.util.arrayFromTableColumn(table, "angle_deg")
    np.testing.assert_allclose(angles, np.diff(ANGLES), atol=0.05)


def test_a_result_without_its_sequence_of_transforms_is_shown_as_what_is_left(a_sweep_tab, sequence):
    a_sweep_tab.register()
    slicer.mrmlScene.RemoveNode(findResult(sequence).more["transforms"])
    assert "Confidence high" in a_sweep_tab.ui.confidenceLabel.text
    assert findResult(sequence).more["angles"] is not None


def empty(images):
    images[0].SetAndObserveImageData(None)


def small(images):
    slicer.util.updateVolumeFromArray(images[2], arrayOf(images[2])[:, :200])


def thick(images):
    slicer.util.updateVolumeFromArray(images[1], np.repeat(arrayOf(images[1]), 4, axis=0))


def coarse(images):
    images[2].SetSpacing(0.3, 0.3, 1.0)


def colour(images):
    values = np.repeat(arrayOf(images[2])[..., None], 3, axis=-1)
    node = createVolume(values, np.eye(4), "colour", "vtkMRMLVectorVolumeNode")
    images[2].SetAndObserveImageData(node.GetImageData())


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (empty, "no pixels in 'Frame 0'"),
        (small, "400 x 200 in 'Frame 2'|400 x 200 pixels in 'Frame 2', but 400 x 300 in 'Frame 0'"),
        (thick, "400 x 300 x 4 voxels are in 'Frame 1'"),
        (coarse, "pixels of 'Frame 2' have another size than those of 'Frame 0'"),
        (colour, "Each pixel of 'Frame 2' has 3 values, of 'Frame 0' 1"),
    ],
)
def test_frames_that_do_not_belong_together_are_told(a_triplet_tab, images, spoil, sentence):
    spoil(images)
    ids = nodeIds()
    a_triplet_tab.enter()
    assert not a_triplet_tab.ui.registerButton.enabled
    assert any(part in a_triplet_tab.ui.statusLabel.text for part in sentence.split("|"))
    assert nodeIds() == ids


def test_one_image_is_no_two_frames(a_triplet_tab, images):
    a_triplet_tab.ui.afterButton.checked = False
    a_triplet_tab.ui.afterSelector.setCurrentNode(images[0])
    assert "One image is chosen as two of the three frames" in a_triplet_tab.ui.registerButton.toolTip


def test_a_sequence_of_something_else_is_told(open_tab):
    nodes = [slicer.vtkMRMLLinearTransformNode() for _ in range(4)]
    sequence = createSequence(nodes, "Poses")
    user = open_tab()
    user.ui.sequenceSelector.setCurrentNode(sequence)
    assert "'Poses' holds no images but nodes of the kind LinearTransform" in user.ui.registerButton.toolTip


def test_a_short_sequence_is_told(us_frames, open_tab):
    us_frames.sequence(us_frames.sweep[:2])
    assert "'Sweep' has 2 frames; three consecutive ones" in open_tab().ui.registerButton.toolTip


def test_a_calibration_that_is_missing_or_bent_is_told(a_triplet_tab, images, tmp_path):
    ui = a_triplet_tab.ui
    choose(ui.pixelSizeSelector, PixelSizeChoice.ENTERED)
    assert "0 x 0 mm; both must be positive" in ui.registerButton.toolTip
    choose(ui.pixelSizeSelector, PixelSizeChoice.FILE)
    assert "No PLUS configuration is chosen" in ui.registerButton.toolTip
    ui.configurationSelector.currentPath = str(tmp_path / "missing.xml")
    assert "There is no file" in ui.registerButton.toolTip
    choose(ui.pixelSizeSelector, PixelSizeChoice.TRANSFORM)
    assert "No calibration is chosen" in ui.registerButton.toolTip
    bent = bentBy(createVolume(np.zeros((1, 4, 4), np.uint8), np.eye(4), "other"))
    ui.calibrationSelector.setCurrentNode(bent)
    assert "is not linear" in ui.registerButton.toolTip


def test_a_sheared_calibration_is_refused_by_its_name_and_the_scene_is_as_before(a_triplet_tab, images):
    sheared = np.eye(4)
    sheared[0, 1] = 0.5
    calibration = createLinearTransform(sheared, "ImageToProbe")
    choose(a_triplet_tab.ui.pixelSizeSelector, PixelSizeChoice.TRANSFORM)
    a_triplet_tab.ui.calibrationSelector.setCurrentNode(calibration)
    ids = nodeIds()
    a_triplet_tab.register()
    assert "meet at" in a_triplet_tab.ui.statusLabel.text
    assert nodeIds() == ids


def test_a_mask_that_misses_the_frames_is_refused(a_triplet_tab, images):
    far = np.diag([1.0, 1.0, 1.0, 1.0])
    mask = createVolume(np.ones((5, 5, 5), np.uint8), far, "Mask", "vtkMRMLLabelMapVolumeNode")
    a_triplet_tab.ui.maskSelector.setCurrentNode(mask)
    ids = nodeIds()
    a_triplet_tab.register()
    assert "'Mask' marks no voxel" in a_triplet_tab.ui.statusLabel.text
    assert nodeIds() == ids


def test_a_mask_says_where_the_tissue_is(a_triplet_tab, images, us_frames):
    movedBy(images[1], name="room")
    values = np.zeros((1, 300, 400), np.uint8)
    values[0, 40:200, 100:250] = 1
    mask = createVolume(values, us_frames.grid, "Mask", "vtkMRMLLabelMapVolumeNode")
    mask.SetAndObserveTransformNodeID(images[1].GetTransformNodeID())
    a_triplet_tab.ui.maskSelector.setCurrentNode(mask)
    a_triplet_tab.register()
    assert findResult(images[1]).content()["settings"]["sector"] == "given"


@pytest.mark.parametrize("box", ["transforms", "aligned", "cards", "angles"])
def test_any_one_output_may_be_left_out_but_not_all(a_triplet_tab, box):
    ui = a_triplet_tab.ui
    names = ("transforms", "aligned", "cards", "angles")
    for name in names:
        getattr(ui, f"{name}CheckBox").checked = name == box
    assert ui.registerButton.enabled
    getattr(ui, f"{box}CheckBox").checked = False
    assert "No output is chosen" in ui.registerButton.toolTip


@pytest.mark.parametrize("kind", ["triplet", "sweep"])
def test_a_registration_is_undone_at_once(a_scene_that_can_undo, us_frames, open_tab, kind):
    if kind == "triplet":
        moved, subject, _ = us_frames.triplet()
    else:
        subject = us_frames.played()
        moved = proxyOf(subject)
    a_scene_that_can_undo.ClearUndoStack()
    user = open_tab()
    kept = set(nodeIds())
    user.register()
    assert findResult(subject) is not None
    assert a_scene_that_can_undo.GetNumberOfUndoLevels() == 1
    a_scene_that_can_undo.Undo()
    assert findResult(subject) is None
    assert moved.GetParentTransformNode() is None
    left = [slicer.mrmlScene.GetNodeByID(entry) for entry in nodeIds() if entry not in kept]
    assert not [node.GetName() for node in left if node.IsA("vtkMRMLTransformNode")]
    assert not [node.GetName() for node in left if node.IsA("vtkMRMLSequenceNode")]
    user.register()
    assert findResult(subject).isApplied()
