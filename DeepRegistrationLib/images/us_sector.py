"""Where in an ultrasound frame the tissue is: the sector, without rulers, text and borders."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames

_DARK = 0.02
"""Of the brightest value: what lies below in every frame is background."""
_GAP, _TEXT = 0.006, 0.012
"""Of the image's longer edge: dark gaps in tissue that are bridged, and strokes that are too thin for
tissue."""
_SMALLEST, _LEAST_FILLED = 0.1, 0.6
"""Of the image, and of its own outline: a smaller or more ragged piece is no sector."""
_WORKING_EDGE = 320
"""Outlines are found on blocks of pixels, about so many along the longer edge."""
_RECTANGLE = 0.93
"""Of its bounding box: what fills more is a rectangle whose dark corners are tissue too."""
_WHITE, _STROKE_PX, _FRAMES_FOR_TEXT = 0.97, 15, 3
_MOST_TEXT = 0.06


@dataclass(frozen=True, eq=False)
class Sector:
    """The part of the frames that shows tissue.

    Attributes:
        mask: (rows, columns) bool.
        shape: "rectangle", "outline" (a fan, for instance), "given" or "whole frame".
        warning: sentence for the user; empty if all is well.
    """

    mask: torch.Tensor
    shape: str
    warning: str = ""


def find_sector(frames: UltrasoundFrames, given: torch.Tensor | None = None) -> Sector:
    """Finds the sector from all frames together.

    What is bright somewhere in time, in one large piece, is the sector; its holes and the gaps in its rows
    and columns belong to it. Letters inside it and everything coloured are left out.

    Args:
        frames: any number of frames.
        given: (rows, columns) bool; a mask that the user has drawn; only text is then taken out of it.

    Returns:
        The sector; the whole frame, with a warning, where nothing like a sector is seen.

    Raises:
        InputError: the given mask has another size or is empty.
    """
    shape = tuple(frames.values.shape[1:])
    text = _text(frames)
    if given is not None:
        if tuple(given.shape) != shape:
            raise InputError(
                f"The mask has {given.shape[1]} x {given.shape[0]} pixels, the frames {shape[1]} x "
                f"{shape[0]}. Draw the mask on one of the frames."
            )
        if not bool(given.any()):
            raise InputError("The mask of the sector is empty. Draw it again or leave it out.")
        return Sector(given & ~text, "given")
    brightest = frames.brightest.numpy()
    allowed = np.ones(shape, bool) if frames.region is None else frames.region.numpy()
    low = float(np.quantile(brightest, 0.02))
    bright = brightest - low > _DARK * (float(brightest.max()) - low)
    bright &= allowed
    if frames.annotated is not None:
        bright &= ~frames.annotated.numpy()
    piece = _largest_piece(bright)
    filled = None if piece is None else _spans(piece, 1) & _spans(piece, 0)
    if filled is None or filled.mean() < _SMALLEST or piece.sum() < _LEAST_FILLED * filled.sum():
        whole = torch.from_numpy(allowed) & ~text
        return Sector(
            whole,
            "whole frame",
            "No sector was found in the frames; everything in them was used. Give a mask of the part that "
            "shows tissue.",
        )
    rows, columns = np.nonzero(filled.any(1))[0], np.nonzero(filled.any(0))[0]
    box = np.zeros(shape, bool)
    box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
    rectangle = filled.sum() > _RECTANGLE * box.sum()
    mask = torch.from_numpy(box if rectangle else filled) & torch.from_numpy(allowed) & ~text
    return Sector(mask, "rectangle" if rectangle else "outline")


def _largest_piece(bright: np.ndarray) -> np.ndarray | None:
    """(rows, columns) bool; the largest connected piece once small gaps are bridged and thin strokes gone."""
    block = max(1, max(bright.shape) // _WORKING_EDGE)
    rows, columns = (-(-n // block) for n in bright.shape)
    padded = np.zeros((rows * block, columns * block), bool)
    padded[: bright.shape[0], : bright.shape[1]] = bright
    # most of a block is bright: single bright pixels are noise
    small = padded.reshape(rows, block, columns, block).mean((1, 3)) > 0.3
    edge, margin = max(small.shape), 8
    gap, stroke = (2 * round(_GAP * edge) + 1,) * 2, (round(_TEXT * edge) + 1,) * 2
    closed = ndimage.binary_closing(np.pad(small, margin), np.ones(gap, bool))
    opened = ndimage.binary_opening(closed[margin:-margin, margin:-margin], np.ones(stroke, bool))
    labels, count = ndimage.label(opened)
    if not count:
        return None
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    return np.kron(largest, np.ones((block, block), bool))[: bright.shape[0], : bright.shape[1]]


def _spans(piece: np.ndarray, axis: int) -> np.ndarray:
    """Everything between the first and the last pixel along an axis."""
    seen = np.maximum.accumulate(piece, axis)
    return seen & np.flip(np.maximum.accumulate(np.flip(piece, axis), axis), axis)


def _text(frames: UltrasoundFrames) -> torch.Tensor:
    """(rows, columns) bool; everything coloured, and letters: white in every frame with dark close by.

    In fewer than three frames bright tissue cannot be told from letters; there only colour counts.
    """
    coloured = (
        np.zeros(frames.values.shape[1:], bool) if frames.annotated is None else frames.annotated.numpy()
    )
    if coloured.any():
        coloured = ndimage.binary_dilation(coloured, iterations=1)
    if len(frames) < _FRAMES_FOR_TEXT:
        return torch.from_numpy(coloured)
    darkest, largest = frames.darkest.numpy(), float(frames.brightest.max())
    white = darkest >= _WHITE * largest
    if not 0 < white.mean() < _MOST_TEXT:
        return torch.from_numpy(coloured)
    nearby = ndimage.percentile_filter(darkest[::2, ::2], 20, size=_STROKE_PX // 2)
    nearby = np.repeat(np.repeat(nearby, 2, 0), 2, 1)[: white.shape[0], : white.shape[1]]
    letters = ndimage.binary_dilation(white & (nearby < 0.4 * largest), iterations=2)
    return torch.from_numpy(letters | coloured)
