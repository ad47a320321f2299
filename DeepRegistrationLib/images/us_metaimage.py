"""MetaImage sequences of PLUS and SlicerIGSIO: .igs.mha, .mha, and .mhd with a separate raw file."""

import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ultrasound_frames import FramePoses, UltrasoundFrames
from DeepRegistrationLib.images.us_grey import grey_frames

_HEADER_LIMIT = 64_000_000
_FRAME_FIELD = re.compile(r"Seq_Frame(\d+)_(\w+)")
_UNCALIBRATED = (1.0, 1.0)
"""PLUS writes this where the pixel size stands in the calibration only."""


def read_metaimage_frames(path: Path, name: str) -> UltrasoundFrames:
    """Reads frames with the poses, states and times that stand in the header.

    Args:
        path: .mha or .mhd; grey or colour; compressed or not.
        name: of the frames.

    Returns:
        The frames, as they are stored. The pixel size is None where the file says 1 mm: PLUS writes that for
        images whose calibration stands elsewhere.

    Raises:
        InputError: no MetaImage, damaged, or frame fields that do not fit the number of frames.
    """
    fields = _header(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as err:
        raise InputError(
            f"'{path.name}' cannot be read; it is damaged, or its pixel file is not beside it "
            f"(ElementDataFile = {fields.get('ElementDataFile', '?')}). Copy both again."
        ) from err
    array = sitk.GetArrayFromImage(image)
    if image.GetDimension() == 2:
        array = array[None]
    if image.GetDimension() > 3:
        raise InputError(
            f"'{name}' has {image.GetDimension()} dimensions; a sequence of flat frames has 3. "
            "Export the frames as columns x rows x frames."
        )
    values, annotated = grey_frames(array, name)
    spacing = tuple(float(s) for s in image.GetSpacing()[:2])
    poses, times = _of_frames(fields, len(values), name)
    return UltrasoundFrames(
        values=values,
        spacing_mm=None if spacing == _UNCALIBRATED else spacing,
        name=name,
        annotated=annotated,
        poses=poses,
        times_s=times,
    )


def _header(path: Path) -> dict[str, str]:
    """Fields of the text before the pixels."""
    fields = {}
    with path.open("rb") as file:
        read = 0
        for line in file:
            read += len(line)
            key, equals, value = line.decode("latin-1").partition("=")
            if not equals or read > _HEADER_LIMIT:
                break
            fields[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                return fields
    raise InputError(f"'{path.name}' is no MetaImage: its header has no ElementDataFile. Export it again.")


def _of_frames(fields: dict[str, str], count: int, name: str) -> tuple[FramePoses | None, np.ndarray | None]:
    frames: dict[int, dict[str, str]] = {}
    for key, value in fields.items():
        match = _FRAME_FIELD.fullmatch(key)
        if match:
            frames.setdefault(int(match[1]), {})[match[2]] = value
    if not frames:
        return None, None
    if len(frames) == count:
        # numbers may be left out where PLUS dropped a frame together with its image: their order counts
        ordered = [frames[number] for number in sorted(frames)]
    elif max(frames) < count:
        ordered = [frames.get(number, {}) for number in range(count)]
    else:
        raise InputError(
            f"The header of '{name}' describes {len(frames)} frames, but there are {count} images. "
            "Record or export the sequence again."
        )
    names = sorted({key for frame in ordered for key in frame if key.endswith("Transform")})
    transforms, valid = {}, {}
    for key in names:
        matrices = np.stack([_matrix(frame.get(key), key, name) for frame in ordered])
        # without a state the transform counts as measured; a frame without the transform does not
        states = np.array([key in frame and frame.get(f"{key}Status", "OK") == "OK" for frame in ordered])
        transforms[key.removesuffix("Transform")], valid[key.removesuffix("Transform")] = matrices, states
    times = None
    if all("Timestamp" in frame for frame in ordered):
        times = np.array([float(frame["Timestamp"]) for frame in ordered])
    return (FramePoses(transforms, valid) if transforms else None), times


def _matrix(text: str | None, key: str, name: str) -> np.ndarray:
    if text is None:
        return np.eye(4)
    try:
        numbers = np.array(text.split(), dtype=np.float64)
        matrix = numbers.reshape(4, 4)
    except ValueError as err:
        raise InputError(
            f"In the header of '{name}' the field {key} does not hold the 16 numbers of a 4x4 matrix. "
            "Record or export the sequence again."
        ) from err
    return matrix
