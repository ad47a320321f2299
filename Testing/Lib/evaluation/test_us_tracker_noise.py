import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.evaluation.us_tracker_noise import noise_table, tracker_noise
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration
from DeepRegistrationLib.images.ultrasound_frames import FramePoses, UltrasoundFrames

COUNT = 400


def pose(vector_deg, position):
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(vector_deg, degrees=True).as_matrix()
    matrix[:3, 3] = position
    return matrix


@pytest.fixture
def a_calibration():
    return UltrasoundCalibration((0.08, 0.09), (3.0, 5.0), pose([20.0, -70.0, 40.0], [12.0, 50.0, -0.5]))


def swept(calibration, reference_deg, probe_deg, valid=None):
    """Both tools stand far from the tracker's origin, and are told with noise; the probe turns."""
    generator = np.random.default_rng(0)
    still = pose([100.0, 30.0, -60.0], [300.0, -90.0, -50.0])
    start = pose([-50.0, 10.0, 120.0], [250.0, -50.0, 25.0])
    image = calibration.probe_from_image
    reference = [still @ pose(generator.normal(0, reference_deg, 3), [0, 0, 0]) for _ in range(COUNT)]
    probe = []
    for k in range(COUNT):
        turned = image @ pose([0, 0, probe_deg * (k % 2)], [0, 0, 0]) @ np.linalg.inv(image)
        probe.append(start @ turned)
    valid = np.ones(COUNT, bool) if valid is None else valid
    poses = FramePoses(
        {"ReferenceToTracker": np.stack(reference), "ProbeToTracker": np.stack(probe)},
        {"ReferenceToTracker": valid, "ProbeToTracker": np.ones(COUNT, bool)},
    )
    return UltrasoundFrames(torch.rand(COUNT, 2, 2), None, "sweep", poses=poses)


def test_noise_of_a_reference_that_lies_still_is_told_as_it_turns_the_image(a_calibration):
    noise = tracker_noise("bone", swept(a_calibration, 0.01, 0.0), a_calibration)
    # one axis of the difference of two poses: 0.01 sqrt 2, its mean size sqrt(2 / pi) of that
    assert noise.reference_deg == pytest.approx(0.01 * np.sqrt(2) * np.sqrt(2 / np.pi), rel=0.1)
    assert noise.floor_deg == pytest.approx(np.sqrt(2) * noise.reference_deg)
    assert noise.probe_deg == pytest.approx(noise.reference_deg)


def test_a_turn_of_the_probe_is_no_noise(a_calibration):
    noise = tracker_noise("bone", swept(a_calibration, 0.0, 0.5), a_calibration)
    assert noise.reference_deg < 1e-5
    assert noise.probe_deg == pytest.approx(0.5, abs=1e-4)
    assert "| bone | 399 | 0.500 | 0.000 | 0.000 |" in noise_table([noise])


def test_frames_whose_tools_were_not_seen_do_not_count(a_calibration):
    valid = np.arange(COUNT) > 99
    assert tracker_noise("bone", swept(a_calibration, 0.01, 0.0, valid), a_calibration).pairs == 299


def test_without_a_reference_nothing_is_told(a_calibration):
    frames = swept(a_calibration, 0.0, 0.0)
    del frames.poses.transforms["ReferenceToTracker"]
    assert tracker_noise("bone", frames, a_calibration) is None
