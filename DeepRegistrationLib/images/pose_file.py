"""Start poses from transform files: what ITK, SimpleITK and Slicer write for a linear transform."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import check_rigid
from DeepRegistrationLib.geometry.frames import to_parent_ras_from_resampling_lps

_KINDS = ".tfm, .txt, .mat or .h5"


def read_pose(path: Path | str) -> np.ndarray:
    """Reads a rigid transform as the pose of the moving image.

    Args:
        path: transform file of ITK, in LPS: from the fixed to the moving image, as resampling needs it and as
            Slicer saves the transform that stands on the moving image. Any centre of rotation.

    Returns:
        (4, 4) float64; fixed RAS from moving RAS [mm].

    Raises:
        InputError: not there, no transform, not linear, or not rigid.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"The transform file '{path}' does not exist. Check the path.")
    try:
        transform = sitk.ReadTransform(str(path))
        moving_from_fixed_lps = _matrix(transform)
    except RuntimeError as err:
        raise InputError(
            f"'{path.name}' is no transform file that can be read. Give a linear transform ({_KINDS}) of ITK "
            "or Slicer."
        ) from err
    if moving_from_fixed_lps is None:
        raise InputError(
            f"The transform in '{path.name}' ({transform.GetName()}) is not linear in 3D; a start pose is "
            "rigid. Give a rigid transform."
        )
    _check(moving_from_fixed_lps, path.name)
    return to_parent_ras_from_resampling_lps(moving_from_fixed_lps)


def _matrix(transform: sitk.Transform) -> np.ndarray | None:
    """(4, 4) of an affine map of points, None for other transforms."""
    if transform.GetDimension() != 3 or not transform.IsLinear():
        return None
    # by what it does to points: every kind of transform has its own parameters and centre
    corners = np.vstack([np.zeros(3), np.eye(3)])
    moved = np.array([transform.TransformPoint(corner) for corner in corners.tolist()])
    matrix = np.eye(4)
    matrix[:3, :3] = (moved[1:] - moved[0]).T
    matrix[:3, 3] = moved[0]
    return matrix


def _check(matrix: np.ndarray, name: str) -> None:
    if not np.isfinite(matrix).all() or np.linalg.det(matrix[:3, :3]) <= 0:
        raise InputError(
            f"The start pose '{name}' is singular, mirrored or holds no numbers. Give a rigid transform."
        )
    check_rigid(matrix, name)
