"""Errors of poses, and their summaries."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.evaluation.metrics import (
    bin_names,
    bin_of,
    caught_share,
    failures,
    largest_disagreement_deg,
    pose_error,
    summarize,
)


def turn(angle_deg: float, axis=(2, -1, 2), translation=(0, 0, 0), scale: float = 1.0) -> np.ndarray:
    matrix = np.eye(4)
    vector = np.radians(angle_deg) * np.array(axis) / np.linalg.norm(axis)
    matrix[:3, :3] = scale * Rotation.from_rotvec(vector).as_matrix()
    matrix[:3, 3] = translation
    return matrix


@pytest.mark.parametrize("angle_deg", [0.001, 25.0, 179.999])
def test_the_rotation_error_is_the_angle_between_the_two(angle_deg):
    reference = turn(77, axis=(1, 5, 0), translation=(3, 4, 5))
    assert pose_error(turn(angle_deg) @ reference, reference, np.zeros(3)).rotation_deg == pytest.approx(
        angle_deg, abs=1e-6
    )


def test_a_turn_about_a_far_point_moves_the_origin_and_not_the_point():
    centre = np.array([400.0, -300.0, 900.0])
    about_centre = turn(30)
    about_centre[:3, 3] = centre - about_centre[:3, :3] @ centre
    assert pose_error(about_centre, np.eye(4), centre).translation_mm == pytest.approx(0, abs=1e-9)
    assert pose_error(about_centre, np.eye(4), np.zeros(3)).translation_mm > 100


def test_a_scale_is_no_rotation():
    assert pose_error(turn(12, scale=1.1), turn(12), np.zeros(3)).rotation_deg == pytest.approx(0, abs=1e-6)


def test_a_summary_counts_results_that_are_missing_but_does_not_average_them():
    summary = summarize([1.0, 2.0, 6.0, math.nan])
    assert (summary.count, summary.mean, summary.median, summary.maximum) == (4, 3.0, 2.0, 6.0)
    assert summary.standard_deviation == pytest.approx(math.sqrt(14 / 3))
    assert math.isnan(summarize([math.nan]).mean)


def test_a_missing_result_is_a_failure_and_ten_degrees_are_none():
    assert failures([0.1, 10.0, 10.001, math.nan]) == 2


def test_each_angle_belongs_to_one_of_six_bins():
    assert [bin_of(angle) for angle in (0, 30, 30.1, 89, 120, 150.5, 180)] == [0, 0, 1, 2, 3, 5, 5]
    assert bin_names()[0] == "0-30"
    assert len(bin_names()) == 6


def test_an_angle_beyond_half_a_turn_is_refused():
    with pytest.raises(ValueError, match="180"):
        bin_of(181)


def test_the_largest_disagreement_is_between_any_two_and_not_with_the_first():
    axis = (0, 0, 1)
    assert largest_disagreement_deg([turn(0, axis), turn(8, axis), turn(-7, axis)]) == pytest.approx(15)
    assert largest_disagreement_deg([turn(40)]) == 0


def test_failures_below_all_good_results_are_caught_and_those_above_are_not():
    # 20 good results: the alarm may go off for one of them, so it goes off below the second lowest
    good = [0.5 + 0.02 * number for number in range(20)]
    failed = [0.1, 0.505, 0.53, 0.9]
    errors = [1.0] * 20 + [20.0, 90.0, math.nan, 170.0]
    assert caught_share([*good, *failed], errors) == pytest.approx(2 / 4)
    # with no false alarm allowed it goes off below the lowest good one
    assert caught_share([*good, *failed], errors, false_alarms=0.0) == pytest.approx(1 / 4)


def test_a_confidence_that_is_the_same_for_all_catches_nothing():
    assert caught_share([0.7] * 10, [1.0] * 5 + [50.0] * 5) == 0.0


def test_without_a_failure_or_without_a_good_result_there_is_no_share():
    assert math.isnan(caught_share([0.5, 0.9], [1.0, 2.0]))
    assert math.isnan(caught_share([0.5, 0.9], [30.0, math.nan]))
