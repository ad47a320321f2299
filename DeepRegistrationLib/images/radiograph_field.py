"""The part of a radiograph that X-rays reached: inside of blades, shutters and round intensifier fields.

Such a field is convex, its border is sharp all around, and what lies outside of it is one end of the grey
scale and reaches the border of the image. A patient's outline is rarely all of this; the one case, a limb
across the image, is told apart by which end means much and which end means no attenuation.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

_THRESHOLDS = (0.004, 0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Of the grey range, counted from its end: how far the outside may reach into it."""
_SMALLEST_OUTSIDE = 0.004  # of the image
_SMALLEST_FIELD = 0.08
_MIN_SOLIDITY = 0.965
"""Area of the field over that of its convex hull; letters and bright marks near the border cost some."""
_MIN_JUMP = 0.015
"""Of the grey range, between both sides of the field's border, for nine tenths of it."""
_MIN_ROUND_JUMP = 0.004
"""The same for a circle, which no patient is: behind a thick one hardly more than nothing arrives."""
_ROUND_COUNTS = 10.0
_CONSTANT = 0.01  # of the grey range: noise of the electronics
_MAX_PIXELS = 256


class Outside(StrEnum):
    """What lies outside of the field."""

    DARK = "small numbers"
    BRIGHT = "large numbers"


@dataclass(frozen=True, eq=False)
class RadiographField:
    """A field that was found.

    Attributes:
        mask: (rows, columns) bool; True inside.
        outside: which end of the grey scale lies outside.
        constant: every pixel outside has nearly one value: no X-rays at all, painted over, or saturated.
        words: its shape, for the report.
        jump: of the grey values at its border, as part of their range.
    """

    mask: np.ndarray
    outside: Outside
    constant: bool
    words: str
    jump: float


def find_fields(values: np.ndarray) -> list[RadiographField]:
    """Finds what may be the field, the clearest one first.

    Args:
        values: (rows, columns) floating; a radiograph with any meaning of its pixels.

    Returns:
        At most one candidate for each end of the grey scale; empty if X-rays reached the whole image.
    """
    factor = max(1, int(np.ceil(max(values.shape) / _MAX_PIXELS)))
    small = _reduced(values, factor)
    low, high = np.percentile(small, [0.2, 99.8])
    if not high > low:
        return []
    grey = np.clip((ndimage.median_filter(small, 3) - low) / (high - low), 0, 1)
    found = []
    for outside in Outside:
        best = _best_field(grey if outside == Outside.DARK else 1 - grey)
        if best is not None:
            inside, jump = best
            beyond = grey[~ndimage.binary_dilation(inside, iterations=3)]
            constant = beyond.size > 0 and bool(np.ptp(np.percentile(beyond, [2, 98])) < _CONSTANT)
            # the blurred edge of a blade is no good pixel either
            mask = _enlarged(_eroded(inside, 2), factor, values.shape)
            found.append(RadiographField(mask, outside, constant, _shape_in_words(inside, factor), jump))
    return sorted(found, key=lambda field: -field.jump)


