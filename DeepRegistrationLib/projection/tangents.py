"""Pose-tangent images: how the radiograph changes when the volume turns and moves."""

import torch

from DeepRegistrationLib.geometry.detector_rays import DetectorRays
from DeepRegistrationLib.geometry.rotations import hat


def tangent_images(
    moments: torch.Tensor,
    rays: DetectorRays,
    ijk_from_world: torch.Tensor,
    world_from_twist: torch.Tensor,
    lengths: torch.Tensor,
) -> torch.Tensor:
    """Derivatives of the radiograph along six rigid motions of the volume.

    The volume moves by `exp(twist)` in the frame `world_from_twist`. A point of a ray at fraction f lies at
    X = source + f direction; seen from the volume it moves the other way, by -(w x (X - centre) + u). With
    the sums A of the image gradient and B of f times the image gradient along the ray, in that frame,

        d/du = -A,        d/dw = -((source - centre) x A + direction x B).

    Args:
        moments: (B, C, 6, rows, columns); means along the rays of gradient and fraction * gradient [1/index].
        rays: B cameras.
        ijk_from_world: (B, 4, 4) float64; index in the volume of a world point.
        world_from_twist: (B, 4, 4) float64; rigid: where the motion is described, its centre and axes.
        lengths: (B, rows, columns) float64; lengths of the rays [mm].

    Returns:
        (B, C, 6, rows, columns): per radian about the three axes, then per mm along them.

    Source: own derivation.
    """
    axes, centre = world_from_twist[:, :3, :3], world_from_twist[:, :3, 3]
    # a gradient is a row vector: per mm along the twist's axes from per index
    from_index = (ijk_from_world[:, :3, :3] @ axes).transpose(1, 2)  # (B, 3, 3)
    source = ((rays.source - centre)[:, None] @ axes)[:, 0]  # (B, 3)
    steps = torch.stack([rays.origin - rays.source, rays.column_step, rays.row_step], dim=1) @ axes
    # per pixel the map is linear in the moments: d/dw = -(hat(source) A + hat(direction) B), direction is
    # linear in column and row, so B is needed times 1, u and v
    to_a = hat(source) @ from_index
    to_b = hat(steps) @ from_index[:, None]  # (B, 3, 3, 3): offset, per column, per row
    batch, channels, _, rows, columns = moments.shape
    options = {"dtype": moments.dtype, "device": moments.device}
    u = torch.arange(columns, **options)
    v = torch.arange(rows, **options)[:, None]
    gradient, weighted = (part.reshape(batch, channels, 3, -1) for part in moments.split(3, dim=2))

    def times(matrix: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        return (matrix.to(images)[:, None] @ images).reshape(batch, channels, 3, rows, columns)

    turning = times(to_a, gradient) + times(to_b[:, 0], weighted)
    turning = turning + times(to_b[:, 1], weighted) * u + times(to_b[:, 2], weighted) * v
    moving = times(from_index, gradient)
    return torch.cat([turning, moving], dim=2) * -lengths.to(moments)[:, None, None]
