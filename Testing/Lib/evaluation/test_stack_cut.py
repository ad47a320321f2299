"""A stack shows each slice where the moving brain was then."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.evaluation.slice_cut import Acquisition
from DeepRegistrationLib.evaluation.stack_cut import Motion, cut_stack
from DeepRegistrationLib.evaluation.stack_study import _as_one
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from Testing.Lib.evaluation.conftest import WEEK
from Testing.Lib.evaluation.test_slice_cut import at
from Testing.Lib.pictures import positions

CLEAN = Acquisition(noise=0.0, bias=0.0)


@pytest.fixture(scope="module")
def a_moving_stack(a_turned_brain):
    from Testing.Lib.evaluation.conftest import known_subject

    return cut_stack(known_subject(*a_turned_brain), 5, Motion(6.0, 3.0), CLEAN)


def test_each_slice_shows_what_is_at_its_place(a_moving_stack):
    image, _, _ = fetal_brain_phantom(WEEK, spacing_mm=1.6)
    likeness = []
    for number, place in a_moving_stack.atlas_from_slice.items():
        inside = a_moving_stack.mask.values[number].numpy()
        if inside.sum() > 800:
            points = positions(a_moving_stack.image.geometry)[number]
            expected = at(image, points @ place[:3, :3].T + place[:3, 3])
            likeness.append(
                np.corrcoef(expected[inside], a_moving_stack.image.values[number].numpy()[inside])[0, 1]
            )
    assert len(likeness) > 12
    assert min(likeness) > 0.93


def test_slices_move_as_much_as_asked_and_neighbours_were_taken_apart(a_moving_stack):
    places = a_moving_stack.atlas_from_slice
    middle = next(iter(_as_one(places).values()))
    angles = {number: float(rotation_error_deg(place, middle)) for number, place in places.items()}
    assert 3.0 < np.median(list(angles.values())) < 20.0
    # every second slice first: the next slice was taken later, the next but one right after
    numbers = [number for number in places if {number + 1, number + 2} <= set(places)]
    next_deg = np.mean([rotation_error_deg(places[n], places[n + 1]) for n in numbers])
    after_deg = np.mean([rotation_error_deg(places[n], places[n + 2]) for n in numbers])
    assert after_deg < next_deg


def test_a_brain_that_lies_still_has_one_place(a_turned_brain):
    from Testing.Lib.evaluation.conftest import known_subject

    still = cut_stack(known_subject(*a_turned_brain), 5, Motion(0.0, 0.0), CLEAN)
    first = next(iter(still.atlas_from_slice.values()))
    for place in still.atlas_from_slice.values():
        np.testing.assert_allclose(place, first, atol=1e-6)


def test_equal_seeds_give_equal_stacks(a_subject):
    first, second = (cut_stack(a_subject, 7, Motion()) for _ in range(2))
    assert torch.equal(first.image.values, second.image.values)
    np.testing.assert_array_equal(first.image.geometry.ras_from_ijk, second.image.geometry.ras_from_ijk)
