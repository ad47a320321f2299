"""What the errors of a pose before a camera mean."""

import dataclasses

import numpy as np
import pytest

from DeepRegistrationLib.evaluation.xray_errors import is_right, xray_errors
from DeepRegistrationLib.evaluation.xray_study_cts import (
    PAPER_POSES,
    draw_poses,
    drr_target,
    paper_camera,
    study_ct,
)
from Testing.Lib.pictures import about, rigid, rotation
from Testing.Lib.xray_case import MIDDLE, a_body, a_camera

POINTS = MIDDLE + np.random.default_rng(1).normal(0, 30, (500, 3))
TRUE = rigid((12, 40, -75), (55.0, -20.0, 310.0))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_shift_and_a_turn_are_told_along_the_axes_of_the_camera(axis, mirrored):
    camera = a_camera(33.0, -12.0).flipped(columns=mirrored)
    direction = camera.camera_from_world[axis, :3]
    middle = TRUE[:3, :3] @ POINTS.mean(0) + TRUE[:3, 3]
    angle = np.radians(3.0)
    hat = np.cross(np.eye(3), -direction)
    turn = np.eye(3) + np.sin(angle) * hat + (1 - np.cos(angle)) * hat @ hat
    found = about(turn, middle, middle + 7.0 * direction) @ TRUE
    errors = xray_errors(found, TRUE, camera, POINTS)
    expected = np.eye(3)[axis]
    np.testing.assert_allclose(np.abs(errors.turns_deg), 3.0 * expected, atol=1e-6)
    np.testing.assert_allclose(errors.shifts_mm, 7.0 * expected, atol=1e-6)
    assert errors.rotation_deg == pytest.approx(3.0, abs=1e-6)
    assert errors.distance_mm == pytest.approx(7.0, abs=1e-6)
    assert (errors.paper_deg, errors.paper_mm) == pytest.approx((1.0, 7 / 3), abs=1e-6)
    assert 7.0 < errors.tre_mm < 7.5  # the turn adds a little


def test_a_success_is_within_both_limits_and_no_result_is_none():
    assert is_right(1.99, 4.99)
    assert not is_right(2.01, 0.0)
    assert not is_right(0.0, 5.01)
    assert not is_right(float("nan"), float("nan"))


def test_the_starts_are_as_far_off_as_those_of_the_paper():
    ct, labels = a_body(9.0)
    study = study_ct("body", ct, labels)
    camera = paper_camera(study.middle_ras)
    errors = [
        xray_errors(start, true, camera, study.points_ras) for true, start in draw_poses(study, 3000, seed=4)
    ]
    # its Table 1: 41.57 +- 18.01 mm and 21.16 +- 9.27 degrees of 150 starts
    shifts, turns = ([getattr(e, name) for e in errors] for name in ("paper_mm", "paper_deg"))
    assert np.mean(shifts) == pytest.approx(41.57, abs=3 * 18.01 / np.sqrt(150))
    assert np.std(shifts) == pytest.approx(18.01, rel=0.1)
    assert np.mean(turns) == pytest.approx(21.16, abs=3 * 9.27 / np.sqrt(150))
    assert np.std(turns) == pytest.approx(9.27, rel=0.1)
    assert PAPER_POSES.rotation_deg == 20.0


def test_the_first_poses_do_not_depend_on_how_many_are_drawn():
    ct, labels = a_body(9.0)
    study = study_ct("body", ct, labels)
    few, many = draw_poses(study, 2, 5), draw_poses(study, 6, 5)
    np.testing.assert_array_equal(few[1], many[1])


def test_the_papers_c_arm_stands_around_the_bones():
    ct, labels = a_body(6.0)
    study = study_ct("body", ct, labels)
    for primary in (0.0, 90.0):
        camera = paper_camera(study.middle_ras, primary)
        pixel, depth = camera.project(study.middle_ras)
        assert depth == pytest.approx(1020.0 - 400.0)
        np.testing.assert_allclose(pixel, 63.5)
    radiograph = drr_target(study, paper_camera(study.middle_ras), np.eye(4), "view 1")
    assert radiograph.values.shape == (128, 128)
    assert radiograph.values.max() > 1.0  # bone and 9 cm of tissue


def test_without_labels_what_is_dense_is_bone():
    ct, labels = a_body(6.0)
    assert np.linalg.norm(study_ct("b", ct, labels).middle_ras - study_ct("b", ct, None).middle_ras) < 2.0
    assert dataclasses.replace(study_ct("b", ct, labels), bone_only=True).bone_only


def test_turned_bones_are_found_turned():
    errors = xray_errors(about(rotation((0, 0, 9)), MIDDLE, MIDDLE), np.eye(4), a_camera(), POINTS)
    assert errors.rotation_deg == pytest.approx(9.0)
