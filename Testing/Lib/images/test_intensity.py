import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.intensity import (
    match_mean_and_deviation,
    normalize_robust,
    percentile,
    zero_mean_unit_variance,
)


@pytest.fixture
def values():
    return torch.rand(20, 21, 22, generator=torch.Generator().manual_seed(0)) * 400 + 1000


@pytest.fixture
def mask(values):
    inside = torch.zeros(values.shape, dtype=torch.int32)
    inside[5:15, 5:15, 5:15] = 3
    return inside


def test_percentiles_become_zero_and_one_and_the_rest_is_clipped(values):
    values[0, 0, 0], values[0, 0, 1] = 1e6, -1e6
    normalized = normalize_robust(values)
    assert normalized.min() == 0
    assert normalized.max() == 1
    assert normalized.median() == pytest.approx(0.5, abs=0.02)
    assert (normalized == 0).float().mean() == pytest.approx(0.01, abs=0.001)


def test_percentiles_are_taken_inside_the_mask_and_applied_everywhere(values, mask):
    values[mask == 0] += 5000
    normalized = normalize_robust(values, mask, (0.0, 100.0))
    assert normalized[mask != 0].min() == 0
    assert normalized[mask != 0].max() == 1
    assert (normalized[mask == 0] == 1).all()


def test_normalizing_forgets_gain_and_offset(values):
    torch.testing.assert_close(
        normalize_robust(values * 3 - 700), normalize_robust(values), atol=1e-5, rtol=0
    )
    torch.testing.assert_close(
        zero_mean_unit_variance(values * 3 - 700), zero_mean_unit_variance(values), atol=1e-4, rtol=0
    )


def test_mean_becomes_zero_and_variance_one_inside_the_mask(values, mask):
    values[mask == 0] += 5000
    inside = zero_mean_unit_variance(values, mask)[mask != 0]
    assert inside.mean() == pytest.approx(0.0, abs=1e-4)
    assert inside.var(correction=0) == pytest.approx(1.0, abs=1e-4)


def test_matching_gives_the_mean_and_deviation_of_the_reference(values, mask):
    reference = torch.randn(5000, generator=torch.Generator().manual_seed(1)) * 7 + 30
    matched = match_mean_and_deviation(values, mask, reference, None)[mask != 0]
    assert matched.mean() == pytest.approx(reference.mean().item(), abs=1e-3)
    assert matched.std() == pytest.approx(reference.std().item(), rel=1e-3)


@pytest.mark.parametrize(("percent", "expected"), [(0, 3.0), (50, 7.0), (100, 9.0), (40, 7.0)])
def test_a_percentile_is_one_of_the_values(percent, expected):
    assert percentile(torch.tensor([9.0, 3.0, 7.0]), percent) == expected


@pytest.mark.parametrize("normalize", [normalize_robust, zero_mean_unit_variance])
def test_an_empty_mask_is_refused(values, normalize):
    with pytest.raises(InputError, match=r"The mask is empty.*Choose another mask"):
        normalize(values, torch.zeros_like(values))


def test_an_image_without_structure_is_refused(values):
    flat = torch.full_like(values, 5.0)
    with pytest.raises(InputError, match=r"percentile are all 5, so the image shows no structure"):
        normalize_robust(flat)
    with pytest.raises(InputError, match=r"intensity is 5 everywhere"):
        zero_mean_unit_variance(flat)
