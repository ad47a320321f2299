"""Rotations as matrices, vectors, quaternions, six numbers and Euler angles.

Everything is batched, differentiable, and exact near the identity and near 180 degrees, in float32 and
float64. Angles are in radians; a matrix turns column vectors: `turned = rotation @ vector`.
"""

import torch

# below this squared angle [rad^2] series replace the quotients; eight terms are exact to 1e-19 there
_SERIES_BELOW = 0.25
_SINE = [1, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800, -1 / 1307674368000]
_COSINE = [1 / 2, -1 / 24, 1 / 720, -1 / 40320, 1 / 3628800, -1 / 479001600, 1 / 87178291200]
_CUBIC = [1 / 6, -1 / 120, 1 / 5040, -1 / 362880, 1 / 39916800, -1 / 6227020800, 1 / 1307674368000]


def hat(vector: torch.Tensor) -> torch.Tensor:
    """Matrix of the cross product: `hat(v) @ w` is v x w.

    Args:
        vector: (..., 3).

    Returns:
        (..., 3, 3), skew-symmetric.
    """
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return _matrix([zero, -z, y, z, zero, -x, -y, x, zero])


def matrix_from_rotation_vector(vector: torch.Tensor) -> torch.Tensor:
    """Rotation about an axis by the vector's length.

    Args:
        vector: (..., 3); axis times angle [rad], any length.

    Returns:
        (..., 3, 3).

    Source: Rodrigues' formula; series near zero.
    """
    sine, cosine, _ = rodrigues_coefficients(vector.square().sum(-1))
    skew = hat(vector)
    eye = torch.eye(3, dtype=vector.dtype, device=vector.device)
    return eye + sine[..., None, None] * skew + cosine[..., None, None] * (skew @ skew)


def rotation_vector_from_matrix(rotation: torch.Tensor) -> torch.Tensor:
    """Axis times angle of a rotation.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3) [rad], length at most pi. At exactly 180 degrees one of the two opposite axes is taken.
    """
    quaternion = quaternion_from_matrix(rotation)  # w >= 0
    w, xyz = quaternion[..., :1], quaternion[..., 1:]
    squared = xyz.square().sum(-1, keepdim=True)  # sin^2 of the half angle
    small = squared < 1e-3
    length = torch.where(small, torch.ones_like(squared), squared).sqrt()
    far = 2 * torch.atan2(length, w) / length
    ratio = torch.where(small, squared / w.clamp(min=0.5).square(), torch.zeros_like(squared))  # tan^2
    # 2 atan(t) / t, divided by w because xyz = t w
    near = 2 / w.clamp(min=0.5) * _series(ratio, [1, -1 / 3, 1 / 5, -1 / 7, 1 / 9, -1 / 11])
    return xyz * torch.where(small, near, far)


def matrix_from_quaternion(quaternion: torch.Tensor) -> torch.Tensor:
    """Rotation of a quaternion, which need not have unit length.

    Args:
        quaternion: (..., 4); order w, x, y, z; not zero.

    Returns:
        (..., 3, 3).
    """
    w, x, y, z = quaternion.unbind(-1)
    s = 2 / quaternion.square().sum(-1)
    return _matrix(
        [
            1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w),
            s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w),
            s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y),
        ]
    )  # fmt: skip


def quaternion_from_matrix(rotation: torch.Tensor) -> torch.Tensor:
    """Unit quaternion of a rotation.

    The symmetric matrix 4 q q^T is linear in the rotation; its row with the largest diagonal, normalized, is
    the quaternion, so nothing small is ever divided by.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 4); order w, x, y, z, with w >= 0.

    Source: Shepperd, "Quaternion from rotation matrix", J. Guidance and Control 1978.
    """
    xx, xy, xz, yx, yy, yz, zx, zy, zz = rotation.flatten(-2).unbind(-1)
    rows = torch.stack(
        [
            torch.stack([1 + xx + yy + zz, zy - yz, xz - zx, yx - xy], -1),
            torch.stack([zy - yz, 1 + xx - yy - zz, xy + yx, xz + zx], -1),
            torch.stack([xz - zx, xy + yx, 1 - xx + yy - zz, yz + zy], -1),
            torch.stack([yx - xy, xz + zx, yz + zy, 1 - xx - yy + zz], -1),
        ],
        dim=-2,
    )  # (..., 4, 4)
    largest = rows.diagonal(dim1=-2, dim2=-1).argmax(-1)  # (...)
    index = largest[..., None, None].expand((*largest.shape, 1, 4))
    row = rows.gather(-2, index)[..., 0, :]  # (..., 4)
    quaternion = row / torch.linalg.vector_norm(row, dim=-1, keepdim=True)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def matrix_from_6d(sixd: torch.Tensor) -> torch.Tensor:
    """Rotation from two vectors that need be neither unit nor perpendicular; continuous, unlike angles.

    Args:
        sixd: (..., 6); first and second column, before orthonormalization.

    Returns:
        (..., 3, 3).

    Source: Zhou et al., "On the continuity of rotation representations in neural networks", CVPR 2019, eq.
        15.
    """
    first = torch.nn.functional.normalize(sixd[..., :3], dim=-1)
    second = sixd[..., 3:] - (first * sixd[..., 3:]).sum(-1, keepdim=True) * first
    second = torch.nn.functional.normalize(second, dim=-1)
    return torch.stack([first, second, torch.linalg.cross(first, second)], dim=-1)


