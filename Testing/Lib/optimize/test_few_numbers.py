"""Sums of squares over few numbers that each have a prior."""

import pytest
import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.optimize.few_numbers import minimize_few

PRICES = {"place": 0.01, "shape": 1.0}


def a_start():
    return {"place": torch.zeros(2, dtype=torch.float64), "shape": torch.zeros(1, 3, dtype=torch.float64)}


def a_narrow_valley(parts):
    """Residuals of which one direction counts a hundred times less than the others, and bent."""
    first, second = parts["place"]
    return torch.cat(
        [
            torch.stack([10 * (second - 0.3 * first.square()), 0.1 * (first - 2.0)]),
            5 * (parts["shape"].flatten() - torch.tensor([0.5, -0.2, 0.1])),
        ]
    ).double()


def cost(parts):
    left = a_narrow_valley(parts)
    prior = sum(PRICES[name] * part.square().sum() for name, part in parts.items())
    return float(0.5 * (left @ left + prior))


def test_the_answer_is_lower_than_everything_around_it():
    found = minimize_few(a_narrow_valley, PRICES, a_start(), 40)
    assert found["shape"].shape == (1, 3)
    torch.testing.assert_close(
        found["shape"][0], 25 / 26 * torch.tensor([0.5, -0.2, 0.1], dtype=torch.float64), atol=1e-3, rtol=0
    )
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        nearby = {
            name: part + 0.02 * torch.randn(part.shape, generator=generator) for name, part in found.items()
        }
        assert cost(nearby) > cost(found) - 1e-6


def test_a_number_that_no_residual_knows_goes_to_zero():
    start = {"place": torch.ones(2, dtype=torch.float64), "shape": torch.ones(1, 3, dtype=torch.float64)}
    found = minimize_few(lambda parts: 3 * (parts["place"] - 4.0), PRICES, start, 30)
    assert found["shape"].abs().max() < 0.01
    assert found["place"].tolist() == pytest.approx([4.0, 4.0], abs=0.02)


def test_every_iteration_is_told_and_can_be_the_last():
    seen = []

    def watch(iteration, value):
        seen.append((iteration, value))
        if iteration == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        minimize_few(a_narrow_valley, PRICES, a_start(), 40, watch)
    assert [iteration for iteration, _ in seen] == [1, 2]
    assert seen[1][1] <= seen[0][1] < cost(a_start())
