"""From pixels to the probe: the calibration of a tracked ultrasound image.

    (u, v) [px] --scaling and offset--> image space [mm] --rigid--> probe (X, Y, Z) [mm]

The paper writes it the other way, from the probe to the pixel; `image_from_probe` is that direction. A turn
that is seen in the image is a turn about the image's normal; the rigid part says which axis of the probe
that is.

Source: digest of the triplet paper (2020), equation 1; PLUS names the whole map ImageToProbe.
"""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.rotations import euler_xyz_extrinsic_from_matrix

_SHEAR = 0.05
"""Calibrations are fitted to points and never quite rectangular: 3 degrees pass."""


@dataclass(frozen=True, eq=False)
class UltrasoundCalibration:
    """Where the pixels of the image lie, seen from the probe.

    Attributes:
        scale_mm: (s_x, s_y); mm per pixel along columns and rows.
        offset_mm: (c_x, c_y); image space position of the centre of pixel (0, 0) [mm].
        probe_from_image: (4, 4) float64; rigid, probe [mm] from image space [mm].
        name: where it comes from, for the report.

    Raises:
        InputError: a scale that is not positive, or a map that is not rigid.
    """

    scale_mm: tuple[float, float]
    offset_mm: tuple[float, float]
    probe_from_image: np.ndarray
    name: str = "calibration"

    def __post_init__(self) -> None:
        if not all(np.isfinite(s) and s > 0 for s in self.scale_mm):
            raise InputError(
                f"The calibration '{self.name}' has pixels of {self.scale_mm[0]:g} x {self.scale_mm[1]:g} "
                "mm; both must be positive. Give the calibration of this probe and depth."
            )
        rotation = np.asarray(self.probe_from_image, dtype=np.float64)[:3, :3]
        if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) or np.linalg.det(rotation) < 0:
            raise InputError(f"The calibration '{self.name}' does not hold a rotation. Export it again.")

    @staticmethod
    def from_matrix(probe_from_pixel: np.ndarray, name: str = "calibration") -> "UltrasoundCalibration":
        """Splits the matrix of a calibration file into scaling and rigid part.

        Args:
            probe_from_pixel: (4, 4); probe [mm] from (column, row, 0, 1); its third column is not used, since
                an image has no third index.
            name: where it comes from.

        Raises:
            InputError: not finite, columns of length zero, or columns far from perpendicular.
        """
        matrix = np.asarray(probe_from_pixel, dtype=np.float64)
        along_u, along_v = matrix[:3, 0], matrix[:3, 1]
        scale = np.array([np.linalg.norm(along_u), np.linalg.norm(along_v)])
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not scale.all():
            raise InputError(
                f"The calibration '{name}' is no 4x4 matrix of finite numbers with two columns that are not "
                "zero. Export it again."
            )
        u, v = along_u / scale[0], along_v / scale[1]
        if abs(u @ v) > _SHEAR:
            angle = np.degrees(np.arccos(np.clip(u @ v, -1, 1)))
            raise InputError(
                f"In the calibration '{name}' columns and rows of the image meet at {angle:.1f} degrees "
                "instead of 90. Calibrate the probe again."
            )
        # the nearest perpendicular pair turns both by the same small angle
        half_sum, half_difference = (u + v) / np.linalg.norm(u + v), (u - v) / np.linalg.norm(u - v)
        u, v = (half_sum + half_difference) / np.sqrt(2), (half_sum - half_difference) / np.sqrt(2)
        rigid = np.eye(4)
        rigid[:3, :3] = np.stack([u, v, np.cross(u, v)], axis=1)
        rigid[:3, 3] = matrix[:3, 3]
        return UltrasoundCalibration((float(scale[0]), float(scale[1])), (0.0, 0.0), rigid, name)

    @property
    def image_from_pixel(self) -> np.ndarray:
        """(4, 4) float64; image space [mm] from (column, row, 0, 1)."""
        (sx, sy), (cx, cy) = self.scale_mm, self.offset_mm
        return np.array([[sx, 0, 0, cx], [0, sy, 0, cy], [0, 0, 1, 0], [0, 0, 0, 1]])

    @property
    def probe_from_pixel(self) -> np.ndarray:
        """(4, 4) float64; probe [mm] from (column, row, 0, 1)."""
        return self.probe_from_image @ self.image_from_pixel

    def image_from_probe(self, points: np.ndarray) -> np.ndarray:
        """Pixels of points of the probe: the direction in which the paper writes the equation.

        Args:
            points: (..., 3) [mm, probe].

        Returns:
            (..., 3); column, row [px] and distance in front of the image plane [mm].
        """
        matrix = np.linalg.inv(self.probe_from_pixel)
        return np.asarray(points) @ matrix[:3, :3].T + matrix[:3, 3]

    def in_probe_space(self, image_motion: np.ndarray) -> np.ndarray:
        """A motion of image space as a motion of the probe's space: C M C^-1.

        Args:
            image_motion: (..., 4, 4); rigid [mm].

        Returns:
            (..., 4, 4) float64; the same motion in coordinates of the probe [mm].
        """
        return self.probe_from_image @ image_motion @ np.linalg.inv(self.probe_from_image)


def euler_deg(motion: np.ndarray) -> np.ndarray:
    """Euler angles of the rotation of a motion.

    Args:
        motion: (..., 4, 4) or (..., 3, 3).

    Returns:
        (..., 3) [degrees]; about the fixed x axis first, then y, then z: R = Rz Ry Rx. For a turn within the
        image, in image space, only the third is not zero.
    """
    rotation = torch.from_numpy(np.ascontiguousarray(np.asarray(motion, dtype=np.float64)[..., :3, :3]))
    return np.degrees(euler_xyz_extrinsic_from_matrix(rotation).numpy())
