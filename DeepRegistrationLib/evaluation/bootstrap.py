"""Confidence intervals without assumptions about how errors are distributed."""

from collections.abc import Callable

import numpy as np


def bootstrap_interval(
    values: np.ndarray,
    statistic: Callable[[np.ndarray], float] = np.mean,
    block: int = 1,
    draws: int = 4000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Interval in which a statistic lies, from samples drawn with replacement.

    Args:
        values: (N, ...); one entry per observation, in the order of time.
        statistic: (N, ...) -> number.
        block: consecutive entries that are drawn together: neighbours in a sweep are alike.
        draws: number of samples.
        level: share of the samples inside.
        seed: of the draws.

    Returns:
        Lower and upper end.

    Raises:
        ValueError: no values, or a block that is longer than they are.

    Source: Kuensch, "The jackknife and the bootstrap for general stationary observations", Annals of
        Statistics 1989.
    """
    values = np.asarray(values)
    if not 1 <= block <= len(values):
        raise ValueError(f"a block of {block} does not fit {len(values)} values")
    random = np.random.default_rng(seed)
    blocks = -(-len(values) // block)
    starts = random.integers(0, len(values) - block + 1, (draws, blocks))
    index = (starts[..., None] + np.arange(block)).reshape(draws, -1)[:, : len(values)]
    found = np.array([statistic(values[row]) for row in index])
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
