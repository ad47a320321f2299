"""How far a deformation swells and shrinks, and whether it folds."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, jacobian_determinant


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
