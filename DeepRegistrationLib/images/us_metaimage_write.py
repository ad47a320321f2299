"""Writing frames with a pose each, or poses alone, as MetaImage sequences that Slicer, SlicerIGSIO and PLUS
read.
"""

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import RegistrationError

_TYPES = {
    "uint8": "MET_UCHAR",
    "int16": "MET_SHORT",
    "uint16": "MET_USHORT",
    "int32": "MET_INT",
    "float32": "MET_FLOAT",
}
_TIME_STEP_S = 0.001
"""Slicer keeps three digits of a time, and one frame for each time."""


def write_metaimage_frames(
    frames: np.ndarray,
    spacing_mm: tuple[float, float],
    transforms: Mapping[str, np.ndarray],
    valid: np.ndarray,
    times_s: np.ndarray,
    path: Path | str,
) -> None:
    """Writes .igs.mha.

    SlicerIGSIO takes a transform named ImageToReference as reference mm from pixels (column, row, 0), which
    is what its volume reconstruction needs.

    Args:
        frames: (N, rows, columns) grey, or (N, rows, columns, C) with C values per pixel; uint8, int16,
            uint16, int32 or float32.
        spacing_mm: of the pixels; for programs that read no transforms.
        transforms: name such as "ImageToReference" -> (N, 4, 4).
        valid: (N,) bool; False marks the transforms of a frame as INVALID, so that it is left out.
        times_s: (N,); time of each frame [s].
        path: file to write.

    Raises:
        RegistrationError: the file cannot be written.
        ValueError: lengths that differ, or frames of another type.
    """
    count, rows, columns = frames.shape[:3]
    lengths = {count, len(valid), len(times_s), *(len(of) for of in transforms.values())}
    element = _TYPES.get(frames.dtype.name)
    if element is None or len(lengths) > 1:
        known = ", ".join(_TYPES)
        raise ValueError(f"frames must be {known}, all of one length; got {frames.dtype}, {lengths}")
    # level 1: a third of the time for files a few percent larger
    pixels = zlib.compress(np.ascontiguousarray(frames, frames.dtype.newbyteorder("<")).tobytes(), 1)
    kind = "BRIGHTNESS" if frames.ndim == 3 else "RGB_COLOR"
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "AnatomicalOrientation = RAI",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CenterOfRotation = 0 0 0",
        "CompressedData = True",
        f"CompressedDataSize = {len(pixels)}",
        f"DimSize = {columns} {rows} {count}",
        f"ElementNumberOfChannels = {frames[0, 0, 0].size}",
        f"ElementSpacing = {spacing_mm[0]:.9g} {spacing_mm[1]:.9g} 1",
        f"ElementType = {element}",
        "Kinds = domain domain list",
        "Offset = 0 0 0",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "UltrasoundImageOrientation = MF",
        f"UltrasoundImageType = {kind}",
    ]
    lines += _frame_fields(transforms, valid, times_s, ["ImageStatus = OK"])
    _write(lines, pixels, path)


def write_transform_sequence(
    transforms: Mapping[str, np.ndarray], valid: np.ndarray, times_s: np.ndarray, path: Path | str
) -> None:
    """Writes .seq.mha without an image: what Slicer's sequences of linear transforms are stored as.

    Args:
        transforms: name such as "FrameToFirst" -> (N, 4, 4); parent RAS from the RAS of what is under it
            [mm]; each becomes a sequence node of its own.
        valid: (N,) bool; for programs that look at the state of a transform; Slicer does not.
        times_s: (N,); time of each frame [s].
        path: file to write.

    Raises:
        RegistrationError: the file cannot be written.
        ValueError: lengths that differ.
    """
    lengths = {len(valid), len(times_s), *(len(of) for of in transforms.values())}
    if len(lengths) > 1:
        raise ValueError(f"everything must have one length, got {lengths}")
    lines = [
        "ObjectType = Image",
        "NDims = 3",
        "AnatomicalOrientation = RAI",
        "BinaryData = True",
        "CompressedData = False",
        f"DimSize = 0 0 {len(valid)}",
        "ElementSpacing = 1 1 1",
        "Offset = 0 0 0",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "ElementType = MET_UCHAR",
        "Kinds = domain domain list",
    ]
    _write(lines + _frame_fields(transforms, valid, times_s), b"", path)


def sequence_times(times_s: np.ndarray | None, count: int, step_s: float = 0.1) -> np.ndarray:
    """Times that Slicer can tell apart: those of the frames, or a step between frames where that fails.

    Args:
        times_s: (N,); as recorded [s]; None if nobody told.
        count: N.
        step_s: between frames without usable times [s].

    Returns:
        (N,) float64; rising [s].
    """
    if times_s is not None:
        times = np.round(np.asarray(times_s, dtype=np.float64), 3)
        if np.isfinite(times).all() and (np.diff(times) > 0.5 * _TIME_STEP_S).all():
            return times
    return np.arange(count) * step_s


def _frame_fields(
    transforms: Mapping[str, np.ndarray], valid: np.ndarray, times_s: np.ndarray, more: Sequence[str] = ()
) -> list[str]:
    lines = []
    for k, time in enumerate(times_s):
        field = f"Seq_Frame{k:04d}"
        state = "OK" if valid[k] else "INVALID"
        for name, matrices in transforms.items():
            numbers = " ".join(f"{number:.9g}" for number in matrices[k].ravel())
            lines += [f"{field}_{name}Transform = {numbers}", f"{field}_{name}TransformStatus = {state}"]
        lines += [f"{field}_{entry}" for entry in (f"Timestamp = {time:.6f}", *more)]
    return lines


def _write(lines: list[str], pixels: bytes, path: Path | str) -> None:
    lines = [*lines, "ElementDataFile = LOCAL"]
    try:
        Path(path).write_bytes(("\n".join(lines) + "\n").encode("ascii") + pixels)
    except OSError as err:
        raise RegistrationError(
            f"The sequence '{path}' cannot be written ({err.strerror}). Free some space or name another "
            "folder."
        ) from err
