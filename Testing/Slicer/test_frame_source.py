"""Frames in the scene without a registration: pixels, times, tools, browsers."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.FrameSource import Sweep, Triplet
from DeepRegistrationSlicer.MrmlBridge import createVolume
from DeepRegistrationSlicer.SweepBrowser import browserOf, createSequence, itemBeside, play, proxyOf

from Testing.Slicer.us_phantom import track


def volumes(values=(3, 5, 8, 13), dtype=np.uint8, colours=0):
    shape = (1, 4, 6, colours) if colours else (1, 4, 6)
    name = "vtkMRMLVectorVolumeNode" if colours else "vtkMRMLScalarVolumeNode"
    nodes = [createVolume(np.full(shape, value, dtype), np.eye(4), f"{value}", name) for value in values]
    for node in nodes:
        slicer.mrmlScene.RemoveNode(node)
    return nodes


def timed(step_s: float, count: int = 4):
    """A sequence with times."""
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "Timed")
    sequence.SetIndexName("time")
    sequence.SetIndexUnit("s")
    for number, volume in enumerate(volumes(range(1, count + 1))):
        sequence.SetDataNodeAtValue(volume, str(number * step_s))
    return sequence


def shifted(count: int) -> np.ndarray:
    matrices = np.tile(np.eye(4), (count, 1, 1))
    matrices[:, 0, 3] = np.arange(count)
    return matrices


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_pixels_come_as_they_are(dtype):
    frames = Sweep(createSequence(volumes(dtype=dtype), "Sweep")).frames()
    assert frames.dtype == dtype
    np.testing.assert_array_equal(frames[:, 2, 3], [3, 5, 8, 13])


def test_pixels_that_no_file_holds_become_single_precision():
    assert Sweep(createSequence(volumes(dtype=np.float64), "Sweep")).frames().dtype == np.float32


def test_frames_in_colour_keep_their_colours():
    source = Sweep(createSequence(volumes(colours=3), "Sweep"))
    source.check()
    assert source.frames().shape == (4, 4, 6, 3)


def test_a_sequence_that_counts_frames_has_no_times():
    assert Sweep(createSequence(volumes(), "Sweep")).times() is None


def test_times_of_a_sequence_are_those_of_its_index():
    np.testing.assert_allclose(Sweep(timed(1 / 15)).times(), np.arange(4) / 15)


def test_three_images_have_neither_times_nor_tools():
    nodes = [createVolume(np.zeros((1, 4, 6), np.uint8), np.eye(4), name) for name in "abc"]
    source = Triplet(*nodes)
    assert source.times() is None
    assert source.tracked().transforms == {}
    assert source.tracked().valid.all()


@pytest.mark.parametrize("name", ["ProbeToTracker", "ProbeToTrackerTransform", "ProbeToTracker-Sequence_1"])
def test_tools_are_known_by_the_names_that_plus_and_slicer_give(name):
    sequence = timed(0.05)
    play(sequence, "Browser")
    track(sequence, name, shifted(4))
    tracked = Sweep(sequence).tracked()
    np.testing.assert_allclose(tracked.transforms["ProbeToTracker"], shifted(4))
    assert tracked.valid.all()


def test_a_sequence_of_transforms_by_another_name_is_no_tool():
    sequence = timed(0.05)
    play(sequence, "Browser")
    track(sequence, "my transforms", shifted(4))
    assert Sweep(sequence).tracked().transforms == {}


def test_a_frame_that_the_tracker_missed_is_not_valid():
    """The tool has poses at the first and third frame; times have three digits, as Slicer saves them."""
    sequence = timed(1 / 15, count=3)
    play(sequence, "Browser")
    poses = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "ProbeToTracker")
    poses.SetIndexName("time")
    poses.SetIndexUnit("s")
    for number in (0, 2):
        node = slicer.vtkMRMLLinearTransformNode()
        node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shifted(3)[number]))
        poses.SetDataNodeAtValue(node, f"{number / 15:.3f}")
    browserOf(sequence).AddSynchronizedSequenceNode(poses)
    tracked = Sweep(sequence).tracked()
    assert tracked.valid.tolist() == [True, False, True]
    np.testing.assert_allclose(tracked.transforms["ProbeToTracker"][2, 0, 3], 2.0)
    assert itemBeside(poses, sequence, 1) is None


def test_playing_shows_the_chosen_item_in_one_node():
    sequence = createSequence(volumes(), "Sweep")
    shown = play(sequence, "Browser")
    assert play(sequence, "Another") is shown
    assert proxyOf(sequence) is shown
    browserOf(sequence).SetSelectedItemNumber(2)
    assert slicer.util.arrayFromVolume(shown).max() == 8
