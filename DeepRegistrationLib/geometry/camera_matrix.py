"""A camera from a 3 x 4 projection matrix. Needs numpy only."""

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera

# pixels that are skewed by more than this many pixels across the image are refused
_LARGEST_SKEW_PX = 0.5


def camera_from_projection_matrix(
    projection: np.ndarray,
    image_size_px: tuple[int, int],
    source_to_detector_mm: float | None = None,
    pixel_spacing_mm: tuple[float, float] | None = None,
    seen_ras: np.ndarray | None = None,
    tolerance: float = 0.01,
) -> Camera:
    """Takes a projection matrix apart.

    A projection matrix holds the distance of the detector in pixels only; the radiograph of an object does
    not depend on more. One of the two lengths in mm has to be known; both are checked against each other.

    Args:
        projection: (3, 4); homogeneous pixel (column, row, 1) from world RAS [mm], up to any factor.
            Its sign tells what lies before the source: the third homogeneous number must be positive there.
        image_size_px: columns, rows.
        source_to_detector_mm: distance of the detector's plane.
        pixel_spacing_mm: between columns, between rows.
        seen_ras: (3,); a point before the source. With it the sign of the matrix does not matter.
        tolerance: relative difference allowed between the two lengths.

    Returns:
        The camera; mirrored if the matrix is.

    Raises:
        InputError: no length given, both contradict each other, skewed pixels, or no camera at all.

    Source: Hartley and Zisserman, Multiple view geometry, 2nd edition, section 6.2.4.
    """
    projection = np.asarray(projection, dtype=np.float64)
    if projection.shape != (3, 4) or not np.all(np.isfinite(projection)):
        raise InputError(f"A projection matrix has 3 x 4 finite numbers; found {projection.tolist()}.")
    third = np.linalg.norm(projection[2, :3])
    if third < 1e-300 or abs(np.linalg.det(projection[:, :3] / third)) < 1e-9:
        raise InputError(
            "The projection matrix is singular or a parallel projection, so there is no point source. "
            "Check its rows."
        )
    projection = projection / third  # the third row of a rotation is a unit vector
    if seen_ras is not None and projection[2] @ np.append(seen_ras, 1.0) < 0:
        projection = -projection
    intrinsic, rotation = _upper_triangular_times_rotation(projection[:, :3])
    skew_px = abs(intrinsic[0, 1]) * image_size_px[1] / intrinsic[1, 1]
    if skew_px > _LARGEST_SKEW_PX:
        raise InputError(
            f"The pixels of the projection matrix are skewed by {skew_px:.2f} pixels over the image; "
            "detectors have perpendicular rows and columns. Check the calibration."
        )
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = rotation
    camera_from_world[:3, 3] = np.linalg.solve(intrinsic, projection[:, 3])
    focal = np.array([intrinsic[0, 0], intrinsic[1, 1]])
    distance, spacing = _lengths(focal, source_to_detector_mm, pixel_spacing_mm, tolerance)
    return Camera(distance, spacing, image_size_px, (intrinsic[0, 2], intrinsic[1, 2]), camera_from_world)


def _upper_triangular_times_rotation(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """K with positive diagonal, and an orthonormal R (a reflection if need be), with K R = matrix."""
    reverse = np.eye(3)[::-1]
    # reversing rows and columns turns the QR decomposition into an RQ decomposition
    orthonormal, triangular = np.linalg.qr((reverse @ matrix).T)
    intrinsic, rotation = reverse @ triangular.T @ reverse, reverse @ orthonormal.T
    signs = np.sign(np.diag(intrinsic))  # a camera has positive focal lengths
    return intrinsic * signs, rotation * signs[:, None]


def _lengths(
    focal_px: np.ndarray, distance: float | None, spacing: tuple[float, float] | None, tolerance: float
) -> tuple[float, tuple[float, float]]:
    if distance is None and spacing is None:
        raise InputError(
            "A projection matrix does not tell how far away the detector is. "
            "Give the source to detector distance or the pixel spacing [mm]."
        )
    if spacing is None:
        return distance, tuple(distance / focal_px)
    from_spacing = focal_px * spacing
    expected = float(from_spacing.mean()) if distance is None else distance
    if np.abs(from_spacing / expected - 1).max() > tolerance:
        said = "" if distance is None else f", but {distance:g} mm is given"
        raise InputError(
            f"Projection matrix and pixel spacing {list(spacing)} mm contradict each other: they put the "
            f"detector {from_spacing[0]:.1f} mm (by columns) and {from_spacing[1]:.1f} mm (by rows) from the "
            f"source{said}. Correct one of them."
        )
    # the matrix is what was calibrated: it is kept exactly
    return expected, tuple(expected / focal_px)
