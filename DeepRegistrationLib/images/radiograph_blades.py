"""Straight collimator blades in a radiograph: edges of one rectangle, at any angle.

Behind a blade some X-rays still arrive, scatter above all: behind a thick patient hardly fewer than beside
the blade. What gives a blade away is its edge. However low it is, along its whole length it is straight,
steeper than everything near it, and the shadow lies outside. Outlines of patients are the other way round.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_SIZE_PX = 128  # edges of blades are long; they are looked for in a small image
_ANGLES_DEG = (*range(-26, 28, 2),)
"""Blades that are turned further are rare, and corners that are dark for another reason are not."""
_ALONG = 9  # pixels along an edge that are averaged
_ACROSS = 17  # pixels across an edge that it is compared with
_CLIP = 1.5
"""A step counts fully that is so many times as high as the root mean square of those near by; a lone edge is
twice as high."""
_LEAST_MEAN = 0.6
"""Mean evidence that makes a stretch of a line longer; blades reach 0.95 and more, anatomy rarely 0.8."""
_SURE_MEAN, _BESIDE_SURE_MEAN = 0.93, 0.8
"""The same that a blade must have between its neighbours; and one that lies along or across a sure one."""
_MIN_SHADOW = 0.85
"""Part of what lies beyond a blade that is darker than the field is beside it: beyond the edge of a bone
there are soft tissue and air again."""
_MIN_LENGTH = 0.3  # of the image
_MIN_FIELD = 0.3  # of the image, along each direction
_BEYOND_MIDDLE = 0.2  # of the image: so far a blade may reach over it
_LEFT_BY_ONE, _LEFT_BY_SEVERAL = 0.5, 0.3
"""Part of the image that is left inside: one straight edge may be anything."""
_MARGIN_PX = 1.5  # of the small image: penumbra


@dataclass(frozen=True, eq=False)
class Blades:
    """Blades that were found.

    Attributes:
        mask: (rows, columns) bool; True inside of all of them.
        count: number of blades, 1 to 4.
        angle_deg: of the blades, from columns towards rows.
        evidence: length of all edges, in lengths of the image, times how clear they are (0 to 1).
    """

    mask: np.ndarray
    count: int
    angle_deg: float
    evidence: float


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
    ranks = _ranks(-grey if dark_outside else grey, valid)
    best = max((_Turned(ranks, valid, angle) for angle in _ANGLES_DEG), key=lambda turned: turned.evidence)
    if best.evidence == 0:
        return None
    near = (best.angle_deg + change for change in (-1.0, -0.5, 0.0, 0.5, 1.0))
    best = max((_Turned(ranks, valid, angle) for angle in near), key=lambda turned: turned.evidence)
    inside = best.inside(values.shape, factor)
    if inside.mean() < (_LEFT_BY_ONE if best.count == 1 else _LEFT_BY_SEVERAL):
        return None
    return Blades(inside, best.count, best.angle_deg, best.evidence)


def _ranks(grey: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Share of the valid pixels that are smaller: the same for every grey curve."""
    ordered = np.sort(grey[valid])
    below = np.searchsorted(ordered, grey, "left") + np.searchsorted(ordered, grey, "right")
    return below / (2 * len(ordered))


