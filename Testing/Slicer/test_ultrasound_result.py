"""Ultrasound frames of known angles with the real worker: where the nodes of their results stand."""

import json

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import PixelSizeChoice
from DeepRegistrationSlicer.FrameSource import Sweep, Triplet
from DeepRegistrationSlicer.Logic import RegistrationLogic
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createLinearTransform, matrixOf, rasFromIjk
from DeepRegistrationSlicer.PixelSize import PixelSize
from DeepRegistrationSlicer.ResultNodes import MOVES, findResult
from DeepRegistrationSlicer.SweepBrowser import browserOf, proxyOf, sequencesOf
from DeepRegistrationSlicer.UltrasoundRequest import UltrasoundRequest
from DeepRegistrationSlicer.UltrasoundResultLoader import UltrasoundWanted

from DeepRegistrationLib.jobs.us_angles import FRAME_DISTANCE_MM, UsAnglesSettings
from Testing.Slicer.nodes import movedBy, nodeIds, rotation
from Testing.Slicer.us_phantom import ANGLES, contentPoint, track

POINTS = np.array([(120.0, 90.0), (240.0, 60.0), (180.0, 200.0)])
"""Indices (column, row) in the first frame."""
# of the phantom's angles after a refinement below a pixel
LARGEST_ERROR_DEG = 0.05
LARGEST_ERROR_MM = 0.05


def register(source, **changes):
    return RegistrationLogic().startRegistration(UltrasoundRequest(source, **changes)).outcome.nodes


def worldOf(volume, point) -> np.ndarray:
    """(3,) RAS [mm] of an index (column, row) of a volume, where it stands."""
    parent = volume.GetParentTransformNode()
    world = slicer.util.arrayFromTransformMatrix(parent, toWorld=True) if parent is not None else np.eye(4)
    return (world @ rasFromIjk(volume) @ [*point, 0.0, 1.0])[:3]


def column(table, name) -> np.ndarray:
    return slicer.util.arrayFromTableColumn(table, name)


@pytest.fixture
def a_triplet(us_frames):
    return Triplet(*us_frames.triplet())


@pytest.fixture
def a_sweep(us_frames):
    return Sweep(us_frames.played())


def test_the_outer_frames_are_moved_onto_the_middle_one(a_triplet):
    result = register(a_triplet)
    assert result.isApplied()
    assert a_triplet.middle.GetParentTransformNode() is None
    for number, volume in ((0, a_triplet.before), (2, a_triplet.after)):
        for point in POINTS:
            there = worldOf(volume, contentPoint(number, point))
            expected = worldOf(a_triplet.middle, contentPoint(1, point))
            np.testing.assert_allclose(there, expected, atol=LARGEST_ERROR_MM)


def test_the_table_has_the_angles_against_the_middle_frame(a_triplet):
    table = register(a_triplet).more["angles"]
    expected = [ANGLES[0] - ANGLES[1], ANGLES[2] - ANGLES[1]]
    np.testing.assert_allclose(column(table, "image_z_deg"), expected, atol=LARGEST_ERROR_DEG)
    np.testing.assert_allclose(column(table, "image_x_deg"), 0, atol=1e-6)
    assert (column(table, "confidence") > 0.8).all()


def test_before_and_after_move_both_outer_frames(a_triplet):
    scanner = movedBy(a_triplet.before, name="scanner")
    result = register(a_triplet)
    result.undo()
    assert a_triplet.before.GetParentTransformNode() is scanner
    assert a_triplet.after.GetParentTransformNode() is None
    assert not result.isApplied()
    result.apply()
    assert a_triplet.before.GetParentTransformNode() is result.transform
    assert a_triplet.after.GetParentTransformNode() is result.more["transform2"]


def test_registering_again_moves_the_frames_from_where_they_were(a_triplet):
    register(a_triplet)
    register(a_triplet).undo()
    assert a_triplet.before.GetParentTransformNode() is None


def test_frames_under_a_transform_are_aligned_under_it(a_triplet):
    room = movedBy(a_triplet.middle, name="room")
    result = register(a_triplet)
    assert result.transform.GetParentTransformNode() is room
    there = worldOf(a_triplet.before, contentPoint(0, POINTS[0]))
    expected = worldOf(a_triplet.middle, contentPoint(1, POINTS[0]))
    np.testing.assert_allclose(there, expected, atol=LARGEST_ERROR_MM)


