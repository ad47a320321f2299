"""What scanners do to images: uneven sensitivity, blur, noise, parts outside the field of view.

All functions take (B, C, ...) with two or three axes of equal length and draw for each sample.
"""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.smooth_fields import random_field

_BRAIN = 0.03
"""What is brighter is brain: the darkest tissue has 0.1 before the sensitivity, the background 0."""


@dataclass(frozen=True)
class CorruptionSettings:
    """Strengths; each sample draws its own up to these.

    Attributes:
        bias: standard deviation of the logarithm of the coil sensitivity.
        bias_control_points: of the sensitivity along each edge.
        blur: largest weight of each neighbour in a moving average of three, drawn for each axis: equal
            weights are 0.33, unequal ones are thick slices.
        noise: largest standard deviation of the noise; the brain's intensities go up to 1.
        cut: share of the samples that lose a part beyond a plane.
        cut_radii: the plane lies between this distance from the centre and the border [brain radii].
    """

    bias: float = 0.2
    bias_control_points: int = 5
    blur: float = 0.25
    noise: float = 0.08
    cut: float = 0.1
    cut_radii: float = 0.6


def corrupt(
    images: torch.Tensor, offsets: torch.Tensor, settings: CorruptionSettings, generator: torch.Generator
) -> torch.Tensor:
    """Everything in the order in which it happens: sensitivity, resolution, noise, field of view.

    Args:
        images: (B, 1, n, ..., n).
        offsets: (n, ..., n, D); position of each voxel [brain radii].
        settings: strengths.
        generator: source of randomness, on the device of the images.

    Returns:
        Images of the same shape.
    """
    count, dimensions = len(images), images.ndim - 2
    strength = _uniform(images, generator) * settings.bias
    field = random_field(count, 1, images.shape[-1], settings.bias_control_points, dimensions, generator)
    images = images * torch.exp(strength * field)
    for axis in range(2, images.ndim):
        images = _averaged(images, settings.blur * _uniform(images, generator), axis)
    noise = torch.randn(images.shape, generator=generator, device=images.device)
    # brains come masked, so the noise around them has been taken away
    noise = noise * (images > _BRAIN)
    images = images + settings.noise * _uniform(images, generator) * noise
    return images * _field_of_view(images, offsets, settings, generator)


def _averaged(images: torch.Tensor, weight: torch.Tensor, axis: int) -> torch.Tensor:
    """Moving average of three along an axis; the border repeats nothing, it fades to zero."""
    length = images.shape[axis]
    out = images * (1 - 2 * weight)
    out.narrow(axis, 1, length - 1).add_(images.narrow(axis, 0, length - 1) * weight)
    out.narrow(axis, 0, length - 1).add_(images.narrow(axis, 1, length - 1) * weight)
    return out


def _field_of_view(
    images: torch.Tensor, offsets: torch.Tensor, settings: CorruptionSettings, generator: torch.Generator
) -> torch.Tensor:
    """(B, 1, n, ..., n); 0 beyond a random plane, 1 elsewhere."""
    count, dimensions = len(images), offsets.shape[-1]
    normal = torch.randn(count, dimensions, generator=generator, device=images.device)
    normal = normal / normal.norm(dim=1, keepdim=True)
    distance = settings.cut_radii + torch.rand(count, generator=generator, device=images.device)
    spared = torch.rand(count, generator=generator, device=images.device) >= settings.cut
    distance = torch.where(spared, torch.full_like(distance, torch.inf), distance)
    along = torch.tensordot(normal, offsets, dims=([1], [dimensions]))  # (B, n, ..., n)
    return (along < distance.reshape(-1, *(1,) * dimensions)).to(images.dtype)[:, None]


def _uniform(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """(B, 1, ..., 1); uniform in 0..1."""
    shape = (len(images), *(1,) * (images.ndim - 1))
    return torch.rand(shape, generator=generator, device=images.device)
