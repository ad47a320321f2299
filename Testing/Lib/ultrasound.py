"""Ultrasound frames for tests: tissue with layers, a cyst and speckle, turned and shifted by known
amounts."""

import math

import numpy as np
import torch

from DeepRegistrationLib.data.us_speckle import speckle
from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.in_plane import in_plane_matrix


def tissue(points, seed=0):
    """Grey values 0 to 1 at points (..., 2) [edges of the image, from its centre]: smooth and not
    repetitive."""
    random = np.random.default_rng(seed)
    u, v = points[..., 0], points[..., 1]
    across, down, phase = random.uniform(-10, 10), random.uniform(25, 45), random.uniform(0, 6)
    value = 0.4 + 0.05 * torch.sin(down * v + across * u + phase)
    for _ in range(200):
        x, y, size = *random.uniform(-0.7, 0.7, 2), random.uniform(0.012, 0.06)
        value = value + random.uniform(-0.35, 0.35) * torch.exp(
            -((u - x) ** 2 + (v - y) ** 2) / (2 * size**2)
        )
    return value.clamp(0, 1)


def moved_frame(angle_deg, shift, size=128, seed=0, noise=0.0, noise_seed=1):
    """(size, size) frame of content that is turned and then shifted [edges] against `moved_frame(0, (0,
    0))`."""
    along = (torch.arange(size) - (size - 1) / 2) / size
    v, u = torch.meshgrid(along, along, indexing="ij")
    points = torch.stack([u, v], -1)
    matrix = in_plane_matrix(torch.tensor(math.radians(angle_deg)), torch.tensor(shift))
    source = (points - matrix[:2, 2]) @ matrix[:2, :2]  # R^-1 (x - t), as rows
    frame = tissue(source, seed)
    if noise:
        own = speckle(1, size, torch.Generator().manual_seed(noise_seed))[0, 0]
        frame = (frame * (1 + noise * own)).clamp(0, 1)
    return frame


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
