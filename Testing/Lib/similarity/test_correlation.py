"""Global correlation: what it calls similar, and its slope against finite differences."""

import pytest
import torch

from DeepRegistrationLib.similarity.correlation import Correlation


@pytest.fixture
def fixed():
    return torch.rand(400, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_degree_one_is_the_squared_correlation_coefficient(fixed):
    moving = 0.3 * fixed + torch.rand(400, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.corrcoef(torch.stack([fixed, moving]))[0, 1] ** 2
    found = Correlation(fixed, torch.ones_like(fixed))(moving[None]).similarity[0]
    assert found.item() == pytest.approx(expected.item(), abs=1e-9)


def test_a_cubic_follows_a_curve_that_a_line_cannot(fixed):
    moving = (fixed - 0.5) ** 2  # bright and dark become alike: no line explains this
    weights = torch.ones_like(fixed)
    line = Correlation(moving, weights, degree=1)(fixed[None]).similarity[0]
    curve = Correlation(moving, weights, degree=3)(fixed[None]).similarity[0]
    assert line < 0.05
    assert curve > 0.999


def test_inverted_contrast_counts_only_if_unsigned(fixed):
    weights = torch.ones_like(fixed)
    inverted = (1 - fixed)[None]
    assert Correlation(fixed, weights)(inverted).similarity[0] > 0.999
    assert Correlation(fixed, weights, signed=True)(inverted).similarity[0] == 0


def test_a_constant_moving_image_scores_zero_and_pulls_nowhere(fixed):
    fit = Correlation(fixed, torch.ones_like(fixed), degree=3)(torch.full((1, 400), 0.4, dtype=torch.float64))
    assert fit.similarity[0] == 0
    assert torch.all(fit.slope == 0)


def test_points_without_weight_do_not_count(fixed):
    weights = torch.ones_like(fixed)
    weights[200:] = 0
    moving = fixed.clone()
    moving[200:] = 0.123
    assert Correlation(fixed, weights)(moving[None]).similarity[0] > 0.999


@pytest.mark.parametrize("degree", [1, 3])
def test_the_residual_falls_as_its_slope_says(fixed, degree):
    """d/de |r(m + e d)|^2 = -2 <r, slope d>, the fit's own parameters being optimal."""
    generator = torch.Generator().manual_seed(2)
    moving = 0.5 * fixed + 0.5 * torch.rand(400, generator=generator, dtype=torch.float64)
    direction = torch.randn(400, generator=generator, dtype=torch.float64)
    measure = Correlation(fixed, torch.rand(400, generator=generator, dtype=torch.float64), degree)
    fit = measure(moving[None])
    step = 1e-6
    ahead, behind = (
        measure((moving + sign * step * direction)[None]).residual.square().sum() for sign in (1, -1)
    )
    numerical = (ahead - behind) / (2 * step)
    analytic = -2 * (fit.residual * fit.slope * direction).sum()
    assert analytic.item() == pytest.approx(numerical.item(), rel=1e-5)
