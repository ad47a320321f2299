"""Outlines of labels on a grey slice."""

from collections.abc import Sequence

import numpy as np

from DeepRegistrationLib.workflows.result import Segment

_UNNAMED = (0.7, 0.7, 0.7)
# pixels of a disk of radius 2, its centre first, so that a tie leaves a pixel as it is
_DISK = sorted(
    ((y, x) for y in range(-2, 3) for x in range(-2, 3) if y * y + x * x <= 5), key=lambda yx: yx != (0, 0)
)


def with_outlines(grey: np.ndarray, labels: np.ndarray, segments: Sequence[Segment]) -> np.ndarray:
    """Draws the inner edge of each label in its colour.

    Args:
        grey: (rows, columns); 0 to 1.
        labels: (rows, columns) integer; 0 is background.
        segments: colours; a label without a segment is grey.

    Returns:
        (rows, columns, 3) float32; 0 to 1.
    """
    smooth = _rounded(labels)
    largest = max([int(smooth.max()), *(segment.value for segment in segments)])
    colours = np.tile(np.array(_UNNAMED, dtype=np.float32), (largest + 1, 1))
    for segment in segments:
        colours[segment.value] = segment.colour
    picture = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    edge = _edges(smooth) & (smooth != 0)
    picture[edge] = colours[smooth[edge]]
    return picture


def _rounded(labels: np.ndarray) -> np.ndarray:
    """Rounds the corners of voxels: a pixel at an edge takes the label that prevails around it."""
    rows, columns = np.nonzero(_edges(labels))
    padded = np.pad(labels, 2, mode="edge")
    around = np.stack([padded[rows + 2 + y, columns + 2 + x] for y, x in _DISK])  # (D, N)
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
