"""What differs between two ultrasound frames of one place: speckle, gain, depth gain."""

import torch
import torch.nn.functional as F

from DeepRegistrationLib.data.smooth_fields import random_field

_AXIAL, _LATERAL = (0.25, 0.5, 0.25), (0.1, 0.2, 0.4, 0.2, 0.1)
"""Point spread along rows and columns: ultrasound resolves depth better than width."""
_CONTROL_POINTS = 5


def speckle(count: int, size: int, generator: torch.Generator) -> torch.Tensor:
    """Fully developed speckle as log compression shows it.

    Complex Gaussian scatterers blurred with the point spread have a Rayleigh distributed envelope; its
    logarithm has the same deviation whatever the mean.

    Args:
        count: B.
        size: pixels n along each edge.
        generator: source of randomness; the result is on its device.

    Returns:
        (B, 1, n, n) float32; mean 0, deviation 1.

    Source: Wagner et al., "Statistics of speckle in ultrasound B-scans", IEEE Trans. Sonics 1983.
    """
    device = generator.device
    scatterers = torch.randn(2 * count, 1, size, size, generator=generator, device=device)
    for kernel, axis in ((_AXIAL, 2), (_LATERAL, 3)):
        weight = torch.tensor(kernel, device=device).reshape(
            [1, 1, *[-1 if a == axis else 1 for a in (2, 3)]]
        )
        scatterers = F.conv2d(scatterers, weight, padding=[len(kernel) // 2 * (a == axis) for a in (2, 3)])
    envelope = scatterers.reshape(2, count, 1, size, size).square().sum(0)
    logarithm = (envelope + 1e-6).log()
    mean = logarithm.mean((2, 3), keepdim=True)
    return (logarithm - mean) / logarithm.std((2, 3), keepdim=True)


def decorrelated(images: torch.Tensor, strength: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Frames with speckle of their own on what they share: brighter tissue scatters more.

    Args:
        images: (B, C, n, n); 0 to 1; every channel gets its own speckle.
        strength: (B, 1, 1, 1); deviation of the speckle relative to the grey value.
        generator: source of randomness.

    Returns:
        (B, C, n, n).
    """
    count, channels, size = images.shape[:3]
    own = speckle(count * channels, size, generator).reshape(count, channels, size, size)
    return images * (1 + strength * own).clamp(min=0)


def regained(
    images: torch.Tensor, gain: float, depth_gain: float, gamma: float, generator: torch.Generator
) -> torch.Tensor:
    """Frames whose gain, depth gain and dynamic range were changed between them.

    Args:
        images: (B, C, n, n); 0 to 1; every channel is changed on its own.
        gain: largest change of all grey values.
        depth_gain: deviation of the change along the rows, the depth.
        gamma: largest logarithm of the exponent of the grey values.
        generator: source of randomness.

    Returns:
        (B, C, n, n); 0 to 1.
    """
    count, channels, size = images.shape[:3]
    device = generator.device

    def uniform() -> torch.Tensor:
        return 2 * torch.rand(count, channels, 1, 1, generator=generator, device=device) - 1

    exponent = (gamma * uniform()).exp()
    field = random_field(count, channels, size, _CONTROL_POINTS, 1, generator)[..., None]  # (B, C, n, 1)
    factor = 1 + gain * uniform() + depth_gain * field
    return (images.clamp(min=0, max=1).pow(exponent) * factor).clamp(0, 1)
