"""Whether a similarity is as large as the squared distance of the poses: what its unit is."""

import torch


def distance_loss(value: torch.Tensor, squared_distance: torch.Tensor, length_mm: float) -> torch.Tensor:
    """Squared difference of the root of a similarity and the geodesic distance.

    The direction of a gradient leaves open how long it is. With this the similarity is the squared distance
    itself, in radians: the paper's rate of 0.01 then takes every pose home in some twenty steps, and its
    spread of 3e-3 at which to stop means 3 degrees or 6 mm.

    Args:
        value: (...); network similarity L_N, at least 0.
        squared_distance: (...) [mm^2].
        length_mm: worth of one radian [mm].

    Returns:
        (...) [rad^2].

    Source: own definition.
    """
    # the root has no slope at zero: a thousandth of a radian more is nothing
    return ((value + 1e-6).sqrt() - squared_distance.sqrt() / length_mm).square()
