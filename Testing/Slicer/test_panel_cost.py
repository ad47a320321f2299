"""Time and memory before Register is pressed, and the devices to choose from."""

import numpy as np
import pytest
import qt
from DeepRegistrationSlicer.Choices import DeviceChoice, JobChoice
from DeepRegistrationSlicer.MrmlBridge import createVolume
from DeepRegistrationSlicer.PanelCost import PanelCost, Way, voxelsOf
from DeepRegistrationSlicer.RegistrationJob import RegistrationOutcome

from DeepRegistrationLib.jobs.job import ExitCode
from Testing.Slicer.panel_user import isShown

WAY = Way(JobChoice.XRAY_CT, "auto", DeviceChoice.AUTO)
CARD = {"title": "Card", "free_mb": 7900.0, "total_mb": 8000.0}


@pytest.fixture
def line():
    return qt.QLabel()


@pytest.fixture
def devices():
    box = qt.QComboBox()
    box.toolTip = "Where to compute."
    return box


@pytest.fixture
def cost(line, devices):
    return PanelCost(line, devices)


def volume(size: int):
    return createVolume(np.zeros((size, 100, 100), np.float32), np.eye(4), f"{size} slices")


def outcome(seconds=4.2, memoryMb=1234.0):
    return RegistrationOutcome(ExitCode.DONE, "Done.", seconds=seconds, memoryMb=memoryMb)


def test_nothing_is_expected_of_nothing(cost, line):
    cost.show(WAY, None, {})
    assert not isShown(line)
    cost.show(None, volume(100), {})
    assert not isShown(line)


def test_before_the_first_time_measured_figures_are_told_where_there_are_some(cost, line):
    cost.show(WAY, volume(100), {})
    assert line.text == "Expected time: not measured yet. What is left is shown while it runs."
    cost.show(Way(JobChoice.FETAL_VOLUME, "auto", DeviceChoice.AUTO), volume(100), {})
    assert line.text.startswith("Expected: 1.3 s and 0.9 GB of memory on two processor cores")
    cost.show(Way(JobChoice.FETAL_VOLUME, "vvr-gc", DeviceChoice.AUTO), volume(100), {})
    assert "not measured yet" in line.text


def test_the_last_time_counts_for_its_method_and_device_and_for_images_of_its_size(cost, line):
    cost.learn(WAY, volume(100), outcome())
    cost.show(WAY, volume(110), {})
    assert line.text == "Expected: 4.2 s and 1.2 GB of memory, as the last time."
    cost.show(WAY, volume(200), {})
    assert line.text == (
        "The last time: 4.2 s and 1.2 GB of memory, for 1 million voxels; now there are 2 million."
    )
    cost.show(Way(JobChoice.XRAY_CT, "net", DeviceChoice.AUTO), volume(100), {})
    assert "not measured yet" in line.text
    cost.learn(WAY, volume(100), outcome(seconds=260.0, memoryMb=None))
    cost.show(WAY, volume(100), {})
    assert line.text == "Expected: 4 min, as the last time."


def test_what_did_not_end_with_a_result_teaches_nothing(cost, line):
    cost.learn(WAY, volume(100), outcome(seconds=None))
    cost.show(WAY, volume(100), {})
    assert "not measured yet" in line.text


def test_the_devices_are_told_with_their_names_and_free_memory(cost, devices):
    cost.show(
        WAY, None, {"cpu": {"title": "cpu (2 threads)", "free_mb": None, "total_mb": None}, "cuda": CARD}
    )
    assert devices.toolTip == "Where to compute.\ncpu (2 threads)\nCard: 7.9 of 8.0 GB free"
    cost.show(WAY, None, {})
    assert devices.toolTip == "Where to compute."


def test_the_panel_tells_what_the_worker_has_measured(open_ready_tab):
    user = open_ready_tab(JobChoice.US_ANGLES)
    assert "not measured yet" in user.ui.costLabel.text
    user.register()
    assert "Confidence" in user.ui.confidenceLabel.text, user.ui.statusLabel.text
    assert "GB of memory, as the last time." in user.ui.costLabel.text
    assert "cpu (" in user.ui.deviceSelector.toolTip
    assert "GB free" in user.ui.deviceSelector.toolTip
    assert voxelsOf(user.parameters.ultrasound.middle) == 240 * 240
