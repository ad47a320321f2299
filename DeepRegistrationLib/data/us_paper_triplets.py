"""Triplets as the paper makes them: a frame and its copies turned by -theta and +theta, scaled to one size.

The whole picture is turned, so black corners turn with it, and each axis is scaled on its own.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.us_subjects import FrameSet
from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.in_plane import in_plane_matrix


@dataclass(frozen=True, eq=False)
class PaperTriplets:
    """B triplets: frames (B, 3, rows, columns), 0 to 1, and angle (B, 2) [rad] of before and after."""

    frames: torch.Tensor
    angle: torch.Tensor


def paper_triplets(
    source: FrameSet,
    chosen: torch.Tensor,
    angles_deg: Sequence[float],
    size: tuple[int, int],
    generator: torch.Generator,
    vary: float = 0.15,
) -> PaperTriplets:
    """Makes triplets.

    Args:
        source: real frames.
        chosen: (B,) int64; one frame for each triplet.
        angles_deg: theta of each triplet is one of these, each equally often [degrees].
        size: columns, rows.
        generator: source of randomness.
        vary: how far the part that is seen is smaller and off the middle, and whether it is mirrored: the
            paper had 740 frames, there are fewer here; 0 takes every frame as it is.

    Returns:
        B triplets; the angle of before is -theta, that of after +theta.

    Source: triplet paper (2020), section IV.
    """
    count, device = len(chosen), generator.device
    which = torch.arange(count, device=device) % len(angles_deg)
    theta = torch.tensor([math.radians(angle) for angle in angles_deg], device=device)[which]
    uniform = torch.rand(count, 4, generator=generator, device=device)
    part = 1 - vary * uniform[:, :1]
    offset = (uniform[:, 1:3] - 0.5) * (1 - part)
    mirror = torch.where((uniform[:, 3:] < 0.5) & (vary > 0), -1.0, 1.0)
    columns, rows = size
    u = (torch.arange(columns, device=device) + 0.5) / columns - 0.5
    v = (torch.arange(rows, device=device) + 0.5) / rows - 0.5
    grid = torch.stack(torch.meshgrid(v, u, indexing="ij")[::-1], -1).reshape(-1, 2)
    angle = torch.stack([-theta, torch.zeros_like(theta), theta], 1)  # (B, 3)
    back = in_plane_matrix(-angle, torch.zeros(count, 3, 2, device=device))[..., :2, :2]
    turned = grid @ back.mT  # (B, 3, rows columns, 2)
    pixels = source.values.shape[-1]
    flip = torch.cat([mirror, torch.ones_like(mirror)], 1)
    found = turned * (part * flip)[:, None, None] + offset[:, None, None]
    index = found * pixels + (pixels - 1) / 2
    values = _smoothed(source.values[chosen], pixels / columns, pixels / rows)
    sampled = sample_plane(values, index.flatten(1, 2))
    # outside the picture a turned copy is black
    inside = (turned.abs() <= 0.5).all(-1)
    frames = sampled.reshape(count, 3, rows, columns) * inside.reshape(count, 3, rows, columns)
    return PaperTriplets(frames, torch.stack([-theta, theta], 1))


def _smoothed(images: torch.Tensor, columns: float, rows: float) -> torch.Tensor:
    """Means over about the pixels that become one."""
    kernel = tuple(2 * (round(factor) // 2) + 1 for factor in (rows, columns))
    return torch.nn.functional.avg_pool2d(
        images, kernel, 1, tuple(edge // 2 for edge in kernel), count_include_pad=False
    )
