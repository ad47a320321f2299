"""Straight collimator blades in a radiograph: four edges of one rectangle, at any angle.

Behind a blade some X-rays still arrive, scatter above all, so it has no single grey value. What gives it away
is its edge: along its whole length the field is brighter than what lies beyond, by whatever amount.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_SIZE_PX = 128  # edges of blades are long; they are looked for in a small image
_ANGLES_DEG = (*range(-26, 28, 2),)
"""Blades that are turned further are rare, and corners that are dark for another reason are not."""
_ALONG = 9  # pixels along an edge that are averaged
_CLEAR = 0.03  # difference across an edge, in ranks, that counts
_FIRST_SHARE, _LAST_SHARE = 0.45, 0.85
"""Part of an edge's length that must be clear: before its ends are known, and after."""
_MIN_DIFFERENCE = 0.07  # mean of an edge, in ranks
_MIN_FIELD = 0.3  # of the image, along each direction
_MIN_AREA = 0.3  # of the image
_NEEDED = {4: 0.15, 3: 0.2, 2: 0.3}
"""Mean difference that so many edges must have, in ranks: one straight edge may be anything."""
_MIN_LENGTH = 0.45  # of the image, that each edge must have


@dataclass(frozen=True, eq=False)
class Blades:
    """Blades that were found.

    Attributes:
        mask: (rows, columns) bool; True inside of all of them.
        count: number of blades, 2 to 4.
        angle_deg: of the blades, from columns towards rows.
        difference: mean difference across their edges, in ranks of the grey values (0 to 1).
    """

    mask: np.ndarray
    count: int
    angle_deg: float
    difference: float


