import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration
from DeepRegistrationLib.images.ultrasound_frames import FramePoses, UltrasoundFrames
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod, UsAnglesSettings
from DeepRegistrationLib.optimize.us_pairs import FramePairs
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.us_aligned import aligned_frames, reference_from_pixel
from DeepRegistrationLib.workflows.us_angles import register
from DeepRegistrationLib.workflows.us_confidence import PairEvidence, judge_frames, judge_pair
from DeepRegistrationLib.workflows.us_methods import register_pairs
from DeepRegistrationLib.workflows.us_result import UsAnglesInputs
from Testing.Lib.ultrasound import in_machine, moved_frame

SETTINGS = UsAnglesSettings(method=UsAnglesMethod.SEARCH_REFINE)
PIXEL_MM = (0.2, 0.2)


def machine_frames(angles, seeds=None, shifts=None):
    """Frames of a machine whose content is turned by angles [degrees] against one place."""
    shifts = shifts or [(0.0, 0.0)] * len(angles)
    pictures = [
        in_machine(moved_frame(angle, shift, 240, seed))
        for angle, shift, seed in zip(angles, shifts, seeds or [0] * len(angles), strict=True)
    ]
    return UltrasoundFrames(torch.from_numpy(np.stack(pictures)).float(), PIXEL_MM, "frames")


@pytest.fixture(scope="module")
def three_frames():
    return register(UsAnglesInputs(machine_frames([-4.0, 0.0, 7.0])), SETTINGS)


@pytest.fixture(scope="module")
def a_calibration():
    turned = np.array([[0.0, 0, 1, 30], [1, 0, 0, -20], [0, 1, 0, 10], [0, 0, 0, 1]])
    return UltrasoundCalibration(PIXEL_MM, (0.0, 0.0), turned)


def test_the_angles_of_three_frames_are_those_of_their_content(three_frames):
    result = three_frames
    np.testing.assert_allclose(result.triplets.before_deg[0], [0, 0, -4], atol=0.05)
    np.testing.assert_allclose(result.triplets.after_deg[0], [0, 0, 7], atol=0.05)
    assert result.confidence.trust == Trust.HIGH
    assert list(result.transforms) == ["middle_from_before", "middle_from_after"]


def test_the_transforms_bring_the_frames_onto_the_middle_one(three_frames):
    result = three_frames
    aligned = aligned_frames(result)
    inside = result.sector.clone()
    inside[:45], inside[235:], inside[:, :85], inside[:, 275:] = False, False, False, False
    middle = result.frames.values[1][inside]
    for frame in (0, 2):
        before = (result.frames.values[frame][inside] - middle).abs().mean()
        after = (aligned[frame][inside] - middle).abs().mean()
        assert after < 0.2 * before


def test_a_shift_is_told_in_mm_also_where_pixels_are_not_square():
    frames = machine_frames([0.0, 0.0, 0.0], shifts=[(0.0, 0.0), (0.03, 0.0), (0.03, -0.02)])
    # every second row is dropped: the same picture with pixels of 0.2 x 0.4 mm
    squeezed = UltrasoundFrames(frames.values[:, ::2].contiguous(), (0.2, 0.4), "squeezed")
    for given in (frames, squeezed):
        shift = register(UsAnglesInputs(given), SETTINGS).pairs.shift_mm
        # the sector is 240 pixels of 0.2 mm
        np.testing.assert_allclose(shift, [[0.03 * 48, 0], [0, -0.02 * 48]], atol=0.05)


def test_a_sweep_is_chained_and_every_triplet_has_its_angles():
    angles = [0.0, 1.5, 4.0, 5.0, 3.0]
    result = register(UsAnglesInputs(machine_frames(angles)), SETTINGS)
    np.testing.assert_allclose(result.pairs.angle_deg, np.diff(angles), atol=0.05)
    np.testing.assert_allclose(result.triplets.before_deg[:, 2], -np.diff(angles)[:-1], atol=0.05)
    np.testing.assert_allclose(result.triplets.after_deg[:, 2], np.diff(angles)[1:], atol=0.05)
    last = result.first_from_frame[-1]
    assert np.degrees(np.arctan2(last[1, 0], last[0, 0])) == pytest.approx(-3.0, abs=0.08)
    placed = reference_from_pixel(result, 0.5)
    np.testing.assert_allclose(placed[:, 2, 3], np.arange(5) * 0.5)
    np.testing.assert_allclose(placed[0, :2, :2], np.diag(PIXEL_MM))


def test_in_probe_space_the_turn_is_about_another_axis(a_calibration):
    result = register(UsAnglesInputs(machine_frames([-4.0, 0.0, 7.0]), a_calibration), SETTINGS)
    # the image's normal is the probe's x axis here
    np.testing.assert_allclose(result.triplets.after_probe_deg[0], [7, 0, 0], atol=0.05)
    assert {"middle_from_before_probe", "middle_from_after_probe"} < set(result.transforms)


