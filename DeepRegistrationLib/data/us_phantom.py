"""Ultrasound frames of invented tissue, turned and shifted by known amounts: for tests and tries."""

import math

import numpy as np
import torch

from DeepRegistrationLib.data.us_speckle import speckle
from DeepRegistrationLib.geometry.in_plane import in_plane_matrix


def _tissue(points: torch.Tensor, seed: int) -> torch.Tensor:
    """Grey values 0 to 1 at points (..., 2) [edges of the image, from its centre]: smooth and not
    repetitive.
    """
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


def moved_frame(
    angle_deg: float,
    shift: tuple[float, float],
    size: int = 128,
    seed: int = 0,
    noise: float = 0.0,
    noise_seed: int = 1,
) -> torch.Tensor:
    """A frame whose content is turned and then shifted against `moved_frame(0, (0, 0))`.

    Args:
        angle_deg: positive is clockwise on the screen [degrees].
        shift: along columns and rows [edges of the image].
        size: columns and rows.
        seed: of the tissue.
        noise: strength of the speckle that belongs to this frame alone.
        noise_seed: of that speckle.

    Returns:
        (size, size) float; 0 to 1.
    """
    along = (torch.arange(size) - (size - 1) / 2) / size
    v, u = torch.meshgrid(along, along, indexing="ij")
    points = torch.stack([u, v], -1)
    matrix = in_plane_matrix(torch.tensor(math.radians(angle_deg)), torch.tensor(shift))
    source = (points - matrix[:2, 2]) @ matrix[:2, :2]  # R^-1 (x - t), as rows
    frame = _tissue(source, seed)
    if noise:
        own = speckle(1, size, torch.Generator().manual_seed(noise_seed))[0, 0]
        frame = (frame * (1 + noise * own)).clamp(0, 1)
    return frame
