"""Radiographs side by side at the size of a picture: grey, lines on them, titles above."""

from collections.abc import Sequence

import numpy as np
import torch

from DeepRegistrationLib.report.canvas import FAINT, TEXT, Board

_GAP_PX, _TOP_PX = 10, 26


def resized(values: torch.Tensor, size_px: tuple[int, int]) -> np.ndarray:
    """(rows, columns) of another size; columns, rows are given."""
    image = values.detach().cpu().float()[None, None]
    larger = torch.nn.functional.interpolate(image, size=size_px[::-1], mode="bilinear", antialias=True)
    return larger[0, 0].numpy()


def grey(values: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Values as grey, 0 to 1, by robust percentiles of what is used."""
    seen = values[used] if used.any() else values.ravel()
    low, high = np.percentile(seen, (1, 99.7))
    return np.clip((values - low) / max(high - low, 1e-12), 0, 1)


def with_lines(picture: np.ndarray, lines: np.ndarray, colour: tuple[float, float, float]) -> np.ndarray:
    """(rows, columns, 3); coloured lines (rows, columns) bool on grey or coloured pixels."""
    painted = picture.copy() if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
    painted[lines] = colour
    return painted


def draw_labelled(panels: Sequence[Sequence[tuple[str, np.ndarray]]]) -> bytes:
    """PNG of panels in rows: title and pixels, all of one size."""
    rows, columns = panels[0][0][1].shape[:2]
    width = _GAP_PX + max(len(row) for row in panels) * (columns + _GAP_PX)
    board = Board(width, len(panels) * (rows + _TOP_PX) + _GAP_PX)
    for line, row in enumerate(panels):
        for place, (title, pixels) in enumerate(row):
            x, y = _GAP_PX + place * (columns + _GAP_PX), _TOP_PX + line * (rows + _TOP_PX)
            board.paste(pixels, x, y)
            board.write(x + columns / 2, y - _TOP_PX / 2, title, FAINT if line == 0 else TEXT, 10)
    return board.to_png()
