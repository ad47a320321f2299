"""Normalized mutual information: range, invariance to colours, gradient."""

import pytest
import torch

from DeepRegistrationLib.similarity.mutual_information import MutualInformation


def random_values(seed, count=4000):
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_independent_images_score_near_zero_and_equal_ones_high():
    fixed = random_values(0)
    measure = MutualInformation(fixed, torch.ones_like(fixed))
    assert measure(random_values(1)) < 0.05
    assert measure(fixed) > 0.5


def test_recolouring_changes_little():
    fixed = random_values(0)
    measure = MutualInformation(fixed, torch.ones_like(fixed))
    assert measure(1 - fixed).item() == pytest.approx(measure(fixed).item(), rel=0.01)
    folded = (2 * fixed - 1).abs()  # two fixed intensities share a colour: information is lost
    assert 0.3 < measure(folded) < measure(fixed)


def test_the_gradient_is_right():
    fixed = random_values(0, 50)
    measure = MutualInformation(fixed, torch.ones_like(fixed), bins=8)
    moving = (0.1 + 0.8 * random_values(1, 50)).requires_grad_()
    assert torch.autograd.gradcheck(measure, (moving,))
