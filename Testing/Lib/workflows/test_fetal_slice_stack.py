"""A stack of slices has one pose, and each slice its own motion."""

import numpy as np
import pytest

from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings, StackMode
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register
from DeepRegistrationLib.workflows.result import Trust
from Testing.Lib.pictures import rotation
from Testing.Lib.workflows.phantom_slices import angle_deg, apart_mm, slices_of_head

COUNT = 11
AGE = {"gestational_age_weeks": 28.0, "method": FetalSliceMethod.BANK}


def motions():
    """A slow nod of the head while the stack is acquired; up to 5 degrees and 2 mm."""
    found = []
    for number in range(COUNT):
        phase = np.sin(2 * np.pi * number / (COUNT - 1))
        motion = np.eye(4)
        motion[:3, :3] = rotation((5.0 * phase, 0.0, 2.0 * phase))
        motion[:3, 3] = (0.0, 2.0 * phase, 0.0)
        found.append(motion)
    return np.stack(found)


@pytest.fixture(scope="module")
def a_still_stack(a_phantom_atlas):
    image, mask, truth = slices_of_head(seed=1, count=COUNT, offset_mm=-15.0)
    return image, truth, register(FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(**AGE))


@pytest.fixture(scope="module")
def a_moved_stack(a_phantom_atlas):
    image, mask, truth = slices_of_head(seed=2, count=COUNT, offset_mm=-15.0, motions=motions())
    return image, truth, register(FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(**AGE))


def test_a_stack_is_found_within_a_degree_and_a_millimetre(a_still_stack):
    image, truth, result = a_still_stack
    found = result.transforms["atlas_from_slice"].matrix
    assert angle_deg(found, truth) < 1.0
    assert apart_mm(found, truth, image) < 1.0


def test_a_stack_tells_its_mirror_image_apart(a_still_stack):
    assert a_still_stack[2].hypotheses[0].probability > 0.99


def test_a_still_stack_has_slices_that_hardly_move(a_still_stack):
    assert max(entry.turned_deg for entry in a_still_stack[2].slices) < 2.5


def test_slices_are_numbered_as_in_the_image(a_still_stack):
    numbers = [entry.index for entry in a_still_stack[2].slices]
    assert numbers == sorted(numbers)
    assert set(numbers) <= set(range(COUNT))
    assert len(numbers) > COUNT / 2


def test_each_slice_of_a_moving_head_is_followed(a_moved_stack):
    _, truth, result = a_moved_stack
    moved = motions()
    alone, together = [], []
    for entry in result.slices:
        # the slice shows the head where the motion had brought it
        true = np.linalg.inv(moved[entry.index]) @ truth
        alone.append(angle_deg(entry.matrix, true))
        together.append(angle_deg(result.transforms["atlas_from_slice"].matrix, true))
    assert np.mean(alone) < 0.7 * np.mean(together)
    assert np.mean(alone) < 2.0


def test_a_moving_stack_is_trusted(a_moved_stack):
    assert a_moved_stack[2].confidence.trust == Trust.HIGH


def test_one_slice_of_a_stack_is_registered_alone_when_asked_for(a_phantom_atlas):
    image, mask, _ = slices_of_head(seed=1, count=COUNT, offset_mm=-15.0)
    settings = FetalSliceSettings(as_stack=StackMode.SINGLE, slice_index=4, **AGE)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert result.moving.geometry.shape_kji[0] == 1
    assert result.settings["slice_index"] == 4
    np.testing.assert_allclose(
        result.moving.geometry.ras_from_ijk[:3, 3], (image.geometry.ras_from_ijk @ [0, 0, 4, 1])[:3]
    )
    assert result.slices == ()


def test_without_a_number_the_slice_with_most_brain_is_taken(a_phantom_atlas):
    image, mask, _ = slices_of_head(seed=1, count=COUNT, offset_mm=-15.0)
    settings = FetalSliceSettings(as_stack=StackMode.SINGLE, **AGE)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert result.settings["slice_index"] == int(mask.values.sum((1, 2)).argmax())
