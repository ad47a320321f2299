"""A small plot of curves side by side.

Drawn line by line: matplotlib's axes take longer for two plots than all slices through both brains.
"""

import math
from collections.abc import Mapping, Sequence

from matplotlib.ticker import MaxNLocator

from DeepRegistrationLib.report.canvas import FAINT, TEXT, Board

_WIDTH_PX, _HEIGHT_PX = 1032, 260
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 66, 16, 34, 44
"""Around each plot: numbers at its left, title above, numbers and axis title below."""
_COLOURS = ("#ffb454", "#59c2ff", "#aad94c", "#d2a6ff")


def draw_curves(curves: Mapping[str, Sequence[float]], horizontal: str) -> bytes:
    """Draws each curve in a plot of its own.

    Args:
        curves: title -> values at 1, 2, 3...; each has at least two.
        horizontal: what is counted.

    Returns:
        PNG file.
    """
    board = Board(_WIDTH_PX, _HEIGHT_PX)
    width = _WIDTH_PX / len(curves)
    for number, (title, values) in enumerate(curves.items()):
        box = (
            number * width + _LEFT_PX,
            (number + 1) * width - _RIGHT_PX,
            _TOP_PX,
            _HEIGHT_PX - _BOTTOM_PX,
        )
        _draw_curve(board, box, values, _COLOURS[number % len(_COLOURS)])
        board.write(box[0], _TOP_PX - 16, title, TEXT, 10, align="left")
        board.write((box[0] + box[1]) / 2, _HEIGHT_PX - 12, horizontal, FAINT, 8)
    return board.to_png()


def _draw_curve(
    board: Board, box: tuple[float, float, float, float], values: Sequence[float], colour: str
) -> None:
    left, right, top, bottom = box
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.01
    low, high = low - margin, high + margin

    def to_x(count: float) -> float:
        return left + (right - left) * (count - 1 + 0.02 * len(values)) / (len(values) * 1.04 - 1)

    def to_y(value: float) -> float:
        return bottom - (bottom - top) * (value - low) / (high - low)

    for value, text in _ticks(MaxNLocator(5), low, high):
        board.line((left, right), (to_y(value), to_y(value)), FAINT, 0.5, alpha=0.3)
        board.write(left - 6, to_y(value), text, FAINT, 8, align="right")
    for count, text in _ticks(MaxNLocator(6, integer=True), 1, len(values)):
        board.line((to_x(count), to_x(count)), (top, bottom), FAINT, 0.5, alpha=0.3)
        board.write(to_x(count), bottom + 12, text, FAINT, 8)
    board.line((left, left, right), (top, bottom, bottom), FAINT, 0.8)
    counts = range(1, len(values) + 1)
    board.line([to_x(count) for count in counts], [to_y(value) for value in values], colour, 1.8)


def _ticks(locator: MaxNLocator, low: float, high: float) -> list[tuple[float, str]]:
    """Round numbers within an interval, with as many decimals as their distance has."""
    values = locator.tick_values(low, high)
    step = float(values[1] - values[0])
    decimals = next((n for n in range(9) if math.isclose(round(step, n), step, rel_tol=1e-6)), 9)
    return [(float(v), f"{v:.{decimals}f}") for v in values if low <= v <= high]
