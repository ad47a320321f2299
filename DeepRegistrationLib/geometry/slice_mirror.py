"""The two poses of a slice that a brain with equal sides cannot tell apart.

With M = diag(-1, 1, 1), which exchanges left and right, a slice of a symmetric brain shows the same picture
in the pose (R, d) and in the pose (D R M, -d), D = diag(1, 1, -1): the axes in the plane are mirrored, and
the normal turns over so that they stay right-handed.
"""

import torch


def mirrored(rotation: torch.Tensor, offset: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The twin of each slice.

    Args:
        rotation: (..., 3, 3); slice from atlas, x of the atlas points from left to right.
        offset: (...); signed distance of the plane from the symmetric brain's centre along its normal.

    Returns:
        Rotation and offset of the twin; the twin of the twin is the slice.
    """
    sign = rotation.new_tensor([[-1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    return rotation * sign, -offset


def in_half_space(rotation: torch.Tensor) -> torch.Tensor:
    """(...) bool; whether the normal of a slice (third row of (..., 3, 3)) points upwards, z >= 0.

    Of a slice and its twin one is in the half space, except where the normal has no z at all.
    """
    return rotation[..., 2, 2] >= 0
