"""One slice of a head in any orientation, cut anywhere, finds its place in the atlas."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled, InputError, RegistrationError
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_slice import (
    FetalSliceMethod,
    FetalSliceSettings,
    HalfSpace,
    SliceMeasure,
    StackMode,
)
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register
from DeepRegistrationLib.workflows.fetal_slice_proposals import SLICE_NET
from DeepRegistrationLib.workflows.result import Trust
from Testing.Lib.workflows.phantom_slices import (
    SPACING_MM,
    angle_deg,
    apart_mm,
    mirrored_pose,
    slices_of_head,
)

AGE = {"gestational_age_weeks": 28.0, "method": FetalSliceMethod.BANK}


def answer(result):
    return result.transforms["atlas_from_slice"].matrix


def nearest_error_deg(result, truth, image):
    """Error of the answer, whichever of the two mirrored poses it took."""
    return min(angle_deg(answer(result), pose) for pose in (truth, mirrored_pose(truth, image)))


@pytest.fixture(scope="module")
def a_slice():
    return slices_of_head(seed=3)


@pytest.fixture(scope="module")
def a_found_slice(a_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    return register(FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(**AGE))


@pytest.mark.parametrize("seed", range(4))
def test_a_slice_is_found_within_two_degrees_up_to_its_mirror_image(seed, a_phantom_atlas):
    image, mask, truth = slices_of_head(seed)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(**AGE))
    assert nearest_error_deg(result, truth, image) < 2.0


def test_the_true_pose_is_among_the_hypotheses(a_slice, a_found_slice):
    image, _, truth = a_slice
    errors = [
        (angle_deg(entry.matrix, truth), apart_mm(entry.matrix, truth, image))
        for entry in a_found_slice.hypotheses
    ]
    assert any(turn < 2.0 and shift < 2.0 for turn, shift in errors)


def test_the_probabilities_of_the_hypotheses_sum_to_one_and_fall(a_found_slice):
    probabilities = [entry.probability for entry in a_found_slice.hypotheses]
    assert len(probabilities) == 2
    assert sum(probabilities) == pytest.approx(1.0)
    assert probabilities[0] >= probabilities[1]


def test_the_answer_is_the_most_probable_hypothesis(a_found_slice):
    np.testing.assert_array_equal(answer(a_found_slice), a_found_slice.hypotheses[0].matrix)


def test_the_second_hypothesis_is_the_mirror_image_of_the_first(a_slice, a_found_slice):
    image, _, _ = a_slice
    first, second = (entry.matrix for entry in a_found_slice.hypotheses)
    assert angle_deg(mirrored_pose(first, image), second) < 8.0
    assert angle_deg(first, second) > 15.0


@pytest.mark.parametrize("half_space", [HalfSpace.SUPERIOR, HalfSpace.INFERIOR])
def test_a_known_half_space_decides_between_mirrored_poses(half_space, a_slice, a_phantom_atlas):
    image, mask, truth = a_slice
    result = register(
        FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(half_space=half_space, **AGE)
    )
    axes = image.geometry.ras_from_ijk[:3, :2] / image.geometry.spacing_mm[:2]
    height = (answer(result)[:3, :3] @ np.cross(axes[:, 0], axes[:, 1]))[2]
    assert (height > -0.04) if half_space == HalfSpace.SUPERIOR else (height < 0.04)
    assert nearest_error_deg(result, truth, image) < 2.0


def test_the_matching_atlas_slice_lies_on_the_grid_of_the_slice_and_looks_like_it(a_slice, a_found_slice):
    image, mask, _ = a_slice
    assert a_found_slice.matching.geometry.is_close(image.geometry)
    inside = mask.values.flatten()
    both = torch.stack([a_found_slice.matching.values.flatten()[inside], image.values.flatten()[inside]])
    assert float(torch.corrcoef(both)[0, 1]) > 0.9


def test_labels_lie_on_the_grid_of_the_slice(a_slice, a_found_slice):
    image, mask, _ = a_slice
    labels = a_found_slice.segmentation
    assert labels.geometry.is_close(image.geometry)
    overlap = (labels.values > 0) & mask.values
    assert 2 * int(overlap.sum()) / (int((labels.values > 0).sum()) + int(mask.values.sum())) > 0.95


def test_the_warped_slice_keeps_its_pixels_and_lies_in_the_atlas(a_slice, a_found_slice):
    image, _, _ = a_slice
    assert torch.equal(a_found_slice.warped.values, image.values)
    moved = answer(a_found_slice) @ image.geometry.ras_from_ijk
    np.testing.assert_allclose(a_found_slice.warped.geometry.ras_from_ijk, moved, atol=1e-9)


def test_a_good_slice_is_trusted(a_found_slice):
    assert a_found_slice.confidence.trust == Trust.HIGH


def test_two_runs_give_the_same_pose(a_slice, a_found_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    again = register(FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(**AGE))
    np.testing.assert_array_equal(answer(again), answer(a_found_slice))


def test_a_slice_of_inverted_contrast_is_found(a_slice, a_phantom_atlas):
    image, mask, truth = a_slice
    inverted = image.with_values((1200 - image.values) * mask.values)
    result = register(FetalSliceInputs(inverted, mask, a_phantom_atlas), FetalSliceSettings(**AGE))
    assert nearest_error_deg(result, truth, image) < 4.0


def test_the_correlation_measure_finds_a_slice_of_the_same_contrast(a_slice, a_phantom_atlas):
    image, mask, truth = a_slice
    settings = FetalSliceSettings(measure=SliceMeasure.CORRELATION, **AGE)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert "correlation" in result.similarity
    assert nearest_error_deg(result, truth, image) < 3.0


def test_slices_along_the_first_axis_of_a_file_are_found_too(a_slice, a_phantom_atlas):
    image, mask, truth = a_slice

    def turned(volume):
        matrix = volume.geometry.ras_from_ijk.copy()
        matrix[:3, :3] = matrix[:3, [2, 0, 1]]  # the slice's normal comes first
        values = volume.values.permute(1, 2, 0).contiguous()
        return Volume(values, type(volume.geometry)(tuple(values.shape), matrix), volume.name)

    result = register(
        FetalSliceInputs(turned(image), turned(mask), a_phantom_atlas), FetalSliceSettings(**AGE)
    )
    assert nearest_error_deg(result, truth, image) < 2.0


def test_without_an_age_the_result_says_so(a_slice, a_phantom_atlas):
    image, mask, truth = a_slice
    settings = FetalSliceSettings(method=FetalSliceMethod.BANK)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert result.settings["atlas_age_weeks"] == 28.0
    assert any("No gestational age was given" in warning for warning in result.warnings)
    assert nearest_error_deg(result, truth, image) < 3.0


def test_a_pose_is_followed_from_the_slice_before(a_slice, a_found_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    start = answer(a_found_slice).copy()
    start[:3, 3] += [1.5, -1.0, 1.0]
    settings = FetalSliceSettings(initial_pose=tuple(start.ravel().tolist()), **AGE)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert result.settings["followed"]
    assert angle_deg(answer(result), answer(a_found_slice)) < 1.0
    assert apart_mm(answer(result), answer(a_found_slice), image) < 1.0


def test_a_pose_that_does_not_fit_any_more_is_searched_anew(a_slice, a_phantom_atlas):
    image, mask, truth = a_slice
    wrong = np.diag([-1.0, -1.0, 1.0, 1.0]) @ truth
    settings = FetalSliceSettings(initial_pose=tuple(wrong.ravel().tolist()), **AGE)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert not result.settings["followed"]
    assert nearest_error_deg(result, truth, image) < 2.0


def test_the_baseline_of_the_paper_arrives_from_close_by(a_phantom_atlas):
    # the baseline starts without a turn: a head that hardly turned is what it can do
    image, mask, truth = slices_of_head(seed=5)
    upright = Volume(image.values, image.geometry.moved(truth), "slice")
    result = register(
        FetalSliceInputs(upright, Volume(mask.values, upright.geometry, "mask"), a_phantom_atlas),
        FetalSliceSettings(gestational_age_weeks=28.0, method=FetalSliceMethod.SVR_GC),
    )
    assert angle_deg(answer(result), np.eye(4)) < 15.0


@pytest.mark.parametrize("method", [FetalSliceMethod.SLICE_NET, FetalSliceMethod.SVR_DEEP])
def test_methods_of_the_network_say_when_it_is_not_installed(method, a_slice, a_phantom_atlas, no_networks):
    image, mask, _ = a_slice
    settings = FetalSliceSettings(gestational_age_weeks=28.0, method=method)
    with pytest.raises((RegistrationError, InputError), match=SLICE_NET):
        register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)


def test_it_stops_when_told_to(a_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    calls = []

    def three_times(progress):
        calls.append(progress)
        return len(calls) < 3

    with pytest.raises(Cancelled):
        register(FetalSliceInputs(image, mask, a_phantom_atlas), FetalSliceSettings(**AGE), three_times)
    assert len(calls) == 3


def an_ellipse_like(image, texture):
    """A smooth or noisy ellipse in the place of a brain."""
    rows, columns = image.values.shape[1:]
    y = torch.linspace(-1, 1, rows)[:, None] * rows * SPACING_MM[1] / 2
    x = torch.linspace(-1, 1, columns)[None] * columns * SPACING_MM[0] / 2
    inside = ((x / 38) ** 2 + (y / 29) ** 2 < 1)[None]
    return image.with_values((500 + texture) * inside), image.with_values(inside)


@pytest.mark.parametrize("kind", ["ellipse", "noise"])
def test_what_is_no_brain_is_not_trusted(kind, a_slice, a_phantom_atlas):
    image, _, _ = a_slice
    generator = torch.Generator().manual_seed(1)
    texture = (4 if kind == "ellipse" else 150) * torch.randn(image.values.shape, generator=generator)
    picture, mask = an_ellipse_like(image, texture)
    result = register(FetalSliceInputs(picture, mask, a_phantom_atlas), FetalSliceSettings(**AGE))
    assert result.confidence.trust == Trust.LOW
    assert "does not look like" in result.confidence.reason


def test_a_slice_with_next_to_no_brain_is_refused(a_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    few = torch.zeros_like(mask.values)
    few[0, 40:50, 40:50] = True
    with pytest.raises(InputError, match="mm\\^2 of brain"):
        register(FetalSliceInputs(image, mask.with_values(few), a_phantom_atlas), FetalSliceSettings(**AGE))


def test_a_slice_that_is_not_there_is_refused(a_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    with pytest.raises(InputError, match="Slice 4 was asked for"):
        register(
            FetalSliceInputs(image, mask, a_phantom_atlas),
            FetalSliceSettings(slice_index=4, as_stack=StackMode.SINGLE, **AGE),
        )


def test_a_constant_slice_is_refused(a_slice, a_phantom_atlas):
    image, mask, _ = a_slice
    flat = image.with_values(torch.full_like(image.values, 7.0))
    with pytest.raises(InputError, match="constant"):
        register(FetalSliceInputs(flat, mask, a_phantom_atlas), FetalSliceSettings(**AGE))
