"""What differs between a radiograph and a projected CT: contrast, scatter, blur, noise, collimation.

A cheap stand-in for `projection/radiograph_simulation.py`, random for every sample.
"""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.smooth_fields import random_field


@dataclass(frozen=True)
class VariationSettings:
    """Strengths; each image draws its own up to these.

    Attributes:
        gamma: largest logarithm of the exponent of the line integrals: beam hardening, wrong offset of the
            logarithm.
        bias: standard deviation of the logarithm of a smooth factor.
        scatter: of a smooth addition, relative to the image's largest value.
        control_points: of these along each edge.
        blur: largest weight of each neighbour in a moving average of three pixels.
        noise: largest standard deviation relative to the image's largest value.
        collimated: share of the images of which only a rectangle or a disc may be used.
    """

    gamma: float = 0.35
    bias: float = 0.1
    scatter: float = 0.05
    control_points: int = 5
    blur: float = 0.25
    noise: float = 0.03
    collimated: float = 0.25


def vary_radiographs(
    images: torch.Tensor, settings: VariationSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Radiographs as an X-ray machine might have made them.

    Args:
        images: (B, n, n); line integrals, at least 0.
        settings: strengths.
        generator: source of randomness, on the device of the images.

    Returns:
        images (B, n, n) up to about 1; mask (B, n, n) bool, True where the pixel may be used.
    """
    count, size = len(images), images.shape[-1]
    device = images.device

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand((count, *shape), generator=generator, device=device)

    top = images.amax((1, 2), keepdim=True).clamp_min(1e-6)
    out = (images.clamp_min(0) / top) ** (settings.gamma * (2 * uniform(1, 1) - 1)).exp()
    fields = random_field(count, 2, size, settings.control_points, 2, generator)
    out = out * (settings.bias * fields[:, 0]).exp() + settings.scatter * fields[:, 1]
    for axis in (1, 2):
        weight = settings.blur * uniform(1, 1)
        out = out * (1 - 2 * weight) + weight * (out.roll(1, axis) + out.roll(-1, axis))
    noise = torch.randn(images.shape, generator=generator, device=device)
    out = out + settings.noise * uniform(1, 1) * noise
    return out, _collimation(count, size, settings, generator)


def _collimation(
    count: int, size: int, settings: VariationSettings, generator: torch.Generator
) -> torch.Tensor:
    """(B, n, n) bool; a disc or a rectangle about the middle, or everything."""
    device = generator.device
    line = torch.linspace(-1, 1, size, device=device)
    drawn = torch.rand(count, 4, 1, 1, generator=generator, device=device)
    half_width, half_height = 0.6 + 0.5 * drawn[:, 0], 0.6 + 0.5 * drawn[:, 1]
    rectangle = (line.abs() < half_width) & (line.abs()[:, None] < half_height)
    disc = line.square() + line.square()[:, None] < (0.8 + 0.4 * drawn[:, 0]).square()
    shape = torch.where(drawn[:, 2] < 0.5, rectangle, disc)
    return shape | (drawn[:, 3] >= settings.collimated)