def find_blades(values: np.ndarray, field: np.ndarray, dark_outside: bool) -> Blades | None:
    """Finds blades inside of a field.

    Args:
        values: (rows, columns) floating.
        field: (rows, columns) bool; pixels outside are ignored.
        dark_outside: small numbers lie beyond the blades; else large ones.

    Returns:
        The blades, or None if no edge is clear along its whole length.
    """
    factor = max(1, int(np.ceil(max(values.shape) / _SIZE_PX)))
    rows, columns = (n // factor for n in values.shape)
    blocks = (slice(0, rows * factor), slice(0, columns * factor))
    grey = values[blocks].reshape(rows, factor, columns, factor).mean((1, 3))
    valid = field[blocks].reshape(rows, factor, columns, factor).all((1, 3))
    if valid.sum() < 100:
        return None
    ranks = _ranks(grey if dark_outside else -grey, valid)
    tried = [_Turned(ranks, valid, angle) for angle in _ANGLES_DEG]
    best = max(tried, key=lambda turned: turned.score)
    if best.score > 0:
        best = max(
            (_Turned(ranks, valid, best.angle_deg + change) for change in (-1.0, -0.5, 0.0, 0.5, 1.0)),
            key=lambda turned: turned.score,
        )
    if best.difference < _NEEDED.get(len(best.edges), np.inf) or best.shortest < _MIN_LENGTH:
        return None
    inside = best.inside(values.shape, factor)
    beyond = field & ~inside
    small = inside[blocks][::factor, ::factor]
    # beyond a blade lies the end of the grey scale: at least most of it
    beyond_ranks = ranks[valid & ~small]
    if not beyond.any() or inside.mean() < _MIN_AREA or not beyond_ranks.size:
        return None
    if np.median(beyond_ranks) > max(0.35, beyond_ranks.size / valid.sum()):
        return None
    return Blades(inside, len(best.edges), best.angle_deg, best.difference)


def _ranks(grey: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Share of the valid pixels that are smaller: the same for every grey curve."""
    ordered = np.sort(grey[valid])
    below = np.searchsorted(ordered, grey, "left") + np.searchsorted(ordered, grey, "right")
    return below / (2 * len(ordered))


class _Turned:
    """The image turned so that the blades lie along rows and columns, and their edges in it."""

    def __init__(self, ranks: np.ndarray, valid: np.ndarray, angle_deg: float) -> None:
        self.angle_deg = angle_deg
        self.shape_px = ranks.shape
        self.size = int(np.ceil(np.hypot(*ranks.shape))) + 2
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        # turned (row, column) -> image (row, column); `angle` goes from columns towards rows
        self.matrix = np.array([[c, s], [-s, c]])
        middle = (np.array(ranks.shape) - 1) / 2
        offset = middle - self.matrix @ np.full(2, (self.size - 1) / 2)
        place = {"matrix": self.matrix, "offset": offset, "output_shape": (self.size, self.size)}
        weight = ndimage.affine_transform(valid.astype(float), order=1, **place)
        image = ndimage.affine_transform(ranks, order=1, mode="nearest", **place)
        self.valid = weight > 0.99
        across = [_differences(image, self.valid), _differences(image.T, self.valid.T)]
        self.limits = [0, self.size, 0, self.size]  # left, right, top, bottom: first and last + 1 inside
        for share in (_FIRST_SHARE, _LAST_SHARE):
            self.edges = self._edges(across, share)
        self.difference = float(np.mean([d for d, _ in self.edges.values()])) if self.edges else 0.0
        self.shortest = min((length for _, length in self.edges.values()), default=0.0) / max(ranks.shape)
        self.score = float(sum(d * length for d, length in self.edges.values())) / self.size

    def _edges(self, across: list, share: float) -> dict[int, tuple[float, float]]:
        """Moves the limits to the edges that are clear; their mean difference and length."""
        found, limits = {}, list(self.limits)
        for side in range(4):
            difference, known = across[side // 2]
            sign = 1 if side % 2 == 0 else -1  # beyond the first limit it is darker on the way in
            low, high = self.limits[2:] if side < 2 else self.limits[:2]
            part, there = sign * difference[low:high], known[low:high]
            count = there.sum(0)
            clear = np.where(there, part > _CLEAR, False).sum(0) / np.maximum(count, 1)
            mean = np.where(there, np.clip(part, -0.5, 0.5), 0).sum(0) / np.maximum(count, 1)
            good = (clear >= share) & (mean > _MIN_DIFFERENCE * share) & (count > 0.25 * (high - low))
            if good.any():
                where = int(np.argmax(np.where(good, mean * np.sqrt(count), 0)))
                found[side] = (float(mean[where]), float(count[where]))
                limits[side] = where if side % 2 == 0 else where + 1
            else:
                limits[side] = 0 if side % 2 == 0 else self.size
        if min(limits[1] - limits[0], limits[3] - limits[2]) < _MIN_FIELD * max(self.shape_px):
            self.limits = [0, self.size, 0, self.size]
            return {}
        self.limits = limits
        return found

    def inside(self, shape_px: tuple[int, int], factor: int) -> np.ndarray:
        """(rows, columns) bool on the full image; the blurred edges are left out."""
        rows, columns = np.indices(shape_px)
        middle = (np.array(self.shape_px) - 1) / 2
        # centre of a pixel in the small image; blocks begin at the first pixel's edge
        row, column = (rows + 0.5) / factor - 0.5 - middle[0], (columns + 0.5) / factor - 0.5 - middle[1]
        (c, s), centre = self.matrix[0], (self.size - 1) / 2
        turned_row, turned_column = c * row - s * column + centre, s * row + c * column + centre
        left, right, top, bottom = self.limits
        inside = np.ones(shape_px, dtype=bool)
        margin = 1.5
        if left > 0:
            inside &= turned_column >= left + margin
        if right < self.size:
            inside &= turned_column <= right - 1 - margin
        if top > 0:
            inside &= turned_row >= top + margin
        if bottom < self.size:
            inside &= turned_row <= bottom - 1 - margin
        return inside


def _differences(image: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much larger the pixels behind each column are than those before it, averaged along the column.

    Returns:
        differences (n, n); where both sides are known (n, n) bool.
    """
    weight = ndimage.uniform_filter1d(valid.astype(float), _ALONG, axis=0, mode="constant")
    mean = ndimage.uniform_filter1d(np.where(valid, image, 0), _ALONG, axis=0, mode="constant")
    mean = mean / np.maximum(weight, 1e-6)
    before, behind = np.roll(mean, 2, axis=1), np.roll(mean, -2, axis=1)
    known = np.roll(valid, 2, axis=1) & np.roll(valid, -2, axis=1)
    known[:, :2] = known[:, -2:] = False
    return behind - before, known
