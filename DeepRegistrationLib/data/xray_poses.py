"""Poses of the paper: where a C-arm may stand when a registration begins, and where it truly stands."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.rigid import rigid_matrix
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix


@dataclass(frozen=True)
class XrayPoseSettings:
    """Distribution of poses about the isocentre.

    Attributes:
        rotation_deg: standard deviation of each component of the rotation vector [degrees].
        translation_mm: of the shift along each axis [mm].
        near: share of the pairs that are drawn nearer to each other.
        nearest: how near these may be; 0 is the same pose, 1 as far as the others.

    Source: Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020, section 3.1;
        the near pairs are ours: a registration spends most of its steps there.
    """

    rotation_deg: float = 20.0
    translation_mm: float = 37.5
    near: float = 0.75
    nearest: float = 0.1


def random_poses(count: int, settings: XrayPoseSettings, generator: torch.Generator) -> torch.Tensor:
    """(count, 4, 4) float64; turns about the origin of the world, then shifts [mm]."""
    device = generator.device
    turn = torch.randn(count, 3, generator=generator, device=device, dtype=torch.float64)
    shift = torch.randn(count, 3, generator=generator, device=device, dtype=torch.float64)
    rotation = matrix_from_rotation_vector(torch.deg2rad(settings.rotation_deg * turn))
    return rigid_matrix(rotation, settings.translation_mm * shift)


def pose_pairs(
    count: int, settings: XrayPoseSettings, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Start poses and true poses, independent of each other unless they are near pairs.

    Args:
        count: B.
        settings: their distribution.
        generator: source of randomness; the result is on its device.

    Returns:
        moving (B, 4, 4) and target (B, 4, 4), float64; world from volume [mm].
    """
    moving, target = (random_poses(count, settings, generator) for _ in range(2))
    device = generator.device
    share = settings.nearest + (1 - settings.nearest) * torch.rand(
        count, generator=generator, device=device, dtype=torch.float64
    )
    spared = torch.rand(count, generator=generator, device=device) >= settings.near
    return between(target, moving, torch.where(spared, torch.ones_like(share), share)), target


def between(first: torch.Tensor, second: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Poses on the geodesics from one pose to another.

    Args:
        first: (B, 4, 4); at share 0.
        second: (B, 4, 4); at share 1.
        share: (B,).

    Returns:
        (B, 4, 4).
    """
    turn = rotation_vector_from_matrix(second[:, :3, :3] @ first[:, :3, :3].mT)
    rotation = matrix_from_rotation_vector(share[:, None] * turn) @ first[:, :3, :3]
    return rigid_matrix(rotation, torch.lerp(first[:, :3, 3], second[:, :3, 3], share[:, None]))


def poses_around(
    target: torch.Tensor, rotation_deg: float, translation_mm: float, generator: torch.Generator
) -> torch.Tensor:
    """Poses at a given distance from others, in random directions.

    Args:
        target: (B, 4, 4) float64.
        rotation_deg: angle of the turn [degrees].
        translation_mm: length of the shift of the volume's middle, which is the origin [mm].
        generator: source of randomness.

    Returns:
        (B, 4, 4) float64.
    """
    device = generator.device
    axes = torch.randn(2, len(target), 3, generator=generator, device=device, dtype=torch.float64)
    turn, shift = axes / axes.norm(dim=-1, keepdim=True)
    angle = torch.deg2rad(torch.tensor(rotation_deg, dtype=torch.float64, device=device))
    rotation = matrix_from_rotation_vector(angle * turn) @ target[:, :3, :3]
    return rigid_matrix(rotation, target[:, :3, 3] + translation_mm * shift)
