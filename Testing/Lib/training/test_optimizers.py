import dataclasses

import pytest
import torch

from DeepRegistrationLib.training.optimizers import optimizer_with_schedule, rate_at
from DeepRegistrationLib.training.recipe import Optimizer, TrainingSettings

SETTINGS = TrainingSettings(steps=1000, warm_up_steps=10, cycle_steps=100, learning_rate=1e-4)
CYCLIC = dataclasses.replace(SETTINGS, optimizer=Optimizer.CYCLIC_SGD)


def test_the_rate_of_adamw_rises_and_then_falls_to_zero():
    assert rate_at(0, SETTINGS) == pytest.approx(0.1)
    assert rate_at(10, SETTINGS) == pytest.approx(1)
    assert rate_at(505, SETTINGS) == pytest.approx(0.5)
    assert rate_at(1000, SETTINGS) == pytest.approx(0)


def test_the_cyclic_rate_is_that_of_the_paper():
    rates = [CYCLIC.learning_rate * rate_at(step, CYCLIC) for step in (0, 50, 100, 150)]
    assert rates == pytest.approx([1e-6, 1e-4, 1e-6, 1e-4])


@pytest.mark.parametrize("settings", [SETTINGS, CYCLIC], ids=["adamw", "cyclic-sgd"])
def test_every_optimizer_goes_downhill(settings):
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    parts = optimizer_with_schedule([weight], dataclasses.replace(settings, learning_rate=0.05))
    for _ in range(200):
        parts["optimizer"].zero_grad()
        weight.square().sum().backward()
        parts["optimizer"].step()
        parts["lr_scheduler"]["scheduler"].step()
    assert weight.abs().item() < 1
