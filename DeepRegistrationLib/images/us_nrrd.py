"""Ultrasound frames in NRRD files: one frame, frames as slices, and image sequences of Slicer."""

from pathlib import Path

import nrrd
import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.frames import RAS_SIGNS_OF_SPACE
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_grey import grey_frames

_COLOUR_KINDS = {"RGB-color", "RGBA-color", "vector", "3-color", "4-color", "3-vector"}


def read_nrrd_frames(path: Path, name: str) -> UltrasoundFrames:
    """Reads frames from .nrrd or .seq.nrrd.

    Slicer stores a sequence of images with the axis of the list first; a stack has it last.

    Args:
        path: the file.
        name: of the frames.

    Returns:
        The frames, with the place of the first one.

    Raises:
        InputError: damaged, or frames that are no flat images.
    """
    try:
        array, header = nrrd.read(str(path), index_order="F")
    except (nrrd.NRRDError, OSError, EOFError, ValueError, KeyError, IndexError, AssertionError) as err:
        raise InputError(
            f"'{path.name}' cannot be read as NRRD; it is damaged or incomplete. Copy or export it again."
        ) from err
    kinds = [str(kind) for kind in header.get("kinds", ["domain"] * array.ndim)]
    colour = [axis for axis, kind in enumerate(kinds) if kind in _COLOUR_KINDS]
    listed = [axis for axis, kind in enumerate(kinds) if kind == "list"]
    space = [axis for axis in range(array.ndim) if axis not in colour + listed]
    # an axis of one pixel is the thickness of the frame; of a stack the last axis counts the frames
    flat = [axis for axis in space if array.shape[axis] > 1]
    if not listed and len(flat) == 3:
        listed, flat = [flat[2]], flat[:2]
    if len(flat) != 2 or len(listed) > 1 or len(colour) > 1:
        size = " x ".join(str(n) for n in array.shape)
        raise InputError(
            f"'{name}' ({size}) holds no flat frames. Give a sequence of images of columns x rows, or a "
            "stack."
        )
    order = [*listed, flat[1], flat[0], *colour]
    rest = [axis for axis in range(array.ndim) if axis not in order]
    frames = np.transpose(array, order + rest).reshape([array.shape[axis] for axis in order])
    if not listed:
        frames = frames[None]
    values, annotated = grey_frames(frames, name)
    spacing, ras_from_image = _place(header, array.ndim, flat, name)
    return UltrasoundFrames(values, spacing, name, annotated=annotated, ras_from_image=ras_from_image)


def _place(
    header: dict, dimensions: int, flat: list[int], name: str
) -> tuple[tuple[float, float] | None, np.ndarray | None]:
    """Pixel size and RAS from image space; None where the file does not say."""
    if "space directions" not in header:
        spacings = np.array(header.get("spacings", [np.nan] * dimensions), dtype=float)[flat]
        return ((float(spacings[0]), float(spacings[1])) if np.isfinite(spacings).all() else None), None
    directions = np.array(
        [np.full(3, np.nan) if row is None else row for row in header["space directions"]], dtype=float
    )
    space = str(header.get("space", "left-posterior-superior")).lower()
    if space not in RAS_SIGNS_OF_SPACE:
        raise InputError(
            f"'{name}' is stored in the space '{space}'; known are {', '.join(RAS_SIGNS_OF_SPACE)}. "
            "Export it again from Slicer."
        )
    signs = np.array(RAS_SIGNS_OF_SPACE[space], dtype=float)
    u, v = signs * directions[flat[0]], signs * directions[flat[1]]
    lengths = np.linalg.norm(u), np.linalg.norm(v)
    if not np.isfinite(lengths).all() or 0 in lengths:
        return None, None
    spacing = (float(lengths[0]), float(lengths[1]))
    ras_from_image = np.eye(4)
    ras_from_image[:3, :3] = np.stack([u / lengths[0], v / lengths[1], np.cross(u, v) / np.prod(lengths)], 1)
    ras_from_image[:3, 3] = signs * np.array(header.get("space origin", (0, 0, 0)), dtype=float)
    # 1 mm in both directions is what pictures get that have no calibration
    return (None if np.allclose(spacing, 1) else spacing), ras_from_image