def sixd_from_matrix(rotation: torch.Tensor) -> torch.Tensor:
    """(..., 6); the first two columns of the rotation (..., 3, 3)."""
    return torch.cat([rotation[..., :, 0], rotation[..., :, 1]], dim=-1)


def matrix_from_euler_xyz_extrinsic(angles: torch.Tensor) -> torch.Tensor:
    """Rotation about the fixed x axis first, then fixed y, then fixed z: Rz(c) Ry(b) Rx(a).

    Args:
        angles: (..., 3); a, b, c [rad].

    Returns:
        (..., 3, 3).
    """
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    return _matrix(
        [
            cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa,
            sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa,
            -sb, cb * sa, cb * ca,
        ]
    )  # fmt: skip


def euler_xyz_extrinsic_from_matrix(rotation: torch.Tensor) -> torch.Tensor:
    """Angles of `matrix_from_euler_xyz_extrinsic`.

    Args:
        rotation: (..., 3, 3).

    Returns:
        (..., 3); a and c in (-pi, pi], b in [-pi/2, pi/2] [rad]. At b = +-pi/2 only a -+ c is determined: c
        is 0.
    """
    r = rotation
    locked = r[..., 0, 0].square() + r[..., 1, 0].square() < torch.finfo(r.dtype).eps ** 1.5
    one, zero = torch.ones_like(r[..., 0, 0]), torch.zeros_like(r[..., 0, 0])
    c = torch.atan2(torch.where(locked, zero, r[..., 1, 0]), torch.where(locked, one, r[..., 0, 0]))
    # a and b come from Rz(-c) R, so that they make up for a c that is uncertain near the locked position
    cosine, sine = c.cos(), c.sin()
    b = torch.atan2(-r[..., 2, 0], cosine * r[..., 0, 0] + sine * r[..., 1, 0])
    a = torch.atan2(sine * r[..., 0, 2] - cosine * r[..., 1, 2], cosine * r[..., 1, 1] - sine * r[..., 0, 1])
    return torch.stack([a, b, c], dim=-1)


def geodesic_distance(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Angle of the rotation between two rotations; usable as a loss.

    From sine and cosine together, so it is exact near 0 and near pi where the arc cosine loses half the
    digits. Where the distance has a kink (equal rotations, or 180 degrees apart) the gradient is zero.

    Args:
        first: (..., 3, 3).
        second: (..., 3, 3); shapes broadcast.

    Returns:
        (...) [rad], 0 to pi.
    """
    r = first.transpose(-1, -2) @ second
    axial = torch.stack(
        [r[..., 2, 1] - r[..., 1, 2], r[..., 0, 2] - r[..., 2, 0], r[..., 1, 0] - r[..., 0, 1]], dim=-1
    )
    sine = torch.linalg.vector_norm(axial, dim=-1) / 2
    cosine = (r.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.atan2(sine, cosine)


def rodrigues_coefficients(squared_angle: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """sin(t)/t, (1 - cos(t))/t^2 and (t - sin(t))/t^3, smooth at t = 0.

    Args:
        squared_angle: (...); t^2 [rad^2].

    Returns:
        Three tensors (...).
    """
    small = squared_angle < _SERIES_BELOW
    near = torch.where(small, squared_angle, torch.zeros_like(squared_angle))
    far = torch.where(small, torch.ones_like(squared_angle), squared_angle)
    angle = far.sqrt()
    # 1 - cos(t) as 2 sin^2(t/2): no cancellation
    cosine = 2 * (angle / 2).sin().square() / far
    cubic = (angle - angle.sin()) / (far * angle)
    return (
        torch.where(small, _series(near, _SINE), angle.sin() / angle),
        torch.where(small, _series(near, _COSINE), cosine),
        torch.where(small, _series(near, _CUBIC), cubic),
    )


def _series(x: torch.Tensor, coefficients: list[float]) -> torch.Tensor:
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def _matrix(entries: list[torch.Tensor]) -> torch.Tensor:
    """(..., 3, 3) from nine tensors (...), row by row."""
    return torch.stack(entries, dim=-1).unflatten(-1, (3, 3))
