"""Frames that arrive in an image node, with the real worker: the number that follows, and how it ends."""

import time

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.Choices import JobChoice, UltrasoundMethodChoice

from Testing.Slicer.nodes import nodeIds
from Testing.Slicer.panel_user import choose
from Testing.Slicer.us_phantom import ANGLES


class Probe:
    """Sends frames into an image node, as a stream does."""

    def __init__(self, user, frames) -> None:
        self.user, self._frames = user, frames
        self.image = frames.image(0, "Live image")

    def send(self, frame: np.ndarray) -> None:
        """A new image in the node."""
        slicer.util.updateVolumeFromArray(self.image, frame[None].copy())

    def sendOneByOne(self, frames: np.ndarray, first: int = 1) -> None:
        """Each new frame when the one before was registered."""
        for number, frame in enumerate(frames, first):
            self.send(frame)
            if number < 2:
                # nothing is registered yet: let it be seen
                self.user.waitFor(lambda: len(self.follower._last) == 2)
            else:
                self.user.waitFor(lambda n=number: self.angles is not None and self.angles.number == n)

    @property
    def follower(self):
        return self.user.panel.page._follower

    @property
    def angles(self):
        return self.follower.angles


@pytest.fixture
def a_probe(open_panel, us_frames):
    """The tab follows an image that shows the first frame of the phantom."""
    user = open_panel(JobChoice.US_ANGLES)
    probe = Probe(user, us_frames)
    user.ui.liveSelector.setCurrentNode(probe.image)
    user.ui.followCheckBox.checked = True
    # the frame that is there already counts as the first
    user.waitFor(lambda: len(probe.follower._last) == 1)
    yield probe
    user.ui.followCheckBox.checked = False
    user.wait()


def test_an_image_has_to_be_chosen(open_panel):
    user = open_panel(JobChoice.US_ANGLES)
    assert not user.ui.followCheckBox.enabled


def test_the_angles_follow_each_new_frame(a_probe, us_frames):
    assert "Waiting for 3 frames" in a_probe.user.ui.liveAnglesLabel.text
    a_probe.sendOneByOne(us_frames.sweep[1:])
    assert a_probe.angles.toFirst == pytest.approx(ANGLES[-1], abs=0.1)
    assert a_probe.angles.toPrevious == pytest.approx(ANGLES[-1] - ANGLES[-2], abs=0.05)
    ui = a_probe.user.ui
    assert "Frame 5 turned by <b>-2.5" in ui.liveAnglesLabel.text
    assert "frames per second, 0 left out" in ui.rateLabel.text
    assert ui.registerButton.text == "Stop following"


def test_of_frames_that_come_too_fast_the_latest_counts(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    # while one is computed
    a_probe.send(us_frames.sweep[3])
    a_probe.user.waitFor(lambda: a_probe.user.logic.job is not None)
    for frame in (us_frames.strange, us_frames.strange // 2, us_frames.sweep[4]):
        a_probe.send(frame)
    a_probe.user.waitFor(lambda: a_probe.angles.number == 4)
    assert a_probe.angles.toFirst == pytest.approx(ANGLES[4], abs=0.1)
    assert a_probe.angles.refused == 0
    assert "2 left out" in a_probe.user.ui.rateLabel.text


def test_a_frame_that_is_told_twice_counts_once(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    a_probe.image.InvokeEvent(a_probe.image.ImageDataModifiedEvent)
    a_probe.send(us_frames.sweep[2])
    a_probe.sendOneByOne(us_frames.sweep[3:4], first=3)
    assert a_probe.angles.number == 3
    assert a_probe.angles.toFirst == pytest.approx(ANGLES[3], abs=0.1)


def test_a_frame_of_another_place_counts_as_no_motion_and_is_told(a_probe, us_frames):
    a_probe.sendOneByOne(np.stack([*us_frames.sweep[1:3], us_frames.strange]))
    assert a_probe.angles.toPrevious is None
    assert a_probe.angles.toFirst == pytest.approx(ANGLES[2], abs=0.1)
    assert "Frame 3 does not fit the one before" in a_probe.user.ui.liveAnglesLabel.text
    assert "does not fit the one before" in a_probe.user.ui.statusLabel.text


def test_frames_of_another_size_begin_anew(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    for number, frame in enumerate(us_frames.sweep[3:, :280]):
        a_probe.send(frame)
        a_probe.user.waitFor(lambda n=number: [x.shape[0] for x in a_probe.follower._last] == [280] * (n + 1))
    a_probe.user.waitFor(lambda: a_probe.angles is not None)
    assert a_probe.angles.number == 2
    assert a_probe.angles.toFirst == pytest.approx(ANGLES[5] - ANGLES[3], abs=0.1)


def test_an_image_that_is_emptied_is_told_and_followed_on(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    a_probe.image.SetAndObserveImageData(None)
    a_probe.user.waitFor(lambda: "no pixels in 'Live image'" in a_probe.user.ui.statusLabel.text)
    assert a_probe.user.ui.followCheckBox.checked


def test_register_stops_following(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    ids = nodeIds()
    a_probe.user.ui.registerButton.click()
    a_probe.user.wait()
    assert not a_probe.user.ui.followCheckBox.checked
    assert a_probe.user.ui.rateLabel.text == ""
    a_probe.send(us_frames.sweep[3])
    for _ in range(20):
        slicer.app.processEvents()
        time.sleep(0.005)
    assert a_probe.user.logic.job is None
    assert nodeIds() == ids


def test_another_method_stops_following(a_probe, us_frames):
    choose(a_probe.user.ui.methodSelector, UltrasoundMethodChoice.NETWORK)
    assert not a_probe.user.ui.followCheckBox.checked


def test_an_image_that_is_removed_ends_it_with_a_word(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    slicer.mrmlScene.RemoveNode(a_probe.image)
    assert not a_probe.user.ui.followCheckBox.checked
    assert "so its frames are followed no more" in a_probe.user.ui.statusLabel.text


def test_a_scene_that_is_closed_while_a_frame_is_computed_leaves_nothing(a_probe, us_frames):
    a_probe.sendOneByOne(us_frames.sweep[1:3])
    a_probe.send(us_frames.sweep[3])
    a_probe.user.waitFor(lambda: a_probe.user.logic.job is not None)
    slicer.mrmlScene.Clear(False)
    a_probe.user.wait()
    assert not a_probe.user.ui.followCheckBox.checked
    assert not slicer.util.getNodesByClass("vtkMRMLVolumeNode")


def test_no_node_comes_of_it(a_probe, us_frames):
    ids = nodeIds()
    a_probe.sendOneByOne(us_frames.sweep[1:4])
    assert nodeIds() == ids
