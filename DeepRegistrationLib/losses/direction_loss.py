"""Whether a gradient in the pose points where the geodesic one does: M_dist of the paper."""

import torch

_TINY = 1e-12


def direction_loss(gradient: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Squared difference of the unit vectors, rotation and translation apart and added.

    Each part is 0 for the same direction, 2 for a right angle and 4 for the opposite one. Lengths do not
    matter, so neither do units: nothing has to say how many mm are worth one radian.

    Args:
        gradient: (..., 6); of the network similarity; rotation, then translation.
        wanted: (..., 6); of the geodesic distance.

    Returns:
        (...); 0 to 8.

    Source: Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020, eq. 7 to 9.
    """
    rotation = (_unit(gradient[..., :3]) - _unit(wanted[..., :3])).square().sum(-1)
    translation = (_unit(gradient[..., 3:]) - _unit(wanted[..., 3:])).square().sum(-1)
    return rotation + translation


def balance_loss(gradient: torch.Tensor, wanted: torch.Tensor, length_mm: float) -> torch.Tensor:
    """Squared difference of the unit vectors of turn and shift together.

    `direction_loss` leaves open how far to turn for each mm of shift. Here this ratio counts: going downhill,
    both arrive at the same time. Turns are compared as lengths.

    Args:
        gradient: (..., 6); rotation [1/rad], then translation [1/mm].
        wanted: (..., 6); the same units.
        length_mm: worth of one radian [mm].

    Returns:
        (...); 0 to 4.

    Source: own definition.
    """
    per_mm = gradient.new_tensor([1 / length_mm] * 3 + [1.0] * 3)
    return (_unit(gradient * per_mm) - _unit(wanted * per_mm)).square().sum(-1)


def angle_between(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """(...) [rad]; angle between vectors (..., 3), from sine and cosine together."""
    sine = torch.linalg.vector_norm(torch.linalg.cross(first, second), dim=-1)
    return torch.atan2(sine, (first * second).sum(-1))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors of length 1; a vector of no length stays, and its gradient is finite."""
    # the root of a sum with a tiny number: the norm itself has no gradient at zero
    return vectors * (vectors.square().sum(-1, keepdim=True) + _TINY**2).rsqrt()
