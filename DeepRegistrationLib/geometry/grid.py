"""Sampling at continuous voxel indices, and the grids of indices and positions.

Voxel centres lie at integer indices; index order is (i, j, k), arrays are (..., K, J, I). This is the only
file that meets torch's `align_corners`: everything else speaks in indices.
"""

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

SampleMode = Literal["bilinear", "nearest"]
Padding = Literal["zeros", "border"]


def sample(
    values: torch.Tensor, ijk: torch.Tensor, mode: SampleMode = "bilinear", padding: Padding = "zeros"
) -> torch.Tensor:
    """Values at continuous indices.

    "bilinear" (trilinear) is differentiable in values and indices. "nearest" copies voxels, so every type
    (labels too) comes back exactly; halves go to the larger index. With "zeros" the volume fades to zero
    within one voxel outside the outermost centres; with "border" the outermost voxels continue.

    Args:
        values: (B, C, K, J, I); floating for "bilinear", any type for "nearest".
        ijk: (B, ..., 3) floating; order i, j, k. Either B may be 1. Cast to the type of `values` last.
        mode: interpolation.
        padding: what lies outside.

    Returns:
        (B, C, ...) of the type of `values`.

    Raises:
        ValueError: wrong number of dimensions, or batches that do not fit.
    """
    if values.ndim != 5 or ijk.ndim < 2 or ijk.shape[-1] != 3:
        raise ValueError(
            f"values must be (B, C, K, J, I), ijk (B, ..., 3); got {tuple(values.shape)}, {tuple(ijk.shape)}"
        )
    if values.shape[0] != ijk.shape[0] and 1 not in (values.shape[0], ijk.shape[0]):
        raise ValueError(f"batches {values.shape[0]} of values and {ijk.shape[0]} of ijk do not fit")
    batch, channels, points = max(values.shape[0], ijk.shape[0]), values.shape[1], tuple(ijk.shape[1:-1])
    flat = ijk.reshape(ijk.shape[0], -1, 3)  # (B or 1, N, 3)
    out = _nearest(values, flat, padding) if mode == "nearest" else _trilinear(values, flat, padding)
    return out.reshape((batch, channels, *points))


def sample_plane(values: torch.Tensor, ij: torch.Tensor, padding: Padding = "zeros") -> torch.Tensor:
    """Bilinear values of flat images at continuous indices; differentiable in both.

    Args:
        values: (B, C, J, I) floating.
        ij: (B, ..., 2) floating; order i, j. Either B may be 1.
        padding: what lies outside; "zeros" fades within one pixel.

    Returns:
        (B, C, ...).

    Raises:
        ValueError: wrong number of dimensions, or batches that do not fit.
    """
    if values.ndim != 4 or ij.ndim < 2 or ij.shape[-1] != 2:
        raise ValueError(
            f"values must be (B, C, J, I), ij (B, ..., 2); got {tuple(values.shape)}, {tuple(ij.shape)}"
        )
    if values.shape[0] != ij.shape[0] and 1 not in (values.shape[0], ij.shape[0]):
        raise ValueError(f"batches {values.shape[0]} of values and {ij.shape[0]} of ij do not fit")
    batch, points = max(values.shape[0], ij.shape[0]), tuple(ij.shape[1:-1])
    size = torch.tensor(values.shape[:1:-1], device=ij.device, dtype=ij.dtype)  # I, J
    # pixel edge to pixel edge, as in `_trilinear`
    unit = ((2 * ij.reshape(ij.shape[0], -1, 2) + 1) / size - 1).to(values.dtype)
    sampled = F.grid_sample(
        values.expand(batch, -1, -1, -1),
        unit.expand(batch, -1, -1)[:, :, None],
        mode="bilinear",
        padding_mode=padding,
        align_corners=False,
    )
    return sampled.reshape((batch, values.shape[1], *points))


