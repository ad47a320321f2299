"""How far a pose of a CT before a camera is from the true one."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rotations import rotation_vector_from_matrix

SUCCESS_DEG, SUCCESS_MM = 2.0, 5.0
"""A registration is right if both of its errors are smaller."""


@dataclass(frozen=True, eq=False)
class XrayErrors:
    """Difference of two poses, along and about the columns, the rows and the depth of a camera.

    Attributes:
        turns_deg: (3,); rotation vector from the true to the found pose [degrees].
        shifts_mm: (3,); from the true to the found place of the bones' middle [mm].
        tre_mm: mean distance of the bones' points [mm].
    """

    turns_deg: np.ndarray
    shifts_mm: np.ndarray
    tre_mm: float

    @property
    def rotation_deg(self) -> float:
        """Angle of the rotation between the poses [degrees]."""
        return float(np.linalg.norm(self.turns_deg))

    @property
    def distance_mm(self) -> float:
        """Distance of the bones' middle from its true place [mm]."""
        return float(np.linalg.norm(self.shifts_mm))

    @property
    def paper_deg(self) -> float:
        """Mean size of the three components: what the paper's Table 1 averages [degrees].

        Its starts tell: two poses from N(0, 20 degrees) differ by 22.6 in the mean of this measure (the
        paper prints 21.16), and by 45 in the angle between them.
        """
        return float(np.abs(self.turns_deg).mean())

    @property
    def paper_mm(self) -> float:
        """The same for the shift [mm]."""
        return float(np.abs(self.shifts_mm).mean())


def xray_errors(found: np.ndarray, true: np.ndarray, camera: Camera, points_ras: np.ndarray) -> XrayErrors:
    """Errors of a pose.

    Args:
        found: (4, 4); world RAS from CT RAS [mm].
        true: (4, 4); the same, as it should be.
        camera: whose axes name the directions.
        points_ras: (N, 3); points of the bones in CT RAS [mm]; their mean is the bones' middle.
    """
    axes = camera.camera_from_world[:3, :3]  # rows: columns, rows, depth
    turned = torch.from_numpy(found[:3, :3] @ true[:3, :3].T)
    turn = np.degrees(rotation_vector_from_matrix(turned).numpy())
    apart = points_ras @ (found - true)[:3, :3].T + (found - true)[:3, 3]
    return XrayErrors(
        # the sign of a turn changes in the mirror of a left-handed camera; its size does not
        turns_deg=axes @ turn,
        shifts_mm=axes @ apart.mean(0),
        tre_mm=float(np.linalg.norm(apart, axis=1).mean()),
    )


def is_right(rotation_deg: float, distance_mm: float) -> bool:
    """True if a registration counts as a success; NaN, no result at all, does not."""
    return rotation_deg < SUCCESS_DEG and distance_mm < SUCCESS_MM
