"""The subject that turned in the scanner."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.evaluation.metrics import bin_of
from DeepRegistrationLib.evaluation.turned_subject import MAXIMUM_SHIFT_MM, Draw, draw_turns, turn_subject
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from DeepRegistrationLib.images.resample import resample


@pytest.fixture(scope="module")
def a_subject():
    image, mask, _ = fetal_brain_phantom(26.0, spacing_mm=2.0)
    return image, mask


@pytest.fixture(scope="module")
def a_turn():
    return draw_turns(uniform=1, per_bin=0, seed=3)[0]


def test_the_brain_lies_where_the_turn_carries_it(a_subject, a_turn):
    image, mask = a_subject
    centre = centre_of_gravity_ras(mask.with_values(mask.values.float()))
    _, turned_mask = turn_subject(image, mask, a_turn.matrix(centre), a_turn.grid_axes)
    found = centre_of_gravity_ras(turned_mask.with_values(turned_mask.values.float()))
    np.testing.assert_allclose(found, centre + a_turn.shift_mm, atol=0.05)
    assert volume_mm3(turned_mask) == pytest.approx(volume_mm3(mask), rel=0.01)


def test_turning_back_gives_the_image_again(a_subject, a_turn):
    image, mask = a_subject
    matrix = a_turn.matrix(np.array([5.0, -3.0, 2.0]))
    turned, _ = turn_subject(image, mask, matrix, a_turn.grid_axes)
    back = resample(turned, image.geometry, matrix)
    inside = mask.values != 0
    error = (back.values - image.values)[inside].abs().mean() / image.values[inside].mean()
    assert error < 0.05  # two interpolations
    # the same without the turn is a different picture
    still = resample(turned, image.geometry)
    assert (still.values - image.values)[inside].abs().mean() / image.values[inside].mean() > 0.2


def test_the_new_grid_is_oblique_and_keeps_the_voxel_size(a_subject, a_turn):
    image, mask = a_subject
    turned, _ = turn_subject(image, mask, a_turn.matrix(np.zeros(3)), a_turn.grid_axes)
    np.testing.assert_allclose(turned.geometry.spacing_mm, image.geometry.spacing_mm)
    axes = turned.geometry.ras_from_ijk[:3, :3] / turned.geometry.spacing_mm
    np.testing.assert_allclose(axes, a_turn.grid_axes, atol=1e-12)
    assert np.abs(axes).max() < 0.999


def test_turning_the_header_only_keeps_every_voxel(a_subject, a_turn):
    image, mask = a_subject
    matrix = a_turn.matrix(np.zeros(3))
    turned, turned_mask = turn_subject(image, mask, matrix, None)
    assert turned.values is image.values
    np.testing.assert_allclose(turned.geometry.ras_from_ijk, matrix @ image.geometry.ras_from_ijk)
    assert turned_mask.geometry is turned.geometry


def test_without_a_mask_all_that_is_not_background_stays_in_the_picture(a_subject, a_turn):
    image, _ = a_subject
    turned, none = turn_subject(image, None, a_turn.matrix(np.zeros(3)), a_turn.grid_axes)
    assert none is None
    border = torch.ones_like(turned.values, dtype=torch.bool)
    border[2:-2, 2:-2, 2:-2] = False
    assert turned.values[border].max() < 1e-3 * turned.values.max()
    assert turned.values.sum() == pytest.approx(float(image.values.sum()), rel=0.01)


def test_equal_seeds_give_equal_turns_and_more_turns_begin_with_the_same_ones():
    few, many = draw_turns(3, 1, seed=1), draw_turns(5, 2, seed=1)
    of_many = {(turn.draw, turn.number): turn for turn in many}
    for turn in few:
        same = of_many[turn.draw, turn.number]
        np.testing.assert_array_equal(turn.rotation, same.rotation)
        np.testing.assert_array_equal(turn.shift_mm, same.shift_mm)
    assert not np.allclose(draw_turns(1, 0, seed=2)[0].rotation, few[0].rotation)


def test_turns_per_bin_fill_all_six_bins():
    turns = [turn for turn in draw_turns(2, 3, seed=0) if turn.draw == Draw.BIN]
    assert [bin_of(turn.angle_deg) for turn in turns] == [0, 1, 2, 3, 4, 5] * 3


def test_uniform_turns_are_rarely_small_and_never_shift_too_far():
    turns = draw_turns(400, 0, seed=0)
    # the share of uniform rotations below an angle a is (a - sin a) / pi: 18.2 % below 90 degrees
    assert np.mean([turn.angle_deg < 90 for turn in turns]) == pytest.approx(0.182, abs=0.05)
    shifts = np.array([turn.shift_mm for turn in turns])
    assert MAXIMUM_SHIFT_MM - 0.5 < np.abs(shifts).max() <= MAXIMUM_SHIFT_MM
