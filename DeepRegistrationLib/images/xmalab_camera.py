"""Calibration files of XMALab (MayaCam 2.0), as used for biplane fluoroscopy."""

from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera, check_rigid
from DeepRegistrationLib.geometry.camera_matrix import camera_from_projection_matrix

# heading -> number of lines and of numbers in each
_SECTIONS = {"image size": (1, 2), "camera matrix": (3, 3), "rotation": (3, 3), "translation": (3, 1)}


def read_xmalab_camera(path: Path | str, source_to_detector_mm: float) -> Camera:
    """Reads the calibration of one undistorted view.

    World is the frame of the calibration object [mm]; both views of one calibration share it. Pixel (0, 0)
    is the centre of the first pixel of the first row that the image file stores.

    Args:
        path: text file with image size, camera matrix, rotation and translation.
        source_to_detector_mm: not in the file, which knows the focal length in pixels only. Projections do
            not depend on it; lengths on the detector do.

    Raises:
        InputError: a part is missing, no number, or no camera.
    """
    path = Path(path)
    parts = _sections(path)
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[:3, 3] = parts["rotation"], parts["translation"][:, 0]
    check_rigid(world_to_camera, f"rotation in {path.name}")
    width, height = parts["image size"][0]
    projection = parts["camera matrix"] @ world_to_camera[:3]
    return camera_from_projection_matrix(projection, (int(width), int(height)), source_to_detector_mm)


def _sections(path: Path) -> dict[str, np.ndarray]:
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as err:
        raise InputError(f"The calibration file '{path}' cannot be read ({err}). Check the path.") from err
    found = {}
    for name, (rows, columns) in _SECTIONS.items():
        if name not in lines:
            raise InputError(
                f"The calibration file '{path.name}' has no part '{name}', so it is no XMALab (MayaCam 2.0) "
                "file. Export the calibration from XMALab again."
            )
        start = lines.index(name) + 1
        try:
            values = np.array([[float(x) for x in line.split(",")] for line in lines[start : start + rows]])
        except ValueError:
            values = np.empty(0)
        if values.shape != (rows, columns) or not np.all(np.isfinite(values)):
            raise InputError(
                f"The part '{name}' of the calibration file '{path.name}' must hold {rows} lines of "
                f"{columns} numbers; found {lines[start : start + rows]}. "
                "Export the calibration from XMALab again."
            )
        found[name] = values
    return found
