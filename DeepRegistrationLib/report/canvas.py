"""A picture of slices side by side: grey or coloured pixels, letters on them, written as PNG.

The pixels go straight into the canvas, only text is drawn: axes for each slice would cost ten times more.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from DeepRegistrationLib.report.planes import View

BACKGROUND = "#0b0e12"
TEXT = "#e6eaf0"
FAINT = "#8b97a6"
LETTER = "#ffc66d"
_DPI = 100
_GAP_PX = 10
_TOP_PX = 34
_LEFT_PX = 40
_INSET_PX = 10
_BAR_MM = 20.0


@dataclass(frozen=True, eq=False)
class Panel:
    """One slice of a picture.

    Attributes:
        pixels: (rows, columns) grey or (rows, columns, 3) colour, 0 to 1.
        view: for the letters at its edges.
    """

    pixels: np.ndarray
    view: View


def draw_panels(rows: list[tuple[str, list[Panel]]], pixel_mm: float) -> bytes:
    """Draws slices in rows and columns on a dark ground that suits light and dark pages.

    Args:
        rows: title of the row and its slices; every row has the same views.
        pixel_mm: size of a pixel, for the scale bar [mm].

    Returns:
        PNG file.
    """
    widths = [panel.pixels.shape[1] for panel in rows[0][1]]
    heights = [max(panel.pixels.shape[0] for panel in panels) for _, panels in rows]
    width = _LEFT_PX + sum(widths) + _GAP_PX * len(widths)
    height = _TOP_PX + sum(heights) + _GAP_PX * len(heights)
    board = Board(width, height)
    top = _TOP_PX
    for (title, panels), row_height in zip(rows, heights, strict=True):
        x = _LEFT_PX
        for panel in panels:
            rows_px, columns_px = panel.pixels.shape[:2]
            y = top + (row_height - rows_px) // 2
            board.paste(panel.pixels, x, y)
            board.letters(panel.view.letters, x, y, columns_px, rows_px)
            if top == _TOP_PX:
                board.write(x + columns_px / 2, _TOP_PX / 2, panel.view.name, FAINT, 11)
            x += columns_px + _GAP_PX
        board.write(_LEFT_PX / 2, top + row_height / 2, title, TEXT, 12, rotation=90)
        top += row_height + _GAP_PX
    board.scale_bar(round(_BAR_MM / pixel_mm))
    return board.to_png()


class Board:
    """Pixels with text on them; positions are counted from the upper left corner.

    Attributes:
        pixels: (rows, columns, 4) uint8.
    """

    def __init__(self, width: int, height: int) -> None:
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()
        self._width, self._height = width, height
        # the renderer's own memory, so that text lands on the pixels
        self.pixels = np.asarray(self._renderer.buffer_rgba())
        self.pixels[:] = [*(int(BACKGROUND[i : i + 2], 16) for i in (1, 3, 5)), 255]

    def to_png(self) -> bytes:
        """The finished picture as a PNG file."""
        out = io.BytesIO()
        # fast compression: these files are read once or twice, and registration is meant to feel immediate
        Image.fromarray(np.ascontiguousarray(self.pixels[..., :3])).save(out, format="png", compress_level=1)
        return out.getvalue()

    def paste(self, pixels: np.ndarray, x: int, y: int) -> None:
        """Puts grey (rows, columns) or coloured (rows, columns, 3) pixels, 0 to 1."""
        colours = (pixels if pixels.ndim == 3 else pixels[..., None]) * 255 + 0.5
        self.pixels[y : y + pixels.shape[0], x : x + pixels.shape[1], :3] = colours.astype(np.uint8)

    def write(
        self,
        x: float,
        y: float,
        text: str,
        colour: str,
        size: float,
        rotation: float = 0,
        align: str = "center",
    ) -> None:
        """Writes text, vertically centred at y; `align` says which part of it is at x."""
        written = self._figure.text(
            x / self._width,
            1 - y / self._height,
            text,
            color=colour,
            fontsize=size,
            rotation=rotation,
            ha=align,
            va="center",
        )
        written.draw(self._renderer)

    def line(
        self, x: Sequence[float], y: Sequence[float], colour: str, width: float, alpha: float = 1.0
    ) -> None:
        """Draws a line through points."""
        places = np.array(x) / self._width, 1 - np.array(y) / self._height
        line = Line2D(*places, color=colour, linewidth=width, alpha=alpha, transform=self._figure.transFigure)
        line.set_figure(self._figure)
        line.draw(self._renderer)

    def letters(self, letters: tuple[str, ...], x: int, y: int, width: int, height: int) -> None:
        """Writes what is at the left, right, top and bottom edge of a slice."""
        places = (
            (x + _INSET_PX, y + height / 2),
            (x + width - _INSET_PX, y + height / 2),
            (x + width / 2, y + _INSET_PX),
            (x + width / 2, y + height - _INSET_PX),
        )
        for letter, (letter_x, letter_y) in zip(letters, places, strict=True):
            row, column = int(letter_y), int(letter_x)
            ground = self.pixels[row - 8 : row + 9, column - 8 : column + 9, :3]
            ground[:] = ground * 0.35  # a letter on a bright brain stays readable
            self.write(letter_x, letter_y, letter, LETTER, 9)

    def scale_bar(self, length_px: int) -> None:
        """Draws the scale at the lower right."""
        right, bottom = self._width - _GAP_PX - 8, self._height - _GAP_PX - 8
        self.pixels[bottom - 2 : bottom, right - length_px : right, :3] = 230
        self.write(right - length_px / 2, bottom - 11, f"{_BAR_MM:g} mm", TEXT, 8)
