"""Gradient descent with momentum on the pose, as the ProST paper does it: slow, local, a baseline."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.rigid import rigid_matrix
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector

Loss = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Poses (1, 4, 4) -> loss (1,); its gradient (1, 6) by turns about the axes of the world through the middle
of the anatomy [1/rad] and shifts along them [1/mm]."""


@dataclass(frozen=True)
class DescentSettings:
    """One of the paper's two schedules.

    Attributes:
        lowest_rate: of the learning rates between which the schedule swings.
        highest_rate: the same number for a constant rate.
        period: iterations from the lowest rate to the highest and back.
        momentum: of the descent.
        window: losses that are looked at to stop,
        spread: when their standard deviation is smaller than this.
        iterations: at most.

    Source: Gao et al., MICCAI 2020, section 3.1; Smith, "Cyclical learning rates", WACV 2017.
    """

    lowest_rate: float
    highest_rate: float
    spread: float
    period: int = 20
    momentum: float = 0.9
    window: int = 10
    iterations: int = 300


NETWORK_DESCENT = DescentSettings(lowest_rate=1e-2, highest_rate=1e-2, spread=3e-3)
GRADIENT_DESCENT = DescentSettings(lowest_rate=1e-3, highest_rate=3e-3, spread=1e-5)


def descend(
    pose: torch.Tensor,
    loss: Loss,
    centre_ras: torch.Tensor,
    unit_mm: float,
    settings: DescentSettings,
    watch: Callable[[float, float, torch.Tensor], None] = lambda fraction, loss, pose: None,
) -> torch.Tensor:
    """Goes downhill until the loss stands still.

    Args:
        pose: (4, 4) float64; world from volume.
        loss: what is to become small.
        centre_ras: (3,); middle of the anatomy in the frame of the volume: what poses turn about.
        unit_mm: length that counts as much as one radian; the paper's is half the edge of the volume.
        settings: schedule.
        watch: told the fraction of iterations done, the loss and the pose; raises to stop.

    Returns:
        (4, 4) float64.
    """
    units = torch.tensor([1.0, 1.0, 1.0, unit_mm, unit_mm, unit_mm], dtype=torch.float64)
    velocity = torch.zeros(6, dtype=torch.float64)
    losses: list[float] = []
    for iteration in range(settings.iterations):
        value, gradient = loss(pose[None])
        losses.append(float(value[0]))
        watch(iteration / settings.iterations, losses[-1], pose)
        last = losses[-settings.window :]
        if len(last) == settings.window and statistics.stdev(last) < settings.spread:
            break
        phase = (iteration % settings.period) / settings.period
        rate = settings.lowest_rate + (settings.highest_rate - settings.lowest_rate) * (
            1 - abs(2 * phase - 1)
        )
        velocity = settings.momentum * velocity + gradient[0].double().cpu() * units
        step = -rate * velocity * units
        rotation = matrix_from_rotation_vector(step[:3])
        centre = pose[:3, :3] @ centre_ras + pose[:3, 3]
        pose = rigid_matrix(rotation, centre - rotation @ centre + step[3:]) @ pose
    return pose