class _Turned:
    """The image turned so that the blades lie along rows and columns, and the blades in it.

    Args:
        ranks: (rows, columns); larger behind blades.
        valid: (rows, columns) bool.
        angle_deg: from columns towards rows.
    """

    def __init__(self, ranks: np.ndarray, valid: np.ndarray, angle_deg: float) -> None:
        self.angle_deg = angle_deg
        self.shape_px = ranks.shape
        self.longest = max(ranks.shape)
        self.size = int(np.ceil(np.hypot(*ranks.shape))) + 2
        c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
        # turned (row, column) -> image (row, column); `angle` goes from columns towards rows
        self.matrix = np.array([[c, s], [-s, c]])
        middle = (np.array(ranks.shape) - 1) / 2
        offset = middle - self.matrix @ np.full(2, (self.size - 1) / 2)
        place = {"matrix": self.matrix, "offset": offset, "output_shape": (self.size, self.size)}
        known = ndimage.affine_transform(valid.astype(float), order=1, **place) > 0.99
        image = ndimage.affine_transform(ranks, order=1, mode="nearest", **place)
        self._images = [(_along_mean(image, known), known), (_along_mean(image.T, known.T), known.T)]
        self._across = [_steps(*pair) for pair in self._images]
        self.limits = [0, self.size, 0, self.size]  # left, right, top, bottom: first and last + 1 inside
        sides = self._place_blades()
        sure = {side for side in sides if self._length(side, _SURE_MEAN)}
        least = _BESIDE_SURE_MEAN if sure else _SURE_MEAN
        lengths = {side: self._length(side, least) for side in sides}
        for side in sides:
            if not lengths[side]:
                self.limits[side] = 0 if side % 2 == 0 else self.size
        self.count = sum(length > 0 for length in lengths.values())
        self.evidence = sum(lengths.values()) / self.longest

    def _line(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Evidence of all lines on one side, (n, columns), between the neighbouring blades; where known."""
        steps, known = self._across[side // 2]
        first, last = self.limits[2:] if side < 2 else self.limits[:2]
        # the shadow is on the way out: to the left and to the top it lies before the line
        return (-steps if side % 2 == 0 else steps)[first:last], known[first:last]

    def _place_blades(self) -> list[int]:
        """Puts one blade after the other where the clearest edge is; sides that have one."""
        placed: list[int] = []
        while len(placed) < 4:
            gains = {side: self._gains(side) for side in range(4) if side not in placed}
            side = max(gains, key=lambda s: gains[s].max())
            if gains[side].max() < 0.8 * _MIN_LENGTH * self.longest * (1 - _LEAST_MEAN):
                break
            line = int(gains[side].argmax())
            self.limits[side] = line if side % 2 == 0 else line + 1
            placed.append(side)
        return placed

    def _gains(self, side: int) -> np.ndarray:
        """(n,); of each line the largest sum of evidence above the least along one stretch."""
        steps, known = self._line(side)
        sums = np.cumsum(np.where(known, steps - _LEAST_MEAN, 0.0), 0)
        sums = np.vstack([np.zeros(self.size), sums])
        gains = (sums - np.minimum.accumulate(sums, 0)).max(0)
        place, outwards = np.arange(self.size), -1 if side % 2 == 0 else 1
        opposite = self.limits[side ^ 1]
        leaves = outwards * (place - opposite) >= _MIN_FIELD * self.longest
        on_its_side = outwards * (place - self.size / 2) >= -_BEYOND_MIDDLE * self.longest
        return np.where(leaves & on_its_side, gains, 0.0)

    def _length(self, side: int, least_mean: float) -> float:
        """Length of a blade between its neighbours times its evidence; 0 if it is none."""
        steps, known = self._line(side)
        line = self.limits[side] - side % 2
        there = known[:, line]
        mean = steps[there, line].mean() if there.any() else 0.0
        clear = mean >= least_mean and there.sum() >= _MIN_LENGTH * self.longest
        return float(mean * there.sum()) if clear and self._shadow(side) >= _MIN_SHADOW else 0.0

    def _shadow(self, side: int) -> float:
        """Part of the pixels beyond a blade that are darker than the field just inside of it."""
        image, known = self._images[side // 2]
        first, last = self.limits[2:] if side < 2 else self.limits[:2]
        line, outwards = self.limits[side] - side % 2, -1 if side % 2 == 0 else 1
        within = line - 3 * outwards
        beyond = slice(0, max(line - 2, 0)) if outwards < 0 else slice(line + 3, self.size)
        there = known[first:last, beyond] & known[first:last, within, None]
        # an edge at the very border has nothing beyond that could contradict it
        return (
            float((image[first:last, beyond] > image[first:last, within, None])[there].mean())
            if there.any()
            else 1.0
        )

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
        if left > 0:
            inside &= turned_column >= left + _MARGIN_PX
        if right < self.size:
            inside &= turned_column <= right - 1 - _MARGIN_PX
        if top > 0:
            inside &= turned_row >= top + _MARGIN_PX
        if bottom < self.size:
            inside &= turned_row <= bottom - 1 - _MARGIN_PX
        return inside


def _along_mean(image: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(n, n); means of neighbours along each column that are valid."""
    weight = ndimage.uniform_filter1d(valid.astype(float), _ALONG, axis=0, mode="constant")
    mean = ndimage.uniform_filter1d(np.where(valid, image, 0), _ALONG, axis=0, mode="constant")
    return mean / np.maximum(weight, 1e-6)


def _steps(mean: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How much each column is a sharp edge: 1 for a lone rise from left to right, -1 for a fall.

    Args:
        mean: (n, n); averaged along the columns.
        valid: (n, n) bool.

    Returns:
        evidence (n, n) from -1 to 1; where both sides are known (n, n) bool.
    """
    known = np.roll(valid, 2, axis=1) & np.roll(valid, -2, axis=1)
    known[:, :2] = known[:, -2:] = False
    rise = np.where(known, np.roll(mean, -2, axis=1) - np.roll(mean, 2, axis=1), 0.0)
    # scatter and soft tissue rise slowly
    near = np.maximum(_across_mean(known.astype(float)), 1e-6)
    sharp = np.where(known, rise - _across_mean(rise) / near, 0.0)
    typical = np.sqrt(np.maximum(_across_mean(sharp**2), 0.0) / near)
    return np.clip(sharp / np.maximum(_CLIP * typical, 1e-6), -1, 1), known


def _across_mean(values: np.ndarray) -> np.ndarray:
    return ndimage.uniform_filter1d(values, _ACROSS, axis=1, mode="constant")
