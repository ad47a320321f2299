"""What a network needs to be trained: how it is built, what it sees and what it should minimize."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import nn


class Optimizer(StrEnum):
    """Which optimizer with which schedule."""

    ADAMW = "adamw"
    """Warm-up to the largest rate, then a cosine to zero."""
    CYCLIC_SGD = "cyclic-sgd"
    """Momentum 0.9; the rate rises and falls in triangles (Smith, "Cyclical learning rates", WACV 2017)."""


@dataclass(frozen=True)
class TrainingSettings:
    """How any network is trained.

    Attributes:
        steps: optimizer steps.
        steps_per_epoch: between checkpoints, validations and changes of the loss.
        batch_size: samples per step and process.
        draw_size: samples that one random stream makes; divides `batch_size`. With it fixed, two processes
            see the same samples as one process with twice the batch.
        optimizer: which one with which schedule.
        learning_rate: largest one.
        warm_up_steps: of AdamW, during which the rate grows from zero.
        cycle_steps: of cyclic SGD, from one smallest rate to the next.
        weight_decay: of the optimizer.
        l1: weight of the sum of the absolute weights in the loss.
        gradient_clip: largest norm of the gradient.
        average_decay: of the moving average of the weights that is validated and kept.
        precision: of lightning: "32-true", "bf16-mixed" or "16-mixed"; "auto" is mixed on graphics cards and
            full elsewhere: most processors emulate bfloat16, convolutions take ten times as long.
        seed: of weights and samples.
    """

    steps: int = 20000
    steps_per_epoch: int = 500
    batch_size: int = 64
    draw_size: int = 32
    optimizer: Optimizer = Optimizer.ADAMW
    learning_rate: float = 1e-3
    warm_up_steps: int = 200
    cycle_steps: int = 100
    weight_decay: float = 1e-4
    l1: float = 0.0
    gradient_clip: float = 1.0
    average_decay: float = 0.998
    precision: str = "auto"
    seed: int = 0


class Recipe(Protocol):
    """One network's training; implementations are frozen dataclasses whose fields a config file may set.

    Attributes:
        training: how it is trained.
    """

    training: TrainingSettings

    def network(self) -> nn.Module:
        """A new network with random weights."""

    def network_settings(self) -> Mapping[str, object]:
        """Arguments with which the network's class is built; kept beside the weights."""

    def load(self, data: Path, device: torch.device) -> object:
        """Training data on the device where batches are made.

        Raises:
            InputError: the data are missing.
        """

    def draw(self, data: object, count: int, generator: torch.Generator) -> object:
        """Makes a batch on the generator's device; equal generators make equal batches."""

    def loss(self, network: Callable, batch: object, epoch: int) -> "Loss":
        """Loss of a batch; `network` may compute in mixed precision, the loss does not."""

    def validate(self, network: Callable, data: object, generator: torch.Generator) -> dict[str, float]:
        """Figures on subjects that are not trained on, by name with unit; the first is the one to watch."""


@runtime_checkable
class PreparingRecipe(Recipe, Protocol):
    """A recipe whose network holds numbers that are not learned but read from the data."""

    def prepare(self, network: nn.Module, data: object) -> None:
        """Puts them into a new network; `data` is what `load` gave."""


@dataclass(frozen=True, eq=False)
class Loss:
    """Loss of a batch.

    Attributes:
        value: scalar to minimize.
        figures: name with unit -> number for the log.
    """

    value: torch.Tensor
    figures: dict[str, torch.Tensor] = field(default_factory=dict)
