"""Outlines of labels on a grey slice."""

from collections.abc import Sequence

import numpy as np

from DeepRegistrationLib.workflows.result import Segment

_UNNAMED = (0.7, 0.7, 0.7)
# a disk of unit radius as a few points; its centre first, so that a tie leaves a pixel as it is
_DISK = [(0.0, 0.0)] + [
    (radius * np.cos(angle), radius * np.sin(angle))
    for radius, count in ((0.5, 8), (1.0, 12))
    for angle in 2 * np.pi * np.arange(count) / count
]


def with_outlines(
    grey: np.ndarray, labels: np.ndarray, segments: Sequence[Segment], voxel_px: float
) -> np.ndarray:
    """Draws the inner edge of each label in its colour.

    Args:
        grey: (rows, columns); 0 to 1.
        labels: (rows, columns) integer; 0 is background.
        segments: colours; a label without a segment is grey.
        voxel_px: size of the labels' voxels [pixels]; corners of this size are rounded.

    Returns:
        (rows, columns, 3) float32; 0 to 1.
    """
    smooth = _rounded(_rounded(labels, voxel_px), voxel_px)
    largest = max([int(smooth.max()), *(segment.value for segment in segments)])
    colours = np.tile(np.array(_UNNAMED, dtype=np.float32), (largest + 1, 1))
    for segment in segments:
        colours[segment.value] = segment.colour
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    edge = _edges(smooth) & (smooth != 0)
    picture[edge] = colours[smooth[edge]]
    return picture


def _rounded(labels: np.ndarray, voxel_px: float) -> np.ndarray:
    """Rounds the corners of voxels: a pixel at an edge takes the label that prevails around it."""
    rows, columns = np.nonzero(_edges(labels))
    border = int(np.ceil(voxel_px))
    padded = np.pad(labels, border, mode="edge")
    offsets = np.unique(np.round(np.array(_DISK) * voxel_px).astype(int), axis=0)
    offsets = sorted(offsets.tolist(), key=lambda offset: offset != [0, 0])
    around = np.stack([padded[rows + border + y, columns + border + x] for y, x in offsets])  # (D, N)
    votes = np.stack([(around == candidate).sum(0, dtype=np.uint8) for candidate in around])  # (D, N)
    rounded = labels.copy()
    rounded[rows, columns] = around[votes.argmax(0), np.arange(len(rows))]
    return rounded


def _edges(labels: np.ndarray) -> np.ndarray:
    """True where one of the four neighbours has another label."""
    edge = np.zeros(labels.shape, dtype=bool)
    rows, columns = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= rows
    edge[:-1] |= rows
    edge[:, 1:] |= columns
    edge[:, :-1] |= columns
    return edge
