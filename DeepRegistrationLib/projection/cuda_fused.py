"""Line integrals on a CUDA GPU without an intermediate grid: one launch for a whole batch (Triton)."""

import math
from collections.abc import Callable

import torch

from DeepRegistrationLib.projection.index_rays import IndexRays


def is_available() -> bool:
    """True if Triton is installed; it comes with the CUDA builds of torch."""
    try:
        import triton  # noqa: F401
    except ImportError:
        return False
    return True


def forward(volume: torch.Tensor, rays: IndexRays, moments: bool) -> torch.Tensor:
    """Mean along each ray of the values and, with `moments`, of the gradients; see `cpu_fused.forward`.

    Args:
        volume: (B or 1, C, K, J, I) float32 or float64 on a GPU.
        rays: B images, on the same GPU.
        moments: also the six images of the gradient.

    Returns:
        (B, C, 1 or 7, rows, columns).
    """
    from DeepRegistrationLib.projection import cuda_kernels

    volume = volume.contiguous()
    images = volume.new_empty(rays.batch, volume.shape[1], 7 if moments else 1, *rays.shape_px)
    with _on(volume.device):
        cuda_kernels.integrate[_grid(rays, volume.shape)](
            volume, _parameters(rays), images, *_sizes(rays, volume.shape), MOMENTS=moments
        )
    return images


def adjoint(images: torch.Tensor, rays: IndexRays, shape: tuple[int, ...]) -> torch.Tensor:
    """Adjoint of `forward`; see `cpu_fused.adjoint`.

    Args:
        images: (B, C, 1 or 7, rows, columns).
        rays: B images.
        shape: of the volume: (B or 1, C, K, J, I).

    Returns:
        Tensor of that shape.
    """
    from DeepRegistrationLib.projection import cuda_kernels

    images = images.contiguous()
    volume = images.new_zeros(shape)
    with _on(images.device):
        cuda_kernels.back_project[_grid(rays, shape)](
            images, _parameters(rays), volume, *_sizes(rays, shape), MOMENTS=images.shape[2] == 7
        )
    return volume


def _parameters(rays: IndexRays) -> torch.Tensor:
    """(B, 14) float64; what the kernels load: source, directions, step, phase."""
    phase = torch.full_like(rays.step, rays.phase)
    scalars = torch.stack([rays.step, phase], dim=1)
    return torch.cat([rays.source, rays.directions.flatten(1), scalars], dim=1).contiguous()


def _sizes(rays: IndexRays, shape: tuple[int, ...]) -> tuple[int, ...]:
    """I, J, K, rows, columns, channels, and voxels from one volume of the batch to the next."""
    stride = math.prod(shape[1:]) if shape[0] > 1 else 0
    return *shape[:1:-1], *rays.shape_px, shape[1], stride


def _grid(rays: IndexRays, shape: tuple[int, ...]) -> Callable[[dict[str, int]], tuple[int, int]]:
    def programs(tile: dict[str, int]) -> tuple[int, int]:
        rows, columns = rays.shape_px
        tiles = -(-rows // tile["TILE_V"]) * -(-columns // tile["TILE_U"])
        return tiles, rays.batch * shape[1]

    return programs


def _on(device: torch.device) -> torch.cuda.device:
    """Triton launches on the current GPU, which need not be the volume's."""
    return torch.cuda.device(device if device.type == "cuda" else -1)