def test_a_sweep_is_played_with_its_transforms(a_sweep, us_frames):
    """Content stays where it is in the first frame, but for the distance between frames."""
    result = register(a_sweep)
    image, browser = proxyOf(a_sweep.subject), browserOf(a_sweep.subject)
    assert result.more["transforms"] in sequencesOf(browser)
    assert image.GetParentTransformNode() is result.transform
    normal = np.cross(us_frames.grid[:3, 0], us_frames.grid[:3, 1])
    normal /= np.linalg.norm(normal)
    for number in range(len(ANGLES)):
        browser.SetSelectedItemNumber(number)
        np.testing.assert_array_equal(arrayOf(image)[0], us_frames.sweep[number])
        for point in POINTS:
            first = (us_frames.grid @ [*point, 0.0, 1.0])[:3]
            expected = first + number * FRAME_DISTANCE_MM * normal
            there = worldOf(image, contentPoint(number, point))
            np.testing.assert_allclose(there, expected, atol=LARGEST_ERROR_MM)


def test_the_angles_of_a_sweep_are_in_a_table_and_a_plot(a_sweep):
    result = register(a_sweep)
    table = result.more["angles"]
    np.testing.assert_allclose(column(table, "angle_deg"), np.diff(ANGLES), atol=LARGEST_ERROR_DEG)
    np.testing.assert_allclose(column(table, "summed_angle_deg"), ANGLES[1:], atol=2 * LARGEST_ERROR_DEG)
    chart = result.more["chart"]
    assert chart.GetNumberOfPlotSeriesNodes() == 2
    assert {chart.GetNthPlotSeriesNode(n).GetTableNode() for n in range(2)} == {table}


def test_the_aligned_volume_stands_where_its_frames_do(a_sweep, us_frames):
    """Slice k lies in the plane of frame k, and shows there what the first frame shows."""
    result = register(a_sweep)
    browser, image = browserOf(a_sweep.subject), proxyOf(a_sweep.subject)
    voxels = arrayOf(result.warped)
    assert voxels.shape == us_frames.sweep.shape
    middle = result.content()["middle_frame"]
    np.testing.assert_array_equal(voxels[middle], us_frames.sweep[middle])
    for number in (0, 3, 5):
        browser.SetSelectedItemNumber(number)
        for point in POINTS:
            there = worldOf(image, contentPoint(number, point))
            index = np.linalg.inv(rasFromIjk(result.warped)) @ [*there, 1.0]
            assert index[2] == pytest.approx(number, abs=0.05)
            i, j = np.round(index[:2]).astype(int)
            left, top = np.round(contentPoint(0, point)).astype(int)
            here, first = voxels[number, j - 1 : j + 2, i - 1 : i + 2], us_frames.sweep[0, top, left]
            assert abs(float(here.mean()) - float(first)) < 25


def test_cards_stand_from_the_first_frame_to_the_last(a_sweep, us_frames):
    model = register(a_sweep).more["cards"]
    points = slicer.util.arrayFromModelPoints(model)
    normal = np.cross(us_frames.grid[:3, 0], us_frames.grid[:3, 1])
    depth = (points - us_frames.grid[:3, 3]) @ (normal / np.linalg.norm(normal))
    np.testing.assert_allclose(np.unique(depth.round(2)), np.arange(6) * FRAME_DISTANCE_MM, atol=0.02)
    grey = slicer.util.arrayFromModelPointData(model, "grey")
    assert grey.max() > 150
    assert grey.min() < 60


def test_a_frame_of_another_place_is_refused_marked_and_left_where_it_is(us_frames):
    frames = us_frames.sweep.copy()
    frames[3] = us_frames.strange
    sweep = Sweep(us_frames.played(frames))
    result = register(sweep)
    table = result.more["angles"]
    np.testing.assert_array_equal(column(table, "refused"), [0, 0, 1, 1, 0])
    assert np.isfinite(column(table, "refused_angle_deg")).sum() == 2
    outline = slicer.util.arrayFromModelPoints(result.more["refused"])
    assert len(outline) == 2 * 5
    transforms = result.more["transforms"]
    matrices = [matrixOf(transforms.GetNthDataNode(number)) for number in (2, 3, 4)]
    for matrix in matrices[1:]:
        np.testing.assert_allclose(matrix[:3, :3], matrices[0][:3, :3], atol=1e-6)


def test_the_slices_of_a_volume_become_a_sequence(us_frames):
    stack = us_frames.stack()
    result = register(Sweep(stack))
    images = result.more["frames"]
    assert images.GetNumberOfDataNodes() == len(ANGLES)
    assert proxyOf(images) is result.transform.GetNodeReference(MOVES)
    assert stack.GetParentTransformNode() is None
    second = register(Sweep(stack))
    assert second.more["frames"] is images
    assert findResult(stack).more["transforms"] is second.more["transforms"]


