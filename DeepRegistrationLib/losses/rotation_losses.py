"""How wrong a rotation is: the two losses that the paper compares."""

import torch

from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate


def rotation_vector_mse(estimate: RotationEstimate, true_vector: torch.Tensor) -> torch.Tensor:
    """Mean squared error of rotation vectors.

    Not a distance between rotations: vectors on either side of 180 degrees are far apart and name almost the
    same one.

    Args:
        estimate: B rotations.
        true_vector: (B, 3); |v| <= pi [rad].

    Returns:
        Scalar; mean over batch and components [rad^2].

    Source: Mohseni Salehi et al., arXiv:1803.05982, equation 6.
    """
    return (estimate.vector - true_vector).square().mean()


def geodesic_loss(estimate: RotationEstimate, true_matrix: torch.Tensor) -> torch.Tensor:
    """Mean angle between estimated and true rotations.

    Args:
        estimate: B rotations.
        true_matrix: (B, 3, 3).

    Returns:
        Scalar; mean over the batch [rad], 0 to pi.

    Source: Mohseni Salehi et al., arXiv:1803.05982, equation 10.
    """
    return geodesic_distance(estimate.matrix, true_matrix).mean()
