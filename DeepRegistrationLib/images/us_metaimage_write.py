"""Writing frames with a pose each as a MetaImage sequence that SlicerIGSIO and PLUS read."""

import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import RegistrationError


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
        frames: (N, rows, columns) uint8.
        spacing_mm: of the pixels; for programs that read no transforms.
        transforms: name such as "ImageToReference" -> (N, 4, 4).
        valid: (N,) bool; False marks the transforms of a frame as INVALID, so that it is left out.
        times_s: (N,); time of each frame [s].
        path: file to write.

    Raises:
        RegistrationError: the file cannot be written.
        ValueError: lengths that differ, or frames that are no uint8.
    """
    count, rows, columns = frames.shape
    lengths = {count, len(valid), len(times_s), *(len(of) for of in transforms.values())}
    if frames.dtype != np.uint8 or len(lengths) > 1:
        raise ValueError(f"frames must be uint8 and everything of one length, got {frames.dtype}, {lengths}")
    # level 1: a third of the time for files a few percent larger
    pixels = zlib.compress(np.ascontiguousarray(frames).tobytes(), 1)
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
        "ElementNumberOfChannels = 1",
        f"ElementSpacing = {spacing_mm[0]:.9g} {spacing_mm[1]:.9g} 1",
        "ElementType = MET_UCHAR",
        "Kinds = domain domain list",
        "Offset = 0 0 0",
        "TransformMatrix = 1 0 0 0 1 0 0 0 1",
        "UltrasoundImageOrientation = MF",
        "UltrasoundImageType = BRIGHTNESS",
    ]
    for k in range(count):
        field = f"Seq_Frame{k:04d}"
        state = "OK" if valid[k] else "INVALID"
        for name, matrices in transforms.items():
            numbers = " ".join(f"{number:.9g}" for number in matrices[k].ravel())
            lines += [f"{field}_{name}Transform = {numbers}", f"{field}_{name}TransformStatus = {state}"]
        lines += [f"{field}_Timestamp = {times_s[k]:.6f}", f"{field}_ImageStatus = OK"]
    lines.append("ElementDataFile = LOCAL")
    try:
        Path(path).write_bytes(("\n".join(lines) + "\n").encode("ascii") + pixels)
    except OSError as err:
        raise RegistrationError(
            f"The sequence '{path}' cannot be written ({err.strerror}). Free some space or name another "
            "folder."
        ) from err
