"""The frames, and every change between them: RAS and LPS, to-parent and from-parent.

Inside the library the world is patient RAS (x right, y anterior, z superior), in millimetres. ITK, its files
and SimpleITK speak LPS (x left, y posterior, z superior). A map is called `target_from_source`. Slicer's
transform node on a moving image holds moving-to-fixed ("to parent"); an ITK transform file for resampling
holds fixed-to-moving. This is the only file that knows these conventions; it needs numpy only.
"""

import numpy as np

from DeepRegistrationLib.errors import InputError

# x and y change sign between RAS and LPS, z does not; the matrix is its own inverse
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
LPS_FROM_RAS = RAS_FROM_LPS

# spaces that NRRD headers name -> factors that turn x, y, z into RAS
RAS_SIGNS_OF_SPACE = {
    "right-anterior-superior": (1, 1, 1),
    "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1),
    "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1),
    "lps": (-1, -1, 1),
}


def ras_from_lps_points(points_lps: np.ndarray) -> np.ndarray:
    """Points or vectors (..., 3) from LPS to RAS [mm]; the same function goes back."""
    return np.asarray(points_lps) * np.array([-1.0, -1.0, 1.0])


def ras_map_from_lps_map(map_lps: np.ndarray) -> np.ndarray:
    """Rewrites an affine map between two LPS frames as the same map between the two RAS frames.

    Args:
        map_lps: (4, 4); target LPS from source LPS.

    Returns:
        (4, 4) float64; target RAS from source RAS. The same function goes back.
    """
    return RAS_FROM_LPS @ np.asarray(map_lps, dtype=np.float64) @ LPS_FROM_RAS


def resampling_lps_from_to_parent_ras(to_parent_ras: np.ndarray) -> np.ndarray:
    """What ITK needs to resample the moving image, from what Slicer holds on the moving node.

    Args:
        to_parent_ras: (4, 4); fixed RAS from moving RAS [mm].

    Returns:
        (4, 4) float64; moving LPS from fixed LPS [mm].
    """
    return ras_map_from_lps_map(np.linalg.inv(to_parent_ras))


def to_parent_ras_from_resampling_lps(resampling_lps: np.ndarray) -> np.ndarray:
    """What Slicer holds on the moving node, from an ITK resampling transform; the function above undone."""
    return np.linalg.inv(ras_map_from_lps_map(resampling_lps))


def ras_from_ijk_of_itk(
    origin_lps: np.ndarray, spacing_mm: np.ndarray, direction: np.ndarray, name: str = "image"
) -> np.ndarray:
    """RAS matrix of an ITK image.

    Args:
        origin_lps: (3,); position of the centre of voxel (0, 0, 0) [mm, LPS].
        spacing_mm: (3,); voxel sizes along i, j, k [mm].
        direction: (3, 3) or (9,); columns are the directions of i, j, k in LPS.
        name: named in the error.

    Returns:
        (4, 4) float64; RAS from ijk.

    Raises:
        InputError: the directions are not perpendicular or the matrix is singular.
    """
    lps_from_ijk = np.eye(4)
    lps_from_ijk[:3, :3] = np.asarray(direction, dtype=np.float64).reshape(3, 3) * np.asarray(spacing_mm)
    lps_from_ijk[:3, 3] = origin_lps
    ras_from_ijk = RAS_FROM_LPS @ lps_from_ijk
    check_axes(ras_from_ijk, name)
    return ras_from_ijk


def itk_of_ras_from_ijk(ras_from_ijk: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origin [mm, LPS], spacing [mm] and direction (3, 3) that ITK stores for this matrix."""
    lps_from_ijk = LPS_FROM_RAS @ np.asarray(ras_from_ijk, dtype=np.float64)
    spacing_mm = np.linalg.norm(lps_from_ijk[:3, :3], axis=0)
    return lps_from_ijk[:3, 3], spacing_mm, lps_from_ijk[:3, :3] / spacing_mm


def check_axes(ras_from_ijk: np.ndarray, name: str, tolerance: float = 1e-3) -> None:
    """Refuses matrices that no image grid has.

    Args:
        ras_from_ijk: (4, 4).
        name: of the image, named in the error.
        tolerance: largest cosine allowed between two axes (1e-3 is 0.06 degrees; scanners write rounded
            cosines).

    Raises:
        InputError: not finite, a spacing of zero, or sheared.
    """
    axes = np.asarray(ras_from_ijk, dtype=np.float64)[:3, :3]
    spacing_mm = np.linalg.norm(axes, axis=0)
    if not np.all(np.isfinite(ras_from_ijk)):
        raise InputError(
            f"The place of '{name}' is not known: its origin or its directions hold values that are not "
            "numbers (NaN or infinite). Correct the image header, or export the image again from its source."
        )
    if np.any(spacing_mm < 1e-6):
        raise InputError(
            f"The direction matrix of '{name}' is singular (voxel sizes "
            f"{np.round(spacing_mm, 6).tolist()} mm). "
            "Correct the image header, or export the image again from its source."
        )
    cosines = (axes / spacing_mm).T @ (axes / spacing_mm) - np.eye(3)
    worst = float(np.abs(cosines).max())
    if worst > tolerance:
        raise InputError(
            f"The axes of '{name}' are sheared: two of them are "
            f"{np.degrees(np.arcsin(min(worst, 1.0))):.1f} degrees away from perpendicular. "
            "Resample the image onto a regular grid first."
        )
