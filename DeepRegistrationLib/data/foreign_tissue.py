"""What brain masks let through: pieces of skin, eyes or womb beside the brain."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.smooth_fields import random_field


@dataclass(frozen=True)
class ForeignTissueSettings:
    """How often and how much.

    Attributes:
        share: of the samples that show a piece.
        nearest_radii: smallest distance of its centre from the brain's centre [brain radii].
        farthest_radii: largest distance.
        largest_radii: its largest radius; the smallest is a third of that.
    """

    share: float = 0.25
    nearest_radii: float = 0.9
    farthest_radii: float = 1.4
    largest_radii: float = 0.6


def add_foreign_tissue(
    images: torch.Tensor, offsets: torch.Tensor, settings: ForeignTissueSettings, generator: torch.Generator
) -> torch.Tensor:
    """Adds a ball of uneven tissue beside some of the brains.

    Args:
        images: (B, 1, n, ..., n); 0 where there is no brain.
        offsets: (n, ..., n, D); position of each voxel [brain radii].
        settings: how often and how much.
        generator: source of randomness, on the device of the images.

    Returns:
        Images of the same shape; the brains themselves are as before.
    """
    count, dimensions, device = len(images), offsets.shape[-1], images.device
    direction = torch.randn(count, dimensions, generator=generator, device=device)
    uniform = torch.rand(4, count, generator=generator, device=device)
    distance = settings.nearest_radii + (settings.farthest_radii - settings.nearest_radii) * uniform[0]
    centre = direction / direction.norm(dim=1, keepdim=True) * distance[:, None]
    radius = settings.largest_radii * (1 + 2 * uniform[1]) / 3
    radius = torch.where(uniform[2] < settings.share, radius, torch.zeros_like(radius))
    shape = (-1, *(1,) * dimensions)
    apart = (offsets - centre.reshape(count, *(1,) * dimensions, dimensions)).square().sum(-1)
    ball = apart < radius.reshape(shape).square()  # (B, n, ..., n)
    texture = random_field(count, 1, images.shape[-1], 8, dimensions, generator)
    tissue = (uniform[3].reshape(-1, 1, *shape[1:]) + 0.2 * texture).clamp(0.05, 1.0)
    return torch.where(ball[:, None] & (images <= 0.01), tissue, images)
