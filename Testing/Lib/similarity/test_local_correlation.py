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


def test_voxels_without_weight_may_hold_anything(fixed):
    weights = torch.ones_like(fixed)
    weights[:, :, 6:] = 0
    spoiled = fixed.clone()
    spoiled[:, :, 6:] = 1000.0
    assert LocalCorrelation(fixed, weights, 1)(spoiled.reshape(1, -1)).similarity[0] > 0.99


def test_several_images_are_scored_as_if_alone(fixed):
    first = torch.rand(fixed.numel(), generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    both = LocalCorrelation(fixed, torch.ones_like(fixed))(torch.stack([first, fixed.flatten()]))
    alone = LocalCorrelation(fixed, torch.ones_like(fixed))(first[None])
    assert both.similarity[0].item() == pytest.approx(alone.similarity[0].item(), rel=1e-9)
    assert both.similarity[1] > both.similarity[0]
