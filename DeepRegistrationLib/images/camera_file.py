"""Camera files (JSON): the geometry of a radiograph in the form of the command line's `--geometry`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera

_SIZES = ("source_to_detector_mm", "pixel_spacing_mm", "image_size_px")
_ANGLES = ("source_to_isocenter_mm", "primary_angle_deg", "secondary_angle_deg", "isocenter_ras_mm")
_KNOWN = (*_SIZES, *_ANGLES, "principal_point_px", "camera_from_world")
# number of entries of each key that is not a single number
_LENGTHS = {"pixel_spacing_mm": 2, "image_size_px": 2, "principal_point_px": 2, "isocenter_ras_mm": 3}


def read_camera(path: Path | str) -> Camera:
    """Reads a camera file.

    The file holds `source_to_detector_mm`, `pixel_spacing_mm` (between columns, between rows),
    `image_size_px` (columns, rows), `principal_point_px` (the middle of the image if left out) and either
    the matrix `camera_from_world` or `source_to_isocenter_mm`, `primary_angle_deg`, `secondary_angle_deg` and
    `isocenter_ras_mm` (see `CArm`).

    Args:
        path: a JSON file.

    Raises:
        InputError: not there, not JSON, entries missing, unknown, contradictory or of the wrong kind.
    """
    path = Path(path)
    content = _content(path)
    unknown = sorted(set(content) - set(_KNOWN))
    missing = [key for key in _SIZES if key not in content]
    angles = [key for key in _ANGLES if key in content]
    if unknown:
        raise InputError(
            f"The camera file '{path.name}' has entries that are not known: {', '.join(unknown)}. "
            f"Known are {', '.join(_KNOWN)}."
        )
    if "camera_from_world" in content and angles:
        raise InputError(
            f"The camera file '{path.name}' holds the matrix camera_from_world and also {', '.join(angles)}; "
            "they could contradict each other. Remove one of the two."
        )
    if "camera_from_world" not in content:
        missing += [key for key in _ANGLES if key not in content]
    if missing:
        raise InputError(
            f"The camera file '{path.name}' lacks {', '.join(missing)}. Add them"
            + ("." if angles or "camera_from_world" in content else ", or the matrix camera_from_world.")
        )
    numbers = {key: _numbers(path.name, key, value) for key, value in content.items()}
    middle = tuple((np.array(numbers["image_size_px"]) - 1) / 2)
    sizes = {key: numbers[key] for key in _SIZES} | {
        "principal_point_px": numbers.get("principal_point_px", middle)
    }
    if "camera_from_world" in numbers:
        return Camera(**sizes, camera_from_world=numbers["camera_from_world"])
    c_arm = CArm(**sizes, **{key: numbers[key] for key in _ANGLES if key != "isocenter_ras_mm"})
    return c_arm.camera(numbers["isocenter_ras_mm"])


def write_camera(camera: Camera, path: Path | str) -> None:
    """Writes a camera file with the matrix; every digit comes back.

    Args:
        camera: the camera.
        path: file to be written.
    """
    Path(path).write_text(json.dumps(camera_content(camera), indent=1) + "\n", encoding="utf-8")


def camera_content(camera: Camera) -> dict[str, object]:
    """The entries of a camera file, as plain numbers and lists."""
    return {
        "source_to_detector_mm": camera.source_to_detector_mm,
        "pixel_spacing_mm": list(camera.pixel_spacing_mm),
        "image_size_px": list(camera.image_size_px),
        "principal_point_px": list(camera.principal_point_px),
        "camera_from_world": camera.camera_from_world.tolist(),
    }


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise InputError(
            f"The camera file '{path}' cannot be opened ({err.strerror}). Check the path."
        ) from err
    except ValueError as err:
        raise InputError(
            f"The camera file '{path.name}' is not JSON ({err}). "
            f"Give a file with {', '.join(_KNOWN[:3])} and so on."
        ) from err
    if not isinstance(content, dict):
        raise InputError(f"The camera file '{path.name}' must hold one JSON object with named entries.")
    return content


def _numbers(name: str, key: str, value: Any) -> Any:
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    shape = (4, 4) if key == "camera_from_world" else (_LENGTHS[key],) if key in _LENGTHS else ()
    whole = key != "image_size_px" or bool(np.all(numbers == np.round(numbers)))
    if numbers.shape != shape or not np.all(np.isfinite(numbers)) or not whole:
        kind = "whole numbers" if key == "image_size_px" else "numbers"
        size = " x ".join(map(str, shape)) or "1"
        raise InputError(
            f"'{key}' in the camera file '{name}' must be {size} {kind}; found {value!r}. Correct it."
        )
    if key == "camera_from_world":
        return numbers
    if key == "image_size_px":
        return tuple(int(n) for n in numbers)
    return numbers.item() if shape == () else tuple(numbers.tolist())
