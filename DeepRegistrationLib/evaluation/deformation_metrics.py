"""What a deformation does to landmarks, and whether it folds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, jacobian_determinant, warp_points


@dataclass(frozen=True)
class JacobianRange:
    """Local changes of volume of a field.

    Attributes:
        smallest: over all voxels.
        largest: over all voxels.
        folded: number of voxels with a determinant of 0 or less.
    """

    smallest: float
    largest: float
    folded: int


def jacobian_range(field: DisplacementField, inside: torch.Tensor | None = None) -> JacobianRange:
    """Range of the Jacobian determinant.

    Args:
        field: the map.
        inside: (K, J, I) bool; where to look; None is everywhere.

    Raises:
        ValueError: nothing is inside.
    """
    values = jacobian_determinant(field)
    values = values.flatten() if inside is None else values[inside]
    if not len(values):
        raise ValueError("no voxel is inside")
    return JacobianRange(float(values.min()), float(values.max()), int((values <= 0).sum()))


def landmark_errors_mm(
    fixed: Mapping[str, np.ndarray], moving: Mapping[str, np.ndarray], field: DisplacementField
) -> dict[str, float]:
    """Distance left between landmarks that both images have.

    Args:
        fixed: name -> (3,) in the fixed image [mm, RAS].
        moving: name -> (3,); the same anatomy in the moving image [mm, RAS].
        field: fixed -> moving.

    Returns:
        Name -> distance [mm], in the order of `fixed`.

    Raises:
        ValueError: no name is common to both.
    """
    names = [name for name in fixed if name in moving]
    if not names:
        raise ValueError(f"no common landmark in {sorted(fixed)} and {sorted(moving)}")
    points = torch.from_numpy(np.stack([np.asarray(fixed[name], dtype=np.float64) for name in names]))
    arrived = warp_points(field, points).numpy()
    return {
        name: float(np.linalg.norm(point - moving[name])) for name, point in zip(names, arrived, strict=True)
    }
