"""How far apart two poses are, and the way from one to the other: the convex function that DeepNet learns."""

import torch

from DeepRegistrationLib.geometry.rigid import apply_to_points
from DeepRegistrationLib.geometry.rotations import geodesic_distance, rotation_vector_from_matrix

LENGTH_MM = 37.5 / torch.pi * 9
"""How many mm count as much as one radian, 107: in the paper's poses 37.5 mm are as usual as 20 degrees."""


def squared_geodesic_distance(
    pose: torch.Tensor, target: torch.Tensor, centre: torch.Tensor, length_mm: float = LENGTH_MM
) -> torch.Tensor:
    """Squared angle, as a squared length, plus squared distance of where the centre stands.

    Left-invariant: it is the same in every frame of the world, because a rigid map changes neither angles nor
    distances. Rotation and translation have different units, so a length must say what one radian is worth;
    directions of the two parts apart do not depend on it.

    Args:
        pose: (..., 4, 4); rigid, world from volume [mm].
        target: (..., 4, 4).
        centre: (3,) or (..., 3); point about which the volume turns, in the volume's frame [mm].
        length_mm: worth of one radian [mm].

    Returns:
        (...) [mm^2].

    Source: Miolane et al., "geomstats", arXiv:1805.08308: canonical left-invariant metric of SE(3).
    """
    angle = geodesic_distance(pose[..., :3, :3], target[..., :3, :3])
    return (length_mm * angle).square() + _shift(pose, target, centre).square().sum(-1)


def geodesic_gradient(
    pose: torch.Tensor, target: torch.Tensor, centre: torch.Tensor, length_mm: float = LENGTH_MM
) -> torch.Tensor:
    """Gradient of `squared_geodesic_distance` when the volume turns about its centre and shifts.

    With pose = exp(v) target in the rotations and a shift d of the centre it is 2 (length^2 v, d): a turn
    about v itself changes the angle fastest. The axes are those of the world, as of the tangent images of
    the projector.

    Args:
        pose: (..., 4, 4).
        target: (..., 4, 4); rotations at most pi apart.
        centre: (3,) or (..., 3) [mm].
        length_mm: worth of one radian [mm].

    Returns:
        (..., 6); turns about x, y, z [mm^2 / rad], then shifts along x, y, z [mm].

    Source: own derivation.
    """
    between = pose[..., :3, :3] @ target[..., :3, :3].transpose(-1, -2)
    turn = length_mm**2 * rotation_vector_from_matrix(between)
    return 2 * torch.cat([turn, _shift(pose, target, centre)], dim=-1)


def _shift(pose: torch.Tensor, target: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    """(..., 3); from where the target puts the centre to where the pose puts it."""
    point = centre[..., None, :]
    return (apply_to_points(pose, point) - apply_to_points(target, point))[..., 0, :]
