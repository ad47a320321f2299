"""The transform as ITK resamples with it: fixed LPS to moving LPS, in a text file."""

from pathlib import Path

import numpy as np

from DeepRegistrationLib.geometry.frames import (
    resampling_lps_from_to_parent_ras,
    to_parent_ras_from_resampling_lps,
)
from DeepRegistrationLib.workflows.result import NamedTransform

_HEADER = "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"


def write_transform(fixed_from_moving: NamedTransform, path: Path) -> None:
    """Writes a linear transform that ITK, SimpleITK and Slicer read.

    The file holds the map from fixed to moving points in LPS, in double precision: what resampling the moving
    image onto the fixed grid needs. In Slicer, put on the moving image, it lays the image onto the fixed one.

    Args:
        fixed_from_moving: the map of points, moving RAS to fixed RAS [mm].
        path: file to write, `.tfm`.

    Raises:
        ValueError: the matrix is not finite or not affine.
    """
    matrix = np.asarray(fixed_from_moving.matrix, dtype=np.float64)
    if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise ValueError(f"not an affine 4x4 matrix: {matrix.tolist()}")
    moving_from_fixed_lps = resampling_lps_from_to_parent_ras(matrix)
    # ITK lists the 3x3 part row by row, then the translation; the centre of rotation is the origin
    parameters = [*moving_from_fixed_lps[:3, :3].ravel(), *moving_from_fixed_lps[:3, 3]]
    numbers = " ".join(repr(float(number)) for number in parameters)
    path.write_text(f"{_HEADER}Parameters: {numbers}\nFixedParameters: 0 0 0\n", encoding="ascii")


def read_transform(path: Path) -> np.ndarray:
    """Reads back what `write_transform` wrote.

    Args:
        path: file to read.

    Returns:
        (4, 4) float64; fixed RAS from moving RAS [mm].

    Raises:
        ValueError: the file holds something else.
    """
    lines = dict(
        line.split(": ", 1) for line in path.read_text(encoding="ascii").splitlines() if ": " in line
    )
    if lines.get("Transform") != "AffineTransform_double_3_3":
        raise ValueError(f"'{path}' holds no AffineTransform_double_3_3 but {lines.get('Transform')}")
    moving_from_fixed_lps = np.eye(4)
    parameters = np.array(lines["Parameters"].split(), dtype=np.float64)
    moving_from_fixed_lps[:3, :3] = parameters[:9].reshape(3, 3)
    moving_from_fixed_lps[:3, 3] = parameters[9:]
    return to_parent_ras_from_resampling_lps(moving_from_fixed_lps)
