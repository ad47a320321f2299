"""Random smooth fields: what deformations and coil sensitivities look like."""

import functools

import torch


def smooth_field(coefficients: torch.Tensor, size: int) -> torch.Tensor:
    """Cubic B-spline surface over a cube or a square.

    Args:
        coefficients: (B, C, m, ..., m) with one or more axes of m control points; the outermost lie half a
            control interval outside.
        size: voxels n along each edge of the result.

    Returns:
        (B, C, n, ..., n); twice continuously differentiable, within the range of the coefficients.

    Source: Rueckert et al., "Nonrigid registration using free-form deformations", IEEE TMI 1999, eq. 2.
    """
    basis = _basis(coefficients.shape[-1], size).to(coefficients)  # (n, m)
    for axis in range(2, coefficients.ndim):
        coefficients = torch.tensordot(coefficients, basis, dims=([axis], [1])).movedim(-1, axis)
    return coefficients


def random_field(
    count: int, channels: int, size: int, control_points: int, dimensions: int, generator: torch.Generator
) -> torch.Tensor:
    """Smooth noise.

    Args:
        count: B.
        channels: C.
        size: voxels n along each edge.
        control_points: along each edge; at least 4.
        dimensions: number of axes.
        generator: source of randomness; the result is on its device.

    Returns:
        (B, C, n, ..., n) float32; mean 0, standard deviation 1 on average over the field.
    """
    shape = (count, channels, *(control_points,) * dimensions)
    field = smooth_field(torch.randn(shape, generator=generator, device=generator.device), size)
    return field / _deviation(control_points, size) ** dimensions


@functools.cache
def _basis(control_points: int, size: int) -> torch.Tensor:
    """(n, m); weight of each control point at each voxel, rows sum to one."""
    if control_points < 4:
        raise ValueError(f"a cubic spline needs 4 control points, got {control_points}")
    # control points at -1 ... m - 2, voxels from 0 to m - 3: four of them always surround a voxel
    position = torch.linspace(0, control_points - 3, size, dtype=torch.float64)
    distance = (position[:, None] - torch.arange(-1, control_points - 1, dtype=torch.float64)).abs()
    near = 2 / 3 - distance.square() + distance**3 / 2
    far = (2 - distance) ** 3 / 6
    return torch.where(distance < 1, near, torch.where(distance < 2, far, torch.zeros_like(far))).float()


@functools.cache
def _deviation(control_points: int, size: int) -> float:
    """Root mean square over the voxels of a field along one axis with unit coefficients."""
    return float(_basis(control_points, size).square().sum(1).mean().sqrt())
