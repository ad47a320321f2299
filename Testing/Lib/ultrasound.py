"""Ultrasound frames for tests: turned and shifted by known amounts, in a machine's picture."""

import numpy as np
import torch

from DeepRegistrationLib.data.us_phantom import moved_frame
from DeepRegistrationLib.geometry.grid import sample_plane

__all__ = ["in_machine", "moved_frame"]


def in_machine(frame, rows=300, columns=400, box=(60, 20, 240)):
    """A frame in a machine's picture of uint8: sector at (column, row) with an edge in pixels, text, grey
    bar."""
    left, top, edge = box
    picture = np.zeros((rows, columns), np.uint8)
    size = frame.shape[-1]
    along = (torch.arange(edge) + 0.5) * size / edge - 0.5
    j, i = torch.meshgrid(along, along, indexing="ij")
    tissue_pixels = sample_plane(frame[None, None], torch.stack([i, j], -1)[None], "border")[0, 0]
    picture[top : top + edge, left : left + edge] = (30 + 200 * tissue_pixels).numpy().astype(np.uint8)
    picture[100:200, columns - 20 : columns - 12] = np.linspace(255, 40, 100, dtype=np.uint8)[:, None]
    for letter in range(8):
        picture[rows - 24 : rows - 14, 70 + 14 * letter : 72 + 14 * letter] = 255
    return picture
