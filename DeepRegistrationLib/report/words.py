"""Numbers as a person reads them."""

import math


def shown_confidence(value: float) -> str:
    """Confidence with two decimals, rounded down: 1.00 would promise more than any registration can.

    Args:
        value: 0 to 1.
    """
    return f"{min(math.floor(100 * value) / 100, 0.99):.2f}"
