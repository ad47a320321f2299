"""Frames brought onto one of them, and frames put into space."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.us_result import UsAnglesResult


def aligned_frames(result: UsAnglesResult) -> torch.Tensor:
    """Every frame on the grid of the middle frame of the triplet that is reported.

    Args:
        result: of a registration.

    Returns:
        (N, rows, columns) float32; 0 where a frame ends.
    """
    frames, middle = result.frames, result.middle + 1
    frame_from_middle = np.linalg.inv(result.first_from_frame) @ result.first_from_frame[middle]
    pixel = np.diag([*(frames.spacing_mm or (1.0, 1.0)), 1.0, 1.0])
    index = np.linalg.inv(pixel) @ frame_from_middle @ pixel  # (N, 4, 4)
    rows, columns = frames.values.shape[1:]
    j, i = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    points = torch.stack([i, j, torch.ones_like(i)], -1).reshape(-1, 3).float()
    out = torch.empty_like(frames.values)
    for k, matrix in enumerate(torch.from_numpy(index[:, :2][:, :, [0, 1, 3]]).float()):
        found = (points @ matrix.T).reshape(1, rows, columns, 2)
        out[k] = sample_plane(frames.values[k][None, None], found)[0, 0]
    return out


def as_volume(frames: torch.Tensor, result: UsAnglesResult, name: str) -> Volume:
    """Frames as the slices of a volume in RAS, 1 mm apart: a sweep has no known distance between frames.

    Args:
        frames: (N, rows, columns).
        result: says how large pixels are and where the image lies.
        name: of the volume.
    """
    su, sv = result.frames.spacing_mm or (1.0, 1.0)
    ras_from_ijk = result.frames.ras_from_image @ np.diag([su, sv, 1.0, 1.0])
    return Volume(as_stored(frames), VolumeGeometry(tuple(frames.shape), ras_from_ijk), name)


def as_stored(frames: torch.Tensor) -> torch.Tensor:
    """Grey values as 8 bits, as nearly every machine stores them; others keep their type."""
    whole = frames.round()
    if float(whole.min()) >= 0 and float(whole.max()) <= 255:
        return whole.to(torch.uint8)
    return frames


def reference_from_pixel(result: UsAnglesResult, frame_distance_mm: float) -> np.ndarray:
    """Frames standing in space: turned and shifted as registered, one behind the other.

    Args:
        result: of a registration.
        frame_distance_mm: between frames, along the image's normal.

    Returns:
        (N, 4, 4) float64; reference [mm] from (column, row, 0, 1); the reference is the image space of the
        first frame.
    """
    su, sv = result.frames.spacing_mm or (1.0, 1.0)
    placed = result.first_from_frame @ np.diag([su, sv, 1.0, 1.0])
    placed[:, 2, 3] += frame_distance_mm * np.arange(len(placed))
    return placed


def first_from_frame_ras(result: UsAnglesResult) -> np.ndarray:
    """(N, 4, 4) float64; own RAS of the first frame from that of each frame, chained [mm]."""
    ras = result.frames.ras_from_image
    return ras @ result.first_from_frame @ np.linalg.inv(ras)
