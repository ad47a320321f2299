"""Rigid and similarity maps as (4, 4) matrices, and the errors between them.

Everything is batched and differentiable. Positions far from the origin lose digits in float32: keep matrices
of patient positions in float64.
"""

import numpy as np
import torch

from DeepRegistrationLib.geometry.rotations import (
    geodesic_distance,
    hat,
    matrix_from_rotation_vector,
    rodrigues_coefficients,
    rotation_vector_from_matrix,
)


def rigid_matrix(rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Map x -> rotation x + translation.

    Args:
        rotation: (..., 3, 3); any linear part.
        translation: (..., 3) [mm].

    Returns:
        (..., 4, 4); batch shapes broadcast.
    """
    batch = torch.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
    top = torch.cat([rotation.expand(*batch, 3, 3), translation.expand(*batch, 3)[..., None]], dim=-1)
    bottom = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=top.dtype, device=top.device)
    return torch.cat([top, bottom.expand(*batch, 1, 4)], dim=-2)


def similarity_matrix(scale: torch.Tensor, rotation: torch.Tensor, translation: torch.Tensor) -> torch.Tensor:
    """Map x -> scale rotation x + translation.

    Args:
        scale: (...); positive.
        rotation: (..., 3, 3).
        translation: (..., 3) [mm].

    Returns:
        (..., 4, 4).
    """
    return rigid_matrix(scale[..., None, None] * rotation, translation)


def decompose_similarity(
    matrix: torch.Tensor, tolerance: float = 1e-3
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Takes a similarity apart.

    Args:
        matrix: (..., 4, 4).
        tolerance: largest deviation from a rotation allowed in what remains without the scale.

    Returns:
        scale (...), rotation (..., 3, 3) and translation (..., 3) [mm].

    Raises:
        ValueError: reflected, sheared or scaled unequally.
    """
    linear = matrix[..., :3, :3]
    determinant = torch.linalg.det(linear)
    if bool((determinant <= 0).any()):
        raise ValueError(f"not a similarity: determinant {determinant.min().item():.3g}")
    scale = determinant ** (1 / 3)
    rotation = linear / scale[..., None, None]
    eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
    worst = (rotation.transpose(-1, -2) @ rotation - eye).abs().amax().item()
    if worst > tolerance:
        raise ValueError(f"not a similarity: {worst:.3g} away from a rotation (allowed {tolerance})")
    return scale, rotation, matrix[..., :3, 3]


def rotation_about(rotation: torch.Tensor, centre_ras: torch.Tensor) -> torch.Tensor:
    """Rotation that leaves a point where it is.

    Args:
        rotation: (..., 3, 3).
        centre_ras: (..., 3) [mm].

    Returns:
        (..., 4, 4).
    """
    return rigid_matrix(rotation, centre_ras - (rotation @ centre_ras[..., None])[..., 0])


def invert_rigid(matrix: torch.Tensor) -> torch.Tensor:
    """Inverse of rigid maps (..., 4, 4) by transposition; not for maps with a scale."""
    transposed = matrix[..., :3, :3].transpose(-1, -2)
    return rigid_matrix(transposed, -(transposed @ matrix[..., :3, 3:])[..., 0])


def apply_to_points(matrix: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Maps points.

    Args:
        matrix: (..., 4, 4).
        points: (..., N, 3) [mm]; batch shapes broadcast.

    Returns:
        (..., N, 3) [mm].
    """
    return points @ matrix[..., :3, :3].transpose(-1, -2) + matrix[..., None, :3, 3]


def se3_exp(twist: torch.Tensor) -> torch.Tensor:
    """Rigid map of a screw motion.

    Args:
        twist: (..., 6); rotation vector [rad], then translation along the screw [mm].

    Returns:
        (..., 4, 4).

    Source: Murray, Li and Sastry, "A mathematical introduction to robotic manipulation", 1994, section 2.3.
    """
    rotation_vector = twist[..., :3]
    translation = (left_jacobian(rotation_vector) @ twist[..., 3:, None])[..., 0]
    return rigid_matrix(matrix_from_rotation_vector(rotation_vector), translation)


def se3_log(matrix: torch.Tensor) -> torch.Tensor:
    """(..., 6); the twist whose `se3_exp` is the rigid map (..., 4, 4); rotation at most pi."""
    rotation_vector = rotation_vector_from_matrix(matrix[..., :3, :3])
    translation = torch.linalg.solve(left_jacobian(rotation_vector), matrix[..., :3, 3:])[..., 0]
    return torch.cat([rotation_vector, translation], dim=-1)


def rotation_error_deg(first: np.ndarray | torch.Tensor, second: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Angle between the rotations of two maps.

    Args:
        first: (..., 3, 3) or (..., 4, 4), numpy or torch; rigid or similarity.
        second: the same.

    Returns:
        (...) float64 on the CPU [degrees].
    """
    return torch.rad2deg(geodesic_distance(_rotation_part(first), _rotation_part(second)))


def translation_error_mm(
    first: np.ndarray | torch.Tensor, second: np.ndarray | torch.Tensor, at_point: np.ndarray | torch.Tensor
) -> torch.Tensor:
    """How far apart two maps send a point.

    Measured where the anatomy is, because a translation at the world's origin means nothing once a rotation
    differs.

    Args:
        first: (..., 4, 4), numpy or torch.
        second: the same.
        at_point: (3,) or (..., 3); where to compare, in the source frame of the maps [mm].

    Returns:
        (...) float64 on the CPU [mm].
    """
    difference = _double(first)[..., :3, :] - _double(second)[..., :3, :]
    point = _double(at_point)[..., None]
    return torch.linalg.vector_norm((difference[..., :3] @ point)[..., 0] + difference[..., 3], dim=-1)


def left_jacobian(rotation_vector: torch.Tensor) -> torch.Tensor:
    """Turn from the left that a change of the rotation vector causes: exp(v + dv) = exp(J dv) exp(v).

    Args:
        rotation_vector: (..., 3) [rad].

    Returns:
        (..., 3, 3); J.

    Source: Barfoot, State Estimation for Robotics, 2017, eq. 7.77.
    """
    _, cosine, cubic = rodrigues_coefficients(rotation_vector.square().sum(-1))
    skew = hat(rotation_vector)
    eye = torch.eye(3, dtype=skew.dtype, device=skew.device)
    return eye + cosine[..., None, None] * skew + cubic[..., None, None] * (skew @ skew)


def _rotation_part(matrix: np.ndarray | torch.Tensor) -> torch.Tensor:
    linear = _double(matrix)[..., :3, :3]
    return linear / torch.linalg.det(linear).abs().pow(1 / 3)[..., None, None]


def _double(values: np.ndarray | torch.Tensor) -> torch.Tensor:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().double()
    return torch.from_numpy(np.array(values, dtype=np.float64))
