"""A C-arm from the numbers that are written on it: distances and angles. Needs numpy only."""

from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera, camera_from_detector


@dataclass(frozen=True)
class CArm:
    """Distances and angles of a C-arm, relative to the patient.

    Angles 0, 0: the detector in front of the patient's chest, the source behind the back. The image is shown
    as seen from the detector, with the head up: the patient's left side is on the right.

    Attributes:
        source_to_detector_mm: from the focal spot to the detector's plane.
        source_to_isocenter_mm: from the focal spot to the point about which the C-arm turns.
        primary_angle_deg: +90 has the detector at the patient's left (LAO), -90 at the right (RAO).
        secondary_angle_deg: +90 has the detector at the patient's head (cranial), -90 at the feet (caudal).
        pixel_spacing_mm: on the detector, between columns and between rows.
        image_size_px: columns, rows.
        principal_point_px: column and row at which the central ray arrives; None is the middle of the image.

    Raises:
        InputError: the isocentre does not lie between source and detector, or an angle is no angle.

    Source of the angles: DICOM PS3.3 C.8.7.5.1.2.
    """

    source_to_detector_mm: float
    source_to_isocenter_mm: float
    primary_angle_deg: float
    secondary_angle_deg: float
    pixel_spacing_mm: tuple[float, float]
    image_size_px: tuple[int, int]
    principal_point_px: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.source_to_isocenter_mm < self.source_to_detector_mm:
            raise InputError(
                "The isocentre must lie between source and detector; found a source to isocentre distance of "
                f"{self.source_to_isocenter_mm:g} mm and a source to detector distance of "
                f"{self.source_to_detector_mm:g} mm. Check whether the two were exchanged."
            )
        if not (abs(self.primary_angle_deg) <= 180 and abs(self.secondary_angle_deg) <= 180):
            raise InputError(
                f"The angles must be between -180 and 180 degrees; found {self.primary_angle_deg:g} "
                f"(primary) and {self.secondary_angle_deg:g} (secondary). Correct them."
            )

    def camera(self, isocenter_ras: np.ndarray) -> Camera:
        """The camera that turns about a point of the patient.

        Args:
            isocenter_ras: (3,) [mm, RAS].
        """
        turned = _about_z(self.primary_angle_deg) @ _about_x(self.secondary_angle_deg)
        # at angles 0, 0: columns grow towards the patient's left, rows towards the feet, and the beam runs
        # from back to front; x, y, z are left-handed because the image is seen from the detector
        columns, rows, beam = turned @ [-1.0, 0.0, 0.0], turned @ [0.0, 0.0, -1.0], turned @ [0.0, 1.0, 0.0]
        source = np.asarray(isocenter_ras, dtype=np.float64) - self.source_to_isocenter_mm * beam
        if self.principal_point_px is None:
            principal = (np.array(self.image_size_px) - 1) / 2  # the middle between the first and last centre
        else:
            principal = np.array(self.principal_point_px)
        to_origin = -principal * self.pixel_spacing_mm
        origin = (
            source + self.source_to_detector_mm * beam + to_origin[0] * columns + to_origin[1] * rows
        )  # centre of pixel (0, 0)
        return camera_from_detector(source, origin, columns, rows, self.pixel_spacing_mm, self.image_size_px)


def _about_z(degrees: float) -> np.ndarray:
    """Turns the patient's front (+y) towards the patient's left (-x): counterclockwise seen from the head."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _about_x(degrees: float) -> np.ndarray:
    """Turns the patient's front (+y) towards the head (+z)."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]])