def index_grid(
    shape_kji: tuple[int, int, int], device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """(K, J, I, 3); the index (i, j, k) of each voxel."""
    k, j, i = (torch.arange(n, device=device, dtype=dtype) for n in shape_kji)
    return torch.stack(torch.meshgrid(k, j, i, indexing="ij")[::-1], dim=-1)


def ras_grid(
    geometry: VolumeGeometry, device: torch.device | None = None, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Position of each voxel, computed in float64 and rounded once.

    Args:
        geometry: the grid.
        device: of the result.
        dtype: of the result; float32 rounds positions 5000 mm away to 0.0005 mm.

    Returns:
        (K, J, I, 3); centres of the voxels [mm, RAS].
    """
    return affine_grid(geometry.ras_from_ijk, geometry.shape_kji).to(dtype).to(device)


def affine_grid(matrix: np.ndarray, shape_kji: tuple[int, int, int], first_k: int = 0) -> torch.Tensor:
    """Affine image of every index of a grid, on the CPU in float64.

    Args:
        matrix: (4, 4); something from ijk.
        shape_kji: size of the grid.
        first_k: index k of the first slice; for work in slabs.

    Returns:
        (K, J, I, 3) float64.
    """
    columns = torch.tensor(matrix, dtype=torch.float64)[:3].T  # rows: i, j, k, origin; each (3,)
    k, j, i = (torch.arange(n, dtype=torch.float64)[:, None] for n in shape_kji)
    along_k = (k + first_k) * columns[2] + columns[3]  # (K, 3)
    return along_k[:, None, None] + (j * columns[1])[:, None] + i * columns[0]


def _trilinear(values: torch.Tensor, ijk: torch.Tensor, padding: Padding) -> torch.Tensor:
    batch = max(values.shape[0], ijk.shape[0])
    size = torch.tensor(values.shape[:1:-1], device=ijk.device, dtype=ijk.dtype)  # I, J, K
    # With align_corners=False the interval [-1, 1] reaches from voxel edge to voxel edge. Unlike the other
    # convention it stays defined for a single voxel along an axis.
    unit = ((2 * ijk + 1) / size - 1).to(values.dtype)  # (B or 1, N, 3)
    count = unit.shape[1]
    # torch runs 3D sampling on the CPU with one thread per batch entry: share one volume's points among the
    # threads
    parts = torch.get_num_threads() if batch == 1 and unit.device.type == "cpu" and count > 32768 else 1
    if parts > 1 and not values.requires_grad:
        unit = F.pad(unit, (0, 0, 0, -count % parts)).reshape(parts, -1, 3)
        sampled = _grid_sample(values.expand(parts, -1, -1, -1, -1), unit, padding)  # (parts, C, N / parts)
        return sampled.transpose(0, 1).reshape(1, values.shape[1], -1)[..., :count]
    expanded = values.expand(batch, -1, -1, -1, -1)
    return _grid_sample(expanded, unit.expand(batch, -1, -1), padding)


def _grid_sample(values: torch.Tensor, unit: torch.Tensor, padding: Padding) -> torch.Tensor:
    sampled = F.grid_sample(
        values, unit[:, None, None], mode="bilinear", padding_mode=padding, align_corners=False
    )
    return sampled[:, :, 0, 0]  # (B, C, N)


def _nearest(values: torch.Tensor, ijk: torch.Tensor, padding: Padding) -> torch.Tensor:
    batch, (channels, *shape_kji) = max(values.shape[0], ijk.shape[0]), values.shape[1:]
    last = torch.tensor(shape_kji[::-1], device=ijk.device) - 1  # (3,) i, j, k
    # floor(x + 1/2) and not round(): rounding halves to even would take voxels unevenly
    index = torch.floor(ijk + 0.5).long()
    inside = ((index >= 0) & (index <= last)).all(-1)  # (B or 1, N)
    i, j, k = index.clamp(min=torch.zeros_like(last), max=last).unbind(-1)
    flat = ((k * shape_kji[1] + j) * shape_kji[2] + i).expand(batch, -1)  # (B, N)
    values = values.reshape(values.shape[0], channels, -1).expand(batch, -1, -1)
    picked = values.gather(2, flat[:, None].expand(-1, channels, -1))  # (B, C, N)
    if padding == "border":
        return picked
    return picked * inside[:, None].to(picked.dtype)