def test_a_calibration_in_the_scene_gives_pixel_size_and_angles_of_the_probe(us_frames, a_triplet):
    """The calibration lets the image's normal point along the x axis of the probe."""
    scale = 0.1 / 0.2
    turn = rotation((0, 90, 0)) @ np.linalg.inv(us_frames.grid @ np.diag([5, 5, 1, 1]))
    calibration = createLinearTransform(np.diag([scale, scale, scale, 1]) @ turn, "ImageToProbe")
    pixelSize = PixelSize(PixelSizeChoice.TRANSFORM, transform=calibration)
    result = register(a_triplet, pixelSize=pixelSize)
    np.testing.assert_allclose(result.content()["settings"]["pixel_size_mm"], (0.1, 0.1), rtol=1e-6)
    table = result.more["angles"]
    np.testing.assert_allclose(column(table, "probe_x_deg"), [-2.0, 3.0], atol=LARGEST_ERROR_DEG)
    np.testing.assert_allclose(column(table, "probe_z_deg"), 0, atol=1e-3)
    there = worldOf(a_triplet.before, contentPoint(0, POINTS[1]))
    expected = worldOf(a_triplet.middle, contentPoint(1, POINTS[1]))
    np.testing.assert_allclose(there, expected, atol=LARGEST_ERROR_MM)


def test_a_tracked_sweep_is_compared_with_its_tracker(us_frames):
    """The probe turned as the frames show, the other way."""
    sequence = us_frames.played()
    track(sequence, "ProbeToTracker", np.stack([rotation((0, 0, -angle)) for angle in ANGLES]))
    plus = createLinearTransform(
        np.diag([0.2, 0.2, 0.2, 1.0]) @ np.linalg.inv(us_frames.grid), "ImageToProbe"
    )
    pixelSize = PixelSize(PixelSizeChoice.TRANSFORM, transform=plus)
    result = register(Sweep(sequence), pixelSize=pixelSize)
    drift = result.content()["drift"]
    assert drift["mean_error_deg"]["registration"] < LARGEST_ERROR_DEG
    assert drift["mean_error_deg"]["zero motion"] > 1
    tracked = column(result.more["angles"], "tracked_angle_deg")
    np.testing.assert_allclose(tracked, np.diff(ANGLES), atol=1e-3)
    assert result.more["chart"].GetNumberOfPlotSeriesNodes() == 3


def test_an_entered_pixel_size_leaves_the_image_where_it_is(a_triplet):
    pixelSize = PixelSize(PixelSizeChoice.ENTERED, entered=(0.05, 0.05))
    result = register(a_triplet, pixelSize=pixelSize)
    assert result.content()["settings"]["pixel_size_from"] == "entered"
    there = worldOf(a_triplet.after, contentPoint(2, POINTS[2]))
    expected = worldOf(a_triplet.middle, contentPoint(1, POINTS[2]))
    np.testing.assert_allclose(there, expected, atol=LARGEST_ERROR_MM)


@pytest.mark.parametrize(
    ("wanted", "roles"),
    [
        (UltrasoundWanted(True, False, False, False), {"transform", "transform2", "report"}),
        (UltrasoundWanted(False, True, False, False), {"warped", "report"}),
        (UltrasoundWanted(False, False, True, True), {"cards", "angles", "report"}),
    ],
)
def test_only_what_is_wanted_becomes_a_node(a_triplet, wanted, roles):
    result = register(a_triplet, wanted=wanted)
    assert set(result.byRole()) == roles


def test_one_folder_holds_the_result_with_its_settings(a_sweep):
    result = register(a_sweep, settings=UsAnglesSettings(seed=7))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    folders = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in result.nodes()}
    assert len(folders) == 1
    settings = json.loads(hierarchy.GetItemAttribute(folders.pop(), "DeepRegistration.settings"))
    assert settings["seed"] == 7


@pytest.mark.parametrize("kind", ["played", "stack"])
def test_a_result_that_cannot_be_loaded_leaves_scene_and_browser_as_they_were(us_frames, kind, monkeypatch):
    import DeepRegistrationSlicer.UltrasoundResultLoader as loader

    # after the transforms have joined the browser
    def break_down(*arguments):
        raise OSError("no space")

    monkeypatch.setattr(loader, "fileAway", break_down)
    source = Sweep(getattr(us_frames, kind)())
    ids = nodeIds()
    job = RegistrationLogic().startRegistration(UltrasoundRequest(source), waitForCompletion=False)
    assert "could not be added to the scene" in job.wait().message
    assert nodeIds() == ids
    if kind == "played":
        assert sequencesOf(browserOf(source.subject)) == [source.subject]
        assert proxyOf(source.subject).GetParentTransformNode() is None
