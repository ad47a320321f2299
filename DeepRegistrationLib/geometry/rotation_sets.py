"""Sets of rotations that cover SO(3): random, and evenly spread."""

import math

import torch

from DeepRegistrationLib.geometry.rotations import matrix_from_quaternion

# the two constants of the super-Fibonacci spiral: sqrt(2) and the root of psi^4 = psi + 4
_PHI = math.sqrt(2.0)
_PSI = 1.533751168755204288118041


def uniform_random_rotations(
    count: int, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64
) -> torch.Tensor:
    """Independent rotations, uniform over SO(3).

    A uniform turn about z, then a reflection that carries the pole to a uniform point of the sphere.

    Args:
        count: how many.
        generator: source of the random numbers; None takes torch's own.
        dtype: of the result, which is on the generator's device.

    Returns:
        (count, 3, 3).

    Source: Arvo, "Fast random rotation matrices", Graphics Gems III, 1992.
    """
    device = generator.device if generator is not None else None
    uniform = torch.rand(count, 3, generator=generator, dtype=torch.float64, device=device)
    turn, azimuth, height = 2 * math.pi * uniform[:, 0], 2 * math.pi * uniform[:, 1], uniform[:, 2]
    cosine, sine, zero, one = turn.cos(), turn.sin(), torch.zeros_like(turn), torch.ones_like(turn)
    about_z = torch.stack([cosine, sine, zero, -sine, cosine, zero, zero, zero, one], -1).unflatten(
        -1, (3, 3)
    )
    pole = torch.stack(
        [azimuth.cos() * height.sqrt(), azimuth.sin() * height.sqrt(), (1 - height).sqrt()], -1
    )
    # minus the Householder reflection, so that the determinant is +1
    flip = 2 * pole[:, :, None] * pole[:, None, :] - torch.eye(3, dtype=torch.float64, device=device)
    return (flip @ about_z).to(dtype)


def low_discrepancy_rotations(count: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Evenly spread rotations, always the same for one count.

    Args:
        count: how many; any number.
        dtype: of the result.

    Returns:
        (count, 3, 3).

    Source: Alexa, "Super-Fibonacci spirals: fast, low-discrepancy sampling of SO(3)", CVPR 2022, algorithm 1.
    """
    s = torch.arange(count, dtype=torch.float64) + 0.5
    inner, outer = (s / count).sqrt(), (1 - s / count).sqrt()
    alpha, beta = 2 * math.pi * s / _PHI, 2 * math.pi * s / _PSI
    quaternions = torch.stack(
        [inner * alpha.sin(), inner * alpha.cos(), outer * beta.sin(), outer * beta.cos()], -1
    )
    return matrix_from_quaternion(quaternions).to(dtype)
