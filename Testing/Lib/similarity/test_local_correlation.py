"""Local correlation against its definition, and what it must ignore."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.similarity.local_correlation import LocalCorrelation


@pytest.fixture
def fixed():
    return torch.rand((9, 10, 11), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_it_is_the_mean_squared_correlation_of_windows(fixed):
    moving = fixed + 0.7 * torch.rand(fixed.shape, generator=torch.Generator().manual_seed(1)).double()
    weights = torch.ones_like(fixed)
    found = LocalCorrelation(fixed, weights, radius=1, noise=1e-9)(moving.reshape(1, -1)).similarity[0]
    squares = []
    for k, j, i in np.ndindex(fixed.shape):
        window = tuple(slice(max(n - 1, 0), n + 2) for n in (k, j, i))
        a, b = fixed[window].flatten(), moving[window].flatten()
        squares.append(torch.corrcoef(torch.stack([a, b]))[0, 1] ** 2)
    assert found.item() == pytest.approx(torch.stack(squares).mean().item(), rel=1e-6)


def test_a_bias_field_and_inverted_contrast_change_little(fixed):
    ramp = torch.linspace(0.7, 1.6, 11, dtype=torch.float64)
    moving = 3 - ramp * fixed
    similarity = LocalCorrelation(fixed, torch.ones_like(fixed), radius=1)(moving.reshape(1, -1)).similarity[
        0
    ]
    assert similarity > 0.95


def test_flat_regions_do_not_count():
    fixed = torch.zeros((8, 8, 8))
    fixed[:, :, 4:] = torch.rand((8, 8, 4), generator=torch.Generator().manual_seed(0))
    noise = 1e-4 * torch.randn((8, 8, 8), generator=torch.Generator().manual_seed(1))
    similarity = LocalCorrelation(fixed, torch.ones_like(fixed), radius=1)
    assert similarity((fixed + noise).reshape(1, -1)).similarity[0] > 0.98


def test_only_voxels_with_weight_are_asked_for_and_count(fixed):
    weights = torch.ones_like(fixed)
    weights[:, :, 6:] = 0
    moving = fixed + 0.7 * torch.rand(fixed.shape, generator=torch.Generator().manual_seed(1)).double()
    half = LocalCorrelation(fixed, weights, radius=1)
    assert len(half.inside) == 9 * 10 * 6
    cut = LocalCorrelation(fixed[:, :, :6], weights[:, :, :6], radius=1)
    found = half(moving.flatten()[half.inside][None]).similarity[0]
    expected = cut(moving[:, :, :6].reshape(1, -1)).similarity[0]
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)


def test_several_images_are_scored_as_if_alone(fixed):
    first = torch.rand(fixed.numel(), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    both = LocalCorrelation(fixed, torch.ones_like(fixed))(torch.stack([first, fixed.flatten()]))
    alone = LocalCorrelation(fixed, torch.ones_like(fixed))(first[None])
    assert both.similarity[0].item() == pytest.approx(alone.similarity[0].item(), rel=1e-9)
    assert both.similarity[1] > both.similarity[0]


def test_residual_and_slope_give_the_gradient(fixed):
    """d similarity / d moving = 2 residual slope / total, for every voxel."""
    generator = torch.Generator().manual_seed(4)
    weights = torch.rand(fixed.shape, generator=generator, dtype=torch.float64)
    measure = LocalCorrelation(fixed, weights, radius=1)
    moving = (fixed + torch.rand(fixed.shape, generator=generator, dtype=torch.float64)).reshape(1, -1)
    moving.requires_grad_()
    fit = measure(moving)
    (expected,) = torch.autograd.grad(fit.similarity.sum(), moving)
    found = 2 * fit.residual * fit.slope / measure.total
    assert torch.allclose(found, expected, rtol=1e-6, atol=1e-12)


def test_what_the_intercepts_follow_is_no_change(fixed):
    """Brightening the whole image changes nothing, so its part of the normal matrix is all absorbed."""
    shape = (40, 40, 40)  # many windows side by side
    image = torch.rand(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    fit = LocalCorrelation(image, torch.ones(shape, dtype=torch.float64))(image.reshape(1, -1))
    brighter = torch.ones((1, image.numel(), 1), dtype=torch.float64)
    whole = (fit.slope**2).sum()
    assert fit.absorbed(brighter)[0, 0, 0].item() == pytest.approx(whole.item(), rel=0.15)