def test_a_tracked_sweep_gets_a_drift_report(a_calibration):
    angles = np.array([0.0, 1.0, 2.5, 3.0, 4.5])
    world_from_image = np.tile(np.eye(4), (5, 1, 1))
    # content that turns by an angle is a probe that turned by the opposite one
    cosine, sine = np.cos(-np.radians(angles)), np.sin(-np.radians(angles))
    world_from_image[:, 0, 0], world_from_image[:, 0, 1] = cosine, -sine
    world_from_image[:, 1, 0], world_from_image[:, 1, 1] = sine, cosine
    poses = world_from_image @ np.linalg.inv(a_calibration.probe_from_image)
    tracked = FramePoses({"ProbeToTracker": poses}, {"ProbeToTracker": np.array([True] * 5)})
    frames = dataclasses.replace(machine_frames(angles.tolist()), poses=tracked)
    drift = register(UsAnglesInputs(frames, a_calibration), SETTINGS).drift
    np.testing.assert_allclose(drift.true_deg, np.diff(angles), atol=1e-9)
    assert drift.mean_error_deg["registration"] < 0.05
    assert drift.mean_error_deg["zero motion"] == pytest.approx(4.5 / 4)
    np.testing.assert_allclose(drift.tilt_deg, 0, atol=1e-6)


def test_a_frame_of_another_place_is_refused_and_does_not_bend_the_chain():
    angles = [0.0, 1.0, 0.0, 2.0, 3.0]
    result = register(UsAnglesInputs(machine_frames(angles, seeds=[0, 0, 7, 0, 0])), SETTINGS)
    assert result.pairs.refused.tolist() == [False, True, True, False]
    assert result.triplets.refused.tolist() == [True, True, True]
    np.testing.assert_array_equal(result.first_from_frame[2], result.first_from_frame[1])
    assert "2 of 4 motions were refused" in result.confidence.reason


def test_three_frames_of_three_places_are_not_trusted():
    result = register(UsAnglesInputs(machine_frames([0.0, 0.0, 0.0], seeds=[0, 5, 9])), SETTINGS)
    assert result.confidence.trust == Trust.LOW


def test_two_frames_are_refused_and_a_stop_stops():
    with pytest.raises(InputError, match="three consecutive ones"):
        register(UsAnglesInputs(machine_frames([0.0, 1.0])), SETTINGS)
    with pytest.raises(Cancelled):
        register(
            UsAnglesInputs(machine_frames([0.0, 1.0, 2.0])),
            SETTINGS,
            lambda progress: progress.fraction < 0.3,
        )


def test_two_runs_are_equal_to_the_last_digit():
    frames = machine_frames([0.0, 1.0, 3.0])
    one, same = (register(UsAnglesInputs(frames), SETTINGS) for _ in range(2))
    np.testing.assert_array_equal(one.pairs.next_from_frame, same.pairs.next_from_frame)


def test_pixels_of_unknown_size_are_told():
    frames = dataclasses.replace(machine_frames([0.0, 1.0, 3.0]), spacing_mm=None)
    result = register(UsAnglesInputs(frames), SETTINGS)
    assert "size of the pixels is not known" in result.warnings[0]
    np.testing.assert_allclose(result.pairs.angle_deg, [1, 2], atol=0.05)


def test_the_network_that_is_not_installed_is_named(no_networks):
    frame = moved_frame(0.0, (0.0, 0.0))[None, None]
    pairs = FramePairs(frame, frame, torch.ones(1, 1, 128, 128))
    with pytest.raises(RegistrationError, match=r"Choose 'search\+refine'"):
        register_pairs(pairs, UsAnglesMethod.NETWORK)


def test_confidence_falls_with_each_piece_of_evidence():
    good = PairEvidence(0.95, 0.85, 0.02, 0.9, 0.1, 0.3, 0.1)
    worse = [
        dataclasses.replace(good, correlation=0.3),
        dataclasses.replace(good, texture=0.0),
        dataclasses.replace(good, angle_sigma_deg=0.5),
        dataclasses.replace(good, patch_motion=0.5),
    ]
    assert judge_pair(good).trust == Trust.HIGH
    assert all(judge_pair(entry).value < judge_pair(good).value for entry in worse)
    assert judge_pair(PairEvidence(0.1, 0.0, 0.5, 0.5, 5.0, 9.0, 1.0)).trust == Trust.LOW


def test_a_sweep_with_few_refusals_is_moderate_and_with_many_it_is_low():
    good, bad = (judge_pair(PairEvidence(c, c - 0.1, 0.02, 0.9, 0.1, 0.3, 0.1 / c)) for c in (0.95, 0.1))
    assert judge_frames((good,) * 10, (4, 5)).trust == Trust.HIGH
    assert judge_frames((*(good,) * 9, bad), (4, 5)).trust == Trust.MODERATE
    assert judge_frames((*(good,) * 4, *(bad,) * 6), (4, 5)).trust == Trust.LOW
