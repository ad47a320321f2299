"""What a deformation does to landmarks."""

from collections.abc import Mapping

import numpy as np
import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, warp_points


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
