"""Loss of the pose of a slice, which knows that a slice and its mirror image look alike."""

import torch

from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.geometry.slice_mirror import mirrored
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate


def slice_loss(
    estimate: RotationEstimate,
    offset: torch.Tensor,
    true_rotation: torch.Tensor,
    true_offset: torch.Tensor,
    position_weight: float = 1.0,
    twins: bool = True,
) -> torch.Tensor:
    """Angle plus weighted squared error of the position.

    With `twins` the nearer one of the slice and its mirror image counts: a network that had to choose between
    two that it cannot tell apart would learn their mean, which is neither.

    Args:
        estimate: B rotations.
        offset: (B,) estimated offset along the normal [brain radii].
        true_rotation: (B, 3, 3).
        true_offset: (B,) [brain radii].
        position_weight: lambda.
        twins: whether the mirror image is right too.

    Returns:
        Scalar.

    Source: Mohseni Salehi et al., arXiv:1803.05982, equations 5 and 10; the twins are ours.
    """
    error = _errors(estimate.matrix, offset, true_rotation, true_offset, position_weight)
    if twins:
        other = _errors(estimate.matrix, offset, *mirrored(true_rotation, true_offset), position_weight)
        error = torch.minimum(error, other)
    return error.mean()


def nearer_twin(
    rotation: torch.Tensor, true_rotation: torch.Tensor, true_offset: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The slice or its mirror image, whichever an estimate is turned to.

    Args:
        rotation: (B, 3, 3); estimates.
        true_rotation: (B, 3, 3).
        true_offset: (B,).

    Returns:
        Rotation (B, 3, 3) and offset (B,) of the nearer one.
    """
    twin, twin_offset = mirrored(true_rotation, true_offset)
    rotation = rotation.detach()
    far = geodesic_distance(rotation, true_rotation) > geodesic_distance(rotation, twin)
    return (
        torch.where(far[:, None, None], twin, true_rotation),
        torch.where(far, twin_offset, true_offset),
    )


def _errors(
    rotation: torch.Tensor,
    offset: torch.Tensor,
    true_rotation: torch.Tensor,
    true_offset: torch.Tensor,
    position_weight: float,
) -> torch.Tensor:
    """(B,); loss of each sample."""
    return geodesic_distance(rotation, true_rotation) + position_weight * (offset - true_offset).square()
