"""The text before the pixels of a MetaImage sequence: what PLUS says about every frame.

Needs numpy only: Slicer's process reads it too.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError

_HEADER_LIMIT = 64_000_000
_FRAME_FIELD = re.compile(r"Seq_Frame(\d+)_(\w+)")


@dataclass(frozen=True, eq=False)
class SequenceHeader:
    """What stands beside N frames.

    Attributes:
        transforms: name such as "ProbeToTracker" -> (N, 4, 4) float64; the second from the first [mm].
        valid: the same names -> (N,) bool; False where the tracker reported anything but OK.
        times_s: (N,) float64; None if not told of every frame [s].
    """

    transforms: dict[str, np.ndarray]
    valid: dict[str, np.ndarray]
    times_s: np.ndarray | None


def header_fields(path: Path) -> dict[str, str]:
    """Fields of the text before the pixels.

    Raises:
        InputError: no MetaImage.
    """
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


def sequence_header(fields: dict[str, str], count: int, name: str) -> SequenceHeader:
    """Transforms, states and times of the frames.

    Args:
        fields: of `header_fields`.
        count: number of images N.
        name: of the frames, for the text of an error.

    Raises:
        InputError: they do not fit the number of images, or hold no matrices.
    """
    frames: dict[int, dict[str, str]] = {}
    for key, value in fields.items():
        match = _FRAME_FIELD.fullmatch(key)
        if match:
            frames.setdefault(int(match[1]), {})[match[2]] = value
    if not frames:
        return SequenceHeader({}, {}, None)
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
    return SequenceHeader(transforms, valid, times)


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
