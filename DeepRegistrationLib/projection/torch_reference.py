"""Line integrals in plain torch: any device, any type; what the fused kernels are compared with."""

import torch

from DeepRegistrationLib.projection.index_rays import IndexRays, directions_along, sample_range

# samples that are held at once, over all images; indices and weights of their corners take about 100 MB
_SAMPLES_AT_ONCE = 1 << 20


def forward(volume: torch.Tensor, rays: IndexRays, moments: bool) -> torch.Tensor:
    """Mean along each ray of the values and, with `moments`, of the gradients; see `cpu_fused.forward`.

    Args:
        volume: (B or 1, C, K, J, I) floating.
        rays: B images, on any device.
        moments: also the six images of the gradient.

    Returns:
        (B, C, 1 or 7, rows, columns).
    """
    images = volume.new_zeros(rays.batch, volume.shape[1], 7 if moments else 1, *rays.shape_px)
    for planes in _chunks(volume, rays):
        images += _planes(volume, rays, planes, moments)
    return images


def adjoint(images: torch.Tensor, rays: IndexRays, shape: tuple[int, ...]) -> torch.Tensor:
    """Adjoint of `forward`: torch's own derivative of it, a few planes of samples at a time.

    Args:
        images: (B, C, 1 or 7, rows, columns).
        rays: B images.
        shape: of the volume: (B or 1, C, K, J, I).

    Returns:
        Tensor of that shape.
    """
    total = images.new_zeros(shape)
    for planes in _chunks(total, rays):
        with torch.enable_grad():
            volume = torch.zeros_like(total, requires_grad=True)
            projected = _planes(volume, rays, planes, images.shape[2] == 7)
            total += torch.autograd.grad(projected, volume, images)[0]
    return total


def _chunks(volume: torch.Tensor, rays: IndexRays) -> list[torch.Tensor]:
    """Numbers of the samples that lie in the volume for any ray, in chunks: memory is O(pixels)."""
    first, last = sample_range(rays, tuple(volume.shape[-3:]))
    hit = last >= first
    if not bool(hit.any()):
        return []
    step = rays.step[:, None, None]
    begin = int(torch.ceil((first / step)[hit] - rays.phase).min())
    end = int(torch.floor((last / step)[hit] - rays.phase).max()) + 1
    planes = torch.arange(begin, end, dtype=rays.source.dtype, device=volume.device)
    per_plane = rays.batch * rays.shape_px[0] * rays.shape_px[1]
    return list(planes.split(max(1, _SAMPLES_AT_ONCE // per_plane)))


def _planes(volume: torch.Tensor, rays: IndexRays, planes: torch.Tensor, moments: bool) -> torch.Tensor:
    """What samples (N,) float64 of all rays add to the images."""
    fractions = (planes + rays.phase) * rays.step[:, None]  # (B, N)
    ijk = [
        rays.source[:, axis, None, None, None]
        + fractions[..., None, None] * directions_along(rays, axis)[:, None]
        for axis in range(3)
    ]  # each (B, N, rows, columns) float64
    # a sample at fraction 1 touches the detector; beyond it there is nothing to see
    before = ((fractions >= 0) & (fractions <= 1)).to(volume.dtype)[:, None, :, None, None]
    step = rays.step.to(volume.dtype)[:, None, None, None]
    if not moments:
        value = _corners(volume, ijk, gradient=False)[0]
        return ((value * before).sum(2) * step)[:, :, None]
    parts = _corners(volume, ijk, gradient=True)
    weight = fractions.to(volume.dtype)[:, None, :, None, None] * before
    sums = [(part * before).sum(2) for part in parts] + [(part * weight).sum(2) for part in parts[1:]]
    return torch.stack(sums, dim=2) * step[:, :, None]


def _corners(volume: torch.Tensor, ijk: list[torch.Tensor], gradient: bool) -> list[torch.Tensor]:
    """Trilinear interpolation by its eight corners, and its gradient; zero outside.

    torch's sampler knows no gradient that could be differentiated once more, so the corners are explicit.

    Args:
        volume: (B or 1, C, K, J, I).
        ijk: three (B, N, rows, columns) float64.
        gradient: also the derivatives along i, j, k.

    Returns:
        One or four (B, C, N, rows, columns).
    """
    sizes = volume.shape[:1:-1]  # I, J, K
    floors = [torch.floor(x) for x in ijk]
    high = [(x - low).to(volume.dtype)[:, None] for x, low in zip(ijk, floors, strict=True)]
    weights = [(1 - w, w) for w in high]
    flat = volume.flatten(2).expand(ijk[0].shape[0], -1, -1)  # (B, C, K J I)
    shape = (*flat.shape[:2], *ijk[0].shape[1:])
    sums = [flat.new_zeros(shape) for _ in range(4 if gradient else 1)]
    for corner in range(8):
        bits = [corner & 1, corner >> 1 & 1, corner >> 2]
        index = [low.long() + bit for low, bit in zip(floors, bits, strict=True)]
        inside = torch.stack([(x >= 0) & (x < n) for x, n in zip(index, sizes, strict=True)]).all(0)
        i, j, k = (x.clamp(0, n - 1) for x, n in zip(index, sizes, strict=True))
        position = ((k * sizes[1] + j) * sizes[0] + i).flatten(1)[:, None].expand(-1, flat.shape[1], -1)
        value = flat.gather(2, position).reshape(shape) * inside[:, None]
        wi, wj, wk = (pair[bit] for pair, bit in zip(weights, bits, strict=True))
        sums[0] = sums[0] + value * (wi * wj * wk)
        if gradient:
            signs = [1 if bit else -1 for bit in bits]
            for axis, product in enumerate((wj * wk, wi * wk, wi * wj)):
                sums[1 + axis] = sums[1 + axis] + value * (signs[axis] * product)
    return sums
