"""The best of many candidates that differ from each other."""

import math
from collections.abc import Callable

import torch


def greedy_choice(scores: torch.Tensor, count: int, near: Callable[[int], torch.Tensor]) -> torch.Tensor:
    """Takes the best candidate, leaves out those near it, and begins again.

    Args:
        scores: (N,); larger is better; what is not finite is never taken.
        count: how many, at most.
        near: tells for one candidate which of all are too much like it: (N,) bool.

    Returns:
        (M,) int64, M <= count; indices, best first.
    """
    left = scores.clone()
    chosen: list[int] = []
    while len(chosen) < count:
        best = int(left.argmax())
        if not math.isfinite(float(left[best])):
            break
        chosen.append(best)
        left[near(best)] = -math.inf
        left[best] = -math.inf
    return torch.tensor(chosen, device=scores.device)
