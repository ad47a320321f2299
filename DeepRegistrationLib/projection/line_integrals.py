"""Line integrals as differentiable functions: of the volume through the adjoint, of the rays through moments.

Everything a backend returns is linear in the volume, so its derivative is the adjoint and the derivative of
that the projection again, as often as wanted. The derivative in the rays needs the image gradient along each
ray, which the backend adds up in the same pass: for a sample at `source + f direction` it is

    d(value) = gradient . d(source) + (f gradient) . d(direction),

so two sums of three numbers per pixel are enough for every pose, camera and affine map.
"""

from collections.abc import Callable
from typing import Any

import torch

from DeepRegistrationLib.projection.index_rays import IndexRays

Forward = Callable[[torch.Tensor, IndexRays, bool], torch.Tensor]
Adjoint = Callable[[torch.Tensor, IndexRays, tuple[int, ...]], torch.Tensor]


def linear_projection(
    volume: torch.Tensor, rays: IndexRays, moments: bool, forward: Forward, adjoint: Adjoint
) -> torch.Tensor:
    """What a backend computes, differentiable in the volume (any number of times), not in the rays.

    Args:
        volume: (B or 1, C, K, J, I).
        rays: B images.
        moments: also the six images of the gradient.
        forward: of the backend.
        adjoint: of the backend.

    Returns:
        (B, C, 1 or 7, rows, columns).
    """
    return _Projection.apply(volume, rays.detached(), moments, forward, adjoint)


def attach_rays(value: torch.Tensor, moments: torch.Tensor, rays: IndexRays) -> torch.Tensor:
    """The mean along each ray as a function of the rays.

    Its value is `value`. The gradient in the rays is itself differentiable in the volume (through the
    moments) and in what comes after the projection. How the moments change with the rays is not part of it:
    the second derivative of a trilinear volume is zero nearly everywhere and says nothing about the anatomy.

    Args:
        value: (B, C, rows, columns).
        moments: (B, C, 6, rows, columns); gradient and fraction * gradient along i, j, k.
        rays: B images; differentiable.

    Returns:
        (B, C, rows, columns).
    """
    return _AttachedRays.apply(value, moments, rays.source, rays.directions)


class _Projection(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, volume: torch.Tensor, rays: IndexRays, moments: bool, forward: Forward, adjoint: Adjoint
    ) -> torch.Tensor:
        ctx.of = (rays, forward, adjoint)
        ctx.shape = tuple(volume.shape)
        return forward(volume.detach(), rays, moments)

    @staticmethod
    def backward(ctx: Any, images: torch.Tensor) -> tuple:
        rays, forward, adjoint = ctx.of
        return _BackProjection.apply(images, rays, ctx.shape, forward, adjoint), None, None, None, None


class _BackProjection(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: torch.Tensor, rays: IndexRays, shape: tuple, forward: Forward, adjoint: Adjoint
    ) -> torch.Tensor:
        ctx.of = (rays, forward, adjoint)
        ctx.moments = images.shape[2] == 7
        return adjoint(images.detach(), rays, shape)

    @staticmethod
    def backward(ctx: Any, volume: torch.Tensor) -> tuple:
        rays, forward, adjoint = ctx.of
        return _Projection.apply(volume, rays, ctx.moments, forward, adjoint), None, None, None, None


class _AttachedRays(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        value: torch.Tensor,
        moments: torch.Tensor,
        source: torch.Tensor,
        directions: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(moments)
        ctx.rays_dtype = source.dtype
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, weights: torch.Tensor) -> tuple:
        (moments,) = ctx.saved_tensors
        # sum over channels first: (B, 6, rows, columns) whatever the number of channels
        weighted = (weights[:, :, None] * moments).sum(1)
        at_source = weighted[:, :3].sum((2, 3))  # (B, 3)
        rows, columns = weighted.shape[-2:]
        options = {"dtype": weighted.dtype, "device": weighted.device}
        u, v = torch.arange(columns, **options), torch.arange(rows, **options)
        along = weighted[:, 3:]  # (B, 3, rows, columns)
        at_pixels = torch.stack([along.sum((2, 3)), along.sum(2) @ u, along.sum(3) @ v], dim=1)  # (B, 3, 3)
        return weights, None, at_source.to(ctx.rays_dtype), at_pixels.to(ctx.rays_dtype)
