"""Poses to train on: small ones, and slices through the middle of a brain."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.slice_mirror import in_half_space, mirrored


def small_rotations(count: int, largest_rad: float, generator: torch.Generator) -> torch.Tensor:
    """Rotations about random axes by angles uniform from 0.

    Args:
        count: how many.
        largest_rad: largest angle [rad].
        generator: source of randomness; the result is on its device.

    Returns:
        (count, 3, 3) float32.
    """
    device = generator.device
    axis = torch.randn(count, 3, generator=generator, device=device)
    angle = largest_rad * torch.rand(count, 1, generator=generator, device=device)
    return matrix_from_rotation_vector(angle * axis / axis.norm(dim=1, keepdim=True))


@dataclass(frozen=True, eq=False)
class SlicePoses:
    """B slices through a brain.

    Attributes:
        rotation: (B, 3, 3); slice from atlas; the third row is the slice's normal.
        offset: (B,); signed distance of the plane from the brain's centre along the normal [brain radii].
    """

    rotation: torch.Tensor
    offset: torch.Tensor


def half_space_slices(
    count: int, semi_axes: torch.Tensor, middle: float, generator: torch.Generator
) -> SlicePoses:
    """Slices of half of all orientations, within the middle of the brain.

    A brain and its mirror image look alike, so each slice has a twin on the other side; of each pair the one
    whose normal points upwards is drawn.

    Args:
        count: B.
        semi_axes: (3,); of an ellipsoid like the brain [brain radii].
        middle: share of the extent along the normal from which slices are taken; 0.66 in the paper.
        generator: source of randomness; the result is on its device.

    Returns:
        B slices, float32.

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 3: half of the orientations, slices from the
        middle 66 %.
    """
    rotation = uniform_random_rotations(count, generator, torch.float32)
    share = 2 * torch.rand(count, generator=generator, device=generator.device) - 1
    # half the extent of an ellipsoid along a direction n is |diag(a) n|
    reach = (rotation[:, 2] * semi_axes).norm(dim=1)
    twin, twin_offset = mirrored(rotation, middle * share * reach)
    keep = in_half_space(rotation)
    return SlicePoses(
        torch.where(keep[:, None, None], rotation, twin),
        torch.where(keep, -twin_offset, twin_offset),
    )
