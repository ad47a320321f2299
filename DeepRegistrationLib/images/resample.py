"""Bringing a volume onto another grid, through a linear map or a displacement field."""

import numpy as np
import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, moved_indices
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import reached_box
from DeepRegistrationLib.images.volume import Volume

# points per slab: 12 MB of float64 indices
_SLAB_POINTS = 1 << 19


def resample(
    volume: Volume,
    target: VolumeGeometry,
    moving_from_target: np.ndarray | None = None,
    labels: bool = False,
    outside: float = 0.0,
) -> Volume:
    """Values of a volume at the voxels of another grid.

    A target voxel takes the interpolated value if its centre falls into a voxel of the volume, as in ITK:
    half a voxel beyond the outermost centres still counts as inside. Indices are computed in float64 from one
    matrix, so a far origin costs no precision; slab by slab, so memory stays small.

    Args:
        volume: the image or labels to be sampled (the moving one).
        target: grid of the result.
        moving_from_target: (4, 4); RAS of `volume` from RAS of `target` [mm]. None is the identity.
        labels: nearest voxel instead of trilinear interpolation; values and type are kept exactly.
        outside: value where the volume does not reach.

    Returns:
        Volume on `target`; float32 or float64 for images, the type of the input for labels; same device.
    """
    linear = np.eye(4) if moving_from_target is None else np.asarray(moving_from_target, dtype=np.float64)
    index_matrix = volume.geometry.ijk_from_ras @ linear @ target.ras_from_ijk
    values = volume.values if labels or volume.values.is_floating_point() else volume.values.float()
    out = torch.full(target.shape_kji, outside, dtype=values.dtype, device=values.device)
    box = reached_box(volume.geometry, target, linear)
    if box is not None:
        first_ijk = np.array([part.start for part in box[::-1]])
        slices, rows, columns = (part.stop - part.start for part in box)
        from_box = index_matrix.copy()
        from_box[:3, 3] += from_box[:3, :3] @ first_ijk
        slab = max(1, _SLAB_POINTS // (rows * columns))
        for start in range(0, slices, slab):
            count = min(slab, slices - start)
            ijk = affine_grid(from_box, (count, rows, columns), start)
            k = slice(box[0].start + start, box[0].start + start + count)
            out[k, box[1], box[2]] = _sample_slab(values, ijk, labels, outside)
    return Volume(out, target, volume.name)


def warp(volume: Volume, field: DisplacementField, labels: bool = False, outside: float = 0.0) -> Volume:
    """Values of a volume where a displacement field sends each voxel.

    Args:
        volume: the moving image or labels.
        field: fixed -> moving; its grid is the grid of the result.
        labels: nearest voxel instead of trilinear interpolation; values and type are kept exactly.
        outside: value where the volume does not reach.

    Returns:
        Volume on the field's grid, types as in `resample`.
    """
    values = volume.values if labels or volume.values.is_floating_point() else volume.values.float()
    ijk = moved_indices(field, volume.geometry).detach()
    return Volume(_sample_slab(values, ijk, labels, outside), field.geometry, volume.name)


def _sample_slab(values: torch.Tensor, ijk: torch.Tensor, labels: bool, outside: float) -> torch.Tensor:
    """(k, J, I) from indices (k, J, I, 3), in float64 where they come from a matrix."""
    size = torch.tensor(values.shape[::-1], dtype=ijk.dtype, device=ijk.device)
    inside = ((ijk >= -0.5) & (ijk < size - 0.5)).all(-1).to(values.device)
    # indices are small numbers: now float32 is precise enough (and the only type some devices have)
    index_type = torch.float64 if values.dtype == torch.float64 else torch.float32
    ijk = ijk.to(index_type).to(values.device)[None]
    mode = "nearest" if labels else "bilinear"
    sampled = sample(values[None, None], ijk, mode, "border")[0, 0]
    return torch.where(inside, sampled, torch.full_like(sampled, outside))
