"""Turns and shifts within the plane of an ultrasound image, and the sign of their angle.

Image space is in mm: u along the columns (to the right), v along the rows (downwards), w = u x v away from
the viewer; (0, 0, 0) is the centre of the first pixel. This file alone says which sense of rotation is
positive: the right-handed one about w, from u to v, which is **clockwise on the screen**.

An angle of a frame says how far its *content* is turned against the middle frame: a structure at x in the
middle frame is seen at R(angle) x + t in the other one. The probe has turned the other way.

    frame_from_middle = in_plane_matrix(angle of the frame, t)          middle_from_frame = its inverse
"""

import numpy as np
import torch


def in_plane_matrix(angle: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Rigid map of the plane.

    Args:
        angle: (...) [rad]; positive turns u to v, clockwise on the screen.
        shift: (..., 2); added after the turn, along u and v.

    Returns:
        (..., 3, 3); acts on (u, v, 1).
    """
    cosine, sine = angle.cos(), angle.sin()
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    rows = [cosine, -sine, shift[..., 0], sine, cosine, shift[..., 1], zero, zero, one]
    return torch.stack(rows, dim=-1).unflatten(-1, (3, 3))


def in_plane_angle(matrix: torch.Tensor) -> torch.Tensor:
    """(...) [rad], -pi to pi; the angle of `in_plane_matrix`, also of one with a scale."""
    return torch.atan2(matrix[..., 1, 0] - matrix[..., 0, 1], matrix[..., 0, 0] + matrix[..., 1, 1])


def invert_in_plane(matrix: torch.Tensor) -> torch.Tensor:
    """(..., 3, 3); the inverse of a rigid map of the plane."""
    rotation = matrix[..., :2, :2].mT
    shift = -(rotation @ matrix[..., :2, 2:])
    out = matrix.clone()
    out[..., :2, :2], out[..., :2, 2:] = rotation, shift
    return out


def about_point(matrix: torch.Tensor, point: torch.Tensor) -> torch.Tensor:
    """The map whose origin is moved to a point: x -> point + matrix (x - point).

    Args:
        matrix: (..., 3, 3); a map relative to the point.
        point: (2,); in the plane.

    Returns:
        (..., 3, 3); the same map in coordinates of the plane.
    """
    out = matrix.clone()
    moved = matrix[..., :2, :2] @ point.to(matrix)
    out[..., :2, 2] = matrix[..., :2, 2] + point.to(matrix) - moved
    return out


def image_space_matrix(matrix: torch.Tensor) -> np.ndarray:
    """A map of the plane as a map of image space, in which w stays as it is.

    Args:
        matrix: (..., 3, 3); acts on (u, v, 1) [mm].

    Returns:
        (..., 4, 4) float64; acts on (u, v, w, 1) [mm].
    """
    plane = matrix.detach().cpu().double().numpy()
    out = np.zeros((*plane.shape[:-2], 4, 4))
    out[..., :2, :2], out[..., :2, 3] = plane[..., :2, :2], plane[..., :2, 2]
    out[..., 2, 2] = out[..., 3, 3] = 1
    return out


def in_plane_part(frame_from_other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much of a motion in space lies within the image.

    Args:
        frame_from_other: (..., 4, 4); rigid, image space of one frame from that of another [mm].

    Returns:
        (...) angle about w [rad] and (...) angle of the rest [rad]: the rotation is split into a turn about w
        and a tilt about an axis in the plane (swing and twist).
    """
    rotation = np.asarray(frame_from_other, dtype=np.float64)[..., :3, :3]
    # the twist about w of the unit quaternion (a, b, c, d) is 2 atan2(d, a), which is
    twist = np.arctan2(rotation[..., 1, 0] - rotation[..., 0, 1], rotation[..., 0, 0] + rotation[..., 1, 1])
    return twist, np.arccos(np.clip(rotation[..., 2, 2], -1, 1))
