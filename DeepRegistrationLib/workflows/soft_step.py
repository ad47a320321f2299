"""A limit without an edge: what confidences are made of."""

import math


def soft_step(value: float, half: float, width: float) -> float:
    """Logistic step from 0 to 1 that is a half at `half`.

    Args:
        value: any number.
        half: where the step is a half.
        width: from there to 0.73; in the unit of `value`.
    """
    return 1 / (1 + math.exp(-max(min((value - half) / width, 40), -40)))
