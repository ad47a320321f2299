"""Fits an atlas to radiographs, coarse to fine: pose, then proportions, then shape.

Every stage minimizes the cost of `biplanar_objective.py` over more numbers and at more pixels than the last:
some dozens of numbers by Levenberg-Marquardt, which finds its way along directions that hardly change the
images; the thousands of what goes beyond the modes by L-BFGS.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.biplanar_objective import (
    PRICES,
    BiplanarObjective,
    BiplanarTarget,
    BiplanarWeights,
)
from DeepRegistrationLib.optimize.deformation_model import AtlasMap, DeformationNumbers
from DeepRegistrationLib.optimize.few_numbers import minimize_few
from DeepRegistrationLib.optimize.lbfgs import minimize_lbfgs

Watch = Callable[[float, float, DeformationNumbers], None]
"""Told the fraction of the iterations done, the cost, and the numbers so far; raises to stop."""


@dataclass(frozen=True)
class FitStage:
    """One stage.

    Attributes:
        level: index of the level it works on.
        free: blocks of numbers that change.
        iterations: at most.
    """

    level: int
    free: tuple[str, ...]
    iterations: int


@dataclass(frozen=True, eq=False)
class FitLevel:
    """Atlas and radiographs at one resolution.

    Attributes:
        channels: (1, 2, K, J, I); see `BendableAtlas.channels`.
        geometry: of `channels`.
        targets: radiographs.
    """

    channels: torch.Tensor
    geometry: VolumeGeometry
    targets: tuple[BiplanarTarget, ...]


@dataclass(frozen=True, eq=False)
class BiplanarFit:
    """Where a fit ended.

    Attributes:
        numbers: of the map.
        objective: of the last level.
        history: stage -> cost of each iteration.
    """

    numbers: DeformationNumbers
    objective: BiplanarObjective
    history: dict[str, list[float]] = field(default_factory=dict)


def fit_atlas(
    levels: Sequence[FitLevel],
    flow_grid: VolumeGeometry,
    bent: AtlasMap,
    stages: Sequence[FitStage],
    weights: BiplanarWeights,
    start: DeformationNumbers | None = None,
    watch: Watch = lambda fraction, cost, numbers: None,
) -> BiplanarFit:
    """Minimizes the cost stage by stage.

    Args:
        levels: from coarse to fine.
        flow_grid: where velocities are integrated.
        bent: the maps there are.
        stages: what changes when.
        weights: what counts how much.
        start: numbers to begin with; None is the mean shape at the start pose.
        watch: follows and can stop.
    """
    numbers = start or DeformationNumbers.zeros(bent.model, len(levels[0].targets))
    history: dict[str, list[float]] = {}
    planned, done = sum(stage.iterations for stage in stages), 0
    objective = None
    for stage in stages:
        level = levels[stage.level]
        objective = BiplanarObjective(level.channels, level.geometry, flow_grid, bent, level.targets, weights)
        free = [name for name in stage.free if numbers.blocks()[name].numel()]
        costs = history.setdefault(" ".join(stage.free), [])

        def cost(
            parts: dict[str, torch.Tensor],
            objective: BiplanarObjective = objective,
            numbers: DeformationNumbers = numbers,
        ) -> torch.Tensor:
            return objective.cost(replace(numbers, **parts), list(parts))

        def left(
            parts: dict[str, torch.Tensor],
            objective: BiplanarObjective = objective,
            numbers: DeformationNumbers = numbers,
        ) -> torch.Tensor:
            return objective.residuals(replace(numbers, **parts), list(parts))

        def after(
            iteration: int,
            value: float,
            costs: list[float] = costs,
            before: int = done,
            numbers: DeformationNumbers = numbers,
        ) -> None:
            costs.append(value)
            watch((before + iteration) / planned, value, numbers)

        here = {name: numbers.blocks()[name] for name in free}
        if "local" in free:
            found = minimize_lbfgs(cost, here, stage.iterations, after)
        else:
            found = minimize_few(left, PRICES, here, stage.iterations, after)
        numbers = replace(numbers, **found)
        done += stage.iterations
    return BiplanarFit(numbers, objective, history)
