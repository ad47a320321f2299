"""Frames on the grid that networks and refinement see: square pixels, the sector in the middle."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_blocks import block_means

_BORDER = 0.5
"""A working pixel belongs to the sector where more than this share of it does."""


@dataclass(frozen=True, eq=False)
class WorkingFrames:
    """N frames on an n x n grid.

    Attributes:
        values: (N, 1, n, n) float32; 0 to 1 for the range of the file, 0 outside the sector.
        mask: (1, 1, n, n) float32; 1 in the sector, 0 outside.
        pitch_mm: edge of a working pixel [mm; pixels of the file if nobody told their size].
        centre_mm: (2,) float64; image space position (u, v) of the middle of the grid [mm].
    """

    values: torch.Tensor
    mask: torch.Tensor
    pitch_mm: float
    centre_mm: torch.Tensor

    @property
    def size(self) -> int:
        """Pixels n along each edge."""
        return self.values.shape[-1]

    def to(self, device: torch.device) -> "WorkingFrames":
        """The same frames on a device."""
        return WorkingFrames(self.values.to(device), self.mask.to(device), self.pitch_mm, self.centre_mm)


def working_frames(frames: UltrasoundFrames, mask: torch.Tensor, size: int) -> WorkingFrames:
    """Brings the sector of all frames onto a small grid; blocks of pixels are averaged, so nothing aliases.

    Args:
        frames: any size, pixels of any shape.
        mask: (rows, columns) bool; the sector.
        size: pixels n along each edge of the grid.

    Returns:
        Frames; the longer edge of the sector's bounding box fills the grid.
    """
    su, sv = frames.spacing_mm or (1.0, 1.0)
    rows, columns = (torch.nonzero(mask.any(axis))[:, 0] for axis in (1, 0))
    (top, bottom), (left, right) = ((int(found[0]), int(found[-1]) + 1) for found in (rows, columns))
    width, height = (right - left) * su, (bottom - top) * sv
    pitch = max(width, height) / size
    # pixel edges lie half a pixel before the centre of the first one
    centre = torch.tensor([(left - 0.5) * su + width / 2, (top - 0.5) * sv + height / 2], dtype=torch.float64)
    blocks = max(1, int(pitch / su)), max(1, int(pitch / sv))
    # whole blocks around the sector: nothing else is looked at
    first = top // blocks[1] * blocks[1], left // blocks[0] * blocks[0]
    cut = tuple(
        slice(start, -(-end // block) * block)
        for start, end, block in zip(first, (bottom, right), blocks[::-1], strict=True)
    )
    corner = torch.tensor([first[1] * su, first[0] * sv], dtype=torch.float64)
    grid = _positions(size, pitch, centre - corner, (su, sv), blocks)
    inside = mask[cut].to(torch.float32)[None, None]
    share = sample_plane(block_means(inside, blocks[::-1]), grid)  # (1, 1, n, n)
    kept = (share > _BORDER).to(torch.float32)
    low, high = frames.darkest.min(), frames.brightest.max()
    given, weight = frames.values[(slice(None), *cut)], share.clamp(min=_BORDER) * (high - low)
    values = torch.empty(len(frames), 1, size, size)
    for k, frame in enumerate(given):  # one frame after the other stays in the cache
        small = sample_plane(block_means(frame[None, None] * inside, blocks[::-1]), grid)
        # what lies outside the sector does not darken the pixels at its border
        values[k] = (small[0] - low * share[0]) / weight[0] * kept[0]
    return WorkingFrames(values, kept, pitch, centre)


def _positions(
    size: int, pitch: float, centre: torch.Tensor, spacing: tuple[float, float], blocks: tuple[int, int]
) -> torch.Tensor:
    """(1, n, n, 2); indices (i, j) of the working pixels in the image of block means."""
    along = (torch.arange(size, dtype=torch.float64) - (size - 1) / 2) * pitch
    # the centre of block b lies at pixel b * block + (block - 1) / 2
    u, v = (
        ((centre[axis] + along) / spacing[axis] - (blocks[axis] - 1) / 2) / blocks[axis] for axis in (0, 1)
    )
    j, i = torch.meshgrid(v, u, indexing="ij")
    return torch.stack([i, j], dim=-1)[None].float()