def _reduced(values: np.ndarray, factor: int) -> np.ndarray:
    rows, columns = (n // factor for n in values.shape)
    blocks = values[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)
    return blocks.mean((1, 3))


def _enlarged(mask: np.ndarray, factor: int, shape_px: tuple[int, int]) -> np.ndarray:
    large = mask.repeat(factor, 0).repeat(factor, 1)
    missing = [(0, n - have) for n, have in zip(shape_px, large.shape, strict=True)]
    return np.pad(large, missing, mode="edge")


def _eroded(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Erosion that leaves the border of the image alone."""
    return ndimage.binary_erosion(mask, iterations=pixels, border_value=1)


def _best_field(grey: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Mask and jump of the field around which the outside is dark; None if there is none."""
    best, best_jump, best_score = None, 0.0, 0.0
    for threshold in _THRESHOLDS:
        inside = _field_below(grey, threshold)
        if inside is None:
            continue
        hull = _convex_hull(inside)
        if hull is None or inside.sum() < _MIN_SOLIDITY * hull.sum():
            continue
        jump = _jump(grey, hull)
        is_round = _radius(hull) is not None
        # a clear border is good, but a large field is better: air beside a limb has clear borders too
        score = jump * hull.mean() ** 2 * (_ROUND_COUNTS if is_round else 1.0)
        if jump > (_MIN_ROUND_JUMP if is_round else _MIN_JUMP) and score > best_score:
            best, best_jump, best_score = hull, jump, score
    return None if best is None else (best, best_jump)


def _field_below(grey: np.ndarray, threshold: float) -> np.ndarray | None:
    """What is left when all that is dark and hangs together with the image's border is taken away."""
    parts, _ = ndimage.label(grey <= threshold)
    border = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    outside = np.isin(parts, np.unique(border[border > 0]))
    if outside.mean() < _SMALLEST_OUTSIDE:
        return None
    inside = ndimage.binary_opening(np.pad(~outside, 4, mode="edge"), iterations=2)[4:-4, 4:-4]
    parts, count = ndimage.label(inside)
    if count == 0:
        return None
    inside = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    inside = ndimage.binary_fill_holes(inside)
    return inside if _SMALLEST_FIELD <= inside.mean() < 1 - _SMALLEST_OUTSIDE else None


def _convex_hull(mask: np.ndarray) -> np.ndarray | None:
    points = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    try:
        hull = ConvexHull(points)
    except QhullError:
        return None  # a line
    # in each row, the half planes of all edges leave one interval of columns
    rows, columns = np.arange(mask.shape[0]), np.arange(mask.shape[1])
    normal_row, normal_column, offset = hull.equations.T[:, :, None]
    steep = np.abs(normal_column) > 1e-9
    crossing = -(normal_row * rows + offset) / np.where(steep, normal_column, 1.0)
    last = np.where(steep & (normal_column > 0), crossing, np.inf).min(0)
    first = np.where(steep & (normal_column < 0), crossing, -np.inf).max(0)
    last[np.any(~steep & (normal_row * rows + offset > 1e-6), axis=0)] = -np.inf
    return (columns >= first[:, None] - 1e-6) & (columns <= last[:, None] + 1e-6)


def _jump(grey: np.ndarray, inside: np.ndarray) -> float:
    """How much brighter the field is just inside of its border than just outside, for nine tenths of it."""
    distance = ndimage.distance_transform_edt(np.pad(inside, 1, mode="edge"))[1:-1, 1:-1]
    beyond = ndimage.distance_transform_edt(np.pad(~inside, 1, mode="edge"))[1:-1, 1:-1]
    within, without = (distance > 1.5) & (distance <= 4.5), (beyond > 1.5) & (beyond <= 4.5)
    if not within.any() or not without.any():
        return 0.0
    size = 9  # neighbourhood in which both sides of the border are seen
    counts = [ndimage.uniform_filter(side.astype(float), size) for side in (within, without)]
    means = [
        ndimage.uniform_filter(np.where(side, grey, 0.0), size) / np.maximum(count, 1e-6)
        for side, count in zip((within, without), counts, strict=True)
    ]
    edge = inside & ~ndimage.binary_erosion(inside, border_value=1) & (counts[0] > 0.05) & (counts[1] > 0.05)
    return float(np.percentile((means[0] - means[1])[edge], 10)) if edge.any() else 0.0


def _shape_in_words(inside: np.ndarray, factor: int) -> str:
    """A circle, a rectangle with its angle, or something else that is convex."""
    radius = _radius(inside)
    if radius is not None:
        return f"a round field with a radius of {round(radius * factor)} pixels"
    angle = _angle_of_straight_borders(inside)
    if angle is None:
        return "a convex field"
    return "a field with straight borders" + (f", turned by {angle:.0f} degrees" if abs(angle) >= 1 else "")


def _radius(inside: np.ndarray) -> float | None:
    """Radius of the circle of which the field's border is an arc [pixels]; None if it is none."""
    points = np.argwhere(inside & ~_eroded(inside, 1))
    if len(points) < 8:
        return None
    rows, columns = points.T.astype(float)
    system = np.stack([2 * columns, 2 * rows, np.ones(len(points))], 1)
    x, y, rest = np.linalg.lstsq(system, columns**2 + rows**2, rcond=None)[0]
    radius = float(np.sqrt(max(rest + x**2 + y**2, 0.0)))
    off = np.abs(np.hypot(columns - x, rows - y) - radius)
    fits = np.percentile(off, 90) < max(1.0, 0.015 * radius)
    # a larger circle would have nearly straight arcs, as blades have
    return radius if fits and 0.3 * max(inside.shape) < radius < 0.75 * max(inside.shape) else None


def _angle_of_straight_borders(inside: np.ndarray) -> float | None:
    """Angle at which a rectangle fits the field best; None if none fits."""
    points = np.argwhere(inside).astype(float)
    best_area, best_angle = np.inf, 0.0
    for angle in np.arange(-45.0, 45.0, 1.0):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        along, across = points[:, 1] * c + points[:, 0] * s, points[:, 0] * c - points[:, 1] * s
        area = (np.ptp(along) + 1) * (np.ptp(across) + 1)
        if area < best_area - 1e-9:
            best_area, best_angle = area, angle
    return best_angle if inside.sum() > 0.94 * best_area else None
