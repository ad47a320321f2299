"""Answers whose errors are known."""

import numpy as np
import pytest

from DeepRegistrationLib.evaluation.slice_answers import mirrored_place, slice_errors
from DeepRegistrationLib.evaluation.slice_cut import SlicePoseDraw, cut_slice, draw_slices
from DeepRegistrationLib.evaluation.turned_subject import Draw
from Testing.Lib.pictures import about, rotation


@pytest.fixture(scope="module")
def centre(an_atlas):
    return an_atlas.centre_ras


@pytest.fixture
def a_cut(a_subject, an_atlas):
    pose = next(pose for pose in draw_slices(20, 0, seed=1) if pose.rotation[2, 2] > 0.5)
    return cut_slice(a_subject, an_atlas, pose)


def turned(place, cut, angle_deg):
    """The place turned in its plane about the slice's centroid."""
    axes = cut.image.geometry.ras_from_ijk[:3, :3] / cut.image.geometry.spacing_mm
    spin = axes @ rotation((0, 0, angle_deg)) @ axes.T
    return place @ about(spin, cut.centre_ras, cut.centre_ras)


def test_the_right_place_has_no_error(a_cut, centre):
    errors = slice_errors([a_cut.atlas_from_slice], a_cut, centre)
    assert max(errors.known_deg, errors.unknown_deg, errors.either_deg) < 1e-4
    assert max(errors.known_mm, errors.unknown_mm, errors.either_mm) < 1e-9


def test_a_mirrored_answer_is_right_where_the_half_space_is_known(a_cut, centre):
    twin = mirrored_place(a_cut.atlas_from_slice, a_cut, centre)
    errors = slice_errors([twin], a_cut, centre)
    assert errors.known_deg == pytest.approx(0, abs=1e-4)
    assert errors.either_deg == pytest.approx(0, abs=1e-4)
    assert errors.unknown_deg > 20
    assert errors.unknown_mm > 5


def test_the_mirror_image_of_the_mirror_image_is_the_place(a_cut, centre):
    twin = mirrored_place(a_cut.atlas_from_slice, a_cut, centre)
    np.testing.assert_allclose(mirrored_place(twin, a_cut, centre), a_cut.atlas_from_slice, atol=1e-9)
    assert np.linalg.det(twin[:3, :3]) == pytest.approx(1.0)


def test_mirrored_places_are_reflected_at_the_middle_of_the_atlas(a_cut, centre):
    twin = mirrored_place(a_cut.atlas_from_slice, a_cut, centre)
    points = np.c_[a_cut.points_ras(), np.ones(len(a_cut.points_ras()))]
    one, other = points @ a_cut.atlas_from_slice[:3].T, points @ twin[:3].T
    np.testing.assert_allclose(one[:, 0] - centre[0], centre[0] - other[:, 0], atol=1e-9)
    np.testing.assert_allclose(one[:, 1:], other[:, 1:], atol=1e-9)


def test_an_answer_turned_by_seven_degrees_is_off_by_seven_degrees(a_cut, centre):
    errors = slice_errors([turned(a_cut.atlas_from_slice, a_cut, 7.0)], a_cut, centre)
    assert errors.known_deg == pytest.approx(7.0, abs=1e-4)
    distances = np.linalg.norm(a_cut.points_ras() - a_cut.centre_ras, axis=1)
    assert errors.known_mm == pytest.approx(2 * np.sin(np.radians(3.5)) * distances.mean())


def test_of_two_places_the_first_is_the_more_probable_one_and_the_one_facing_up_is_known(a_cut, centre):
    right = turned(a_cut.atlas_from_slice, a_cut, 3.0)
    wrong = mirrored_place(turned(a_cut.atlas_from_slice, a_cut, 5.0), a_cut, centre)
    errors = slice_errors([wrong, right], a_cut, centre)
    assert errors.unknown_deg > 20
    # the first place that faces up is the second hypothesis
    assert errors.known_deg == pytest.approx(3.0, abs=1e-4)
    assert errors.either_deg == pytest.approx(3.0, abs=1e-4)
    # of one place its mirror image is the other
    assert slice_errors([wrong], a_cut, centre).either_deg == pytest.approx(5.0, abs=1e-4)


def test_near_the_border_of_the_half_space_an_answer_on_the_wrong_side_counts_as_wrong(
    a_subject, an_atlas, centre
):
    # columns to the head, rows to the right: the normal points to the front, 1 degree above the horizon
    level = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    pose = SlicePoseDraw(Draw.UNIFORM, 0, level @ rotation((-1, 0, 0)), 0.1, 1)
    assert pose.rotation[2, 2] == pytest.approx(np.sin(np.radians(1)))
    cut = cut_slice(a_subject, an_atlas, pose)
    for falls_deg, known_deg in ((2.5, 2.5), (8.0, 180.0)):
        found = about(rotation((-falls_deg, 0, 0)), centre, centre) @ cut.atlas_from_slice
        errors = slice_errors([found], cut, centre)
        assert errors.either_deg == pytest.approx(falls_deg, abs=1e-3)
        assert errors.known_deg == pytest.approx(known_deg, abs=1e-3)
