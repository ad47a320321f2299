"""How weights are changed, and by how much at each step."""

import math
from collections.abc import Iterable
from typing import Any

import torch

from DeepRegistrationLib.training.recipe import Optimizer, TrainingSettings

_MOMENTUM = 0.9
_LOWEST = 0.01
"""Smallest rate of a cycle relative to the largest: 1e-6 and 1e-4 in Gao et al., MICCAI 2020."""


def optimizer_with_schedule(
    parameters: Iterable[torch.nn.Parameter], settings: TrainingSettings
) -> dict[str, Any]:
    """What lightning asks a module for.

    Args:
        parameters: to be trained.
        settings: kind, rates and lengths.
    """
    if settings.optimizer is Optimizer.CYCLIC_SGD:
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            parameters, settings.learning_rate, momentum=_MOMENTUM, weight_decay=settings.weight_decay
        )
    else:
        optimizer = torch.optim.AdamW(parameters, settings.learning_rate, weight_decay=settings.weight_decay)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_at(step, settings))
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def rate_at(step: int, settings: TrainingSettings) -> float:
    """Learning rate of a step relative to the largest one.

    Args:
        step: from 0.
        settings: kind and lengths.
    """
    if settings.optimizer is Optimizer.CYCLIC_SGD:
        phase = step / settings.cycle_steps % 1
        return _LOWEST + (1 - _LOWEST) * (1 - abs(2 * phase - 1))
    if step < settings.warm_up_steps:
        return (step + 1) / settings.warm_up_steps
    done = (step - settings.warm_up_steps) / max(settings.steps - settings.warm_up_steps, 1)
    return 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
