"""Brains of other shapes: size, proportions, smooth deformation, sides exchanged."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.smooth_fields import random_field


@dataclass(frozen=True)
class ShapeSettings:
    """Standard deviations; lengths in brain radii.

    Attributes:
        size: of the logarithm of the size: ages and brain masks are never exact.
        stretch: of the logarithm of the length along each axis of the brain.
        deformation: of the smooth displacement.
        control_points: of the displacement along each edge.
    """

    size: float = 0.05
    stretch: float = 0.05
    deformation: float = 0.035
    control_points: int = 7


def random_lengths(count: int, settings: ShapeSettings, generator: torch.Generator) -> torch.Tensor:
    """Relative lengths along the axes of the brain; half of the samples exchange left and right.

    Args:
        count: B.
        settings: how far shapes differ from the source.
        generator: source of randomness; the result is on its device.

    Returns:
        (B, 3); the first is negative where the sides are exchanged.
    """
    device = generator.device
    logarithms = settings.size * torch.randn(count, 1, generator=generator, device=device)
    logarithms = logarithms + settings.stretch * torch.randn(count, 3, generator=generator, device=device)
    sides = torch.where(torch.rand(count, 1, generator=generator, device=device) < 0.5, -1.0, 1.0)
    return torch.cat([sides, torch.ones_like(logarithms[:, 1:])], 1) * logarithms.exp()


def random_displacement(
    count: int, size: int, dimensions: int, settings: ShapeSettings, generator: torch.Generator
) -> torch.Tensor:
    """Smooth displacement of every voxel of an image.

    It is made on the grid of the image, whatever the brain's pose: drawn there it costs a few products of
    small matrices, in the frame of the brain it would have to be sampled.

    Args:
        count: B.
        size: voxels n along each edge.
        dimensions: 3 for volumes, 2 for slices.
        settings: how far it goes.
        generator: source of randomness; the result is on its device.

    Returns:
        (B, n, ..., n, 3) [brain radii].
    """
    field = random_field(count, 3, size, settings.control_points, dimensions, generator)
    return settings.deformation * field.movedim(1, -1)
