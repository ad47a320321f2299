"""Grey values of pictures that are stored in colour, and which of their pixels really are coloured."""

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError

_COLOURED = 40
"""Difference between the channels [of 255]; compression colours grey by up to 25."""


def grey_frames(array: np.ndarray, name: str) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Frames as grey values.

    Args:
        array: (N, rows, columns) or (N, rows, columns, C) of any number type; C is 1, 3 or 4 (red, green,
            blue and opacity, which is dropped).
        name: of the file, named in the error.

    Returns:
        (N, rows, columns) float32, and (rows, columns) bool: True where any frame is coloured; None for grey
        files.

    Raises:
        InputError: another number of channels.
    """
    if array.ndim == 4 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim == 3:
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C")), None
    if array.ndim != 4 or array.shape[-1] not in (3, 4):
        raise InputError(
            f"'{name}' has {array.shape[-1]} values per pixel; ultrasound frames are grey or red, green, "
            "blue. Export the frames as grey images."
        )
    colours = array[..., :3]
    scale = 255 if array.dtype.kind in "ui" and array.dtype.itemsize == 1 else max(float(colours.max()), 1e-9)
    spread = colours.max(-1).astype(np.float32) - colours.min(-1)
    coloured = (spread > _COLOURED / 255 * scale).any(0)
    grey = np.ascontiguousarray(colours.mean(-1), dtype=np.float32)
    return torch.from_numpy(grey), torch.from_numpy(coloured)
