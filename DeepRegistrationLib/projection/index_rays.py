"""Rays in the indices of a volume, and which samples are taken on them."""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.detector_rays import DetectorRays


@dataclass(frozen=True, eq=False)
class IndexRays:
    """Rays as the kernels march them.

    Sample k of the ray of column u and row v lies at index `source + fraction_k direction(u, v)`, where
    `direction = origin_offset + u column_step + v row_step` leads from the source to the pixel and
    `fraction_k = (k + phase) step`. All samples with one k lie in a plane parallel to the detector.

    Attributes:
        source: (B, 3) float64; index (i, j, k) of the source in the volume.
        directions: (B, 3, 3) float64; rows: origin_offset, column_step, row_step [index].
        step: (B,) float64; part of the way from source to detector between two samples.
        phase: where in its step a sample lies; 0.5 is the middle (midpoint rule).
        shape_px: rows, columns.
    """

    source: torch.Tensor
    directions: torch.Tensor
    step: torch.Tensor
    phase: float
    shape_px: tuple[int, int]

    @property
    def batch(self) -> int:
        """Number of images."""
        return self.source.shape[0]

    def detached(self) -> "IndexRays":
        """The same rays, not part of a graph."""
        return IndexRays(
            self.source.detach(), self.directions.detach(), self.step.detach(), self.phase, self.shape_px
        )

    def to(self, device: torch.device) -> "IndexRays":
        """The same rays on a device; in float32 on MPS, which knows no float64."""
        dtype = torch.float32 if device.type == "mps" else torch.float64
        source, directions, step = (
            x.to(device=device, dtype=dtype) for x in (self.source, self.directions, self.step)
        )
        return IndexRays(source, directions, step, self.phase, self.shape_px)


def index_rays(
    rays: DetectorRays, ijk_from_world: torch.Tensor, step: torch.Tensor, phase: float
) -> IndexRays:
    """Rays of a camera seen from a volume; differentiable in both arguments.

    Args:
        rays: B cameras.
        ijk_from_world: (B, 4, 4) float64; index of a world point [RAS, mm]; affine.
        step: (B,) float64; part of the way from source to detector between two samples.
        phase: where in its step a sample lies.
    """
    linear, origin = ijk_from_world[:, :3, :3], ijk_from_world[:, :3, 3]
    source = (linear @ rays.source[..., None])[..., 0] + origin
    # the difference is taken in the world, in float64: a far origin costs no digits
    axes = torch.stack([rays.origin - rays.source, rays.column_step, rays.row_step], dim=1)  # (B, 3, 3)
    return IndexRays(source, axes @ linear.transpose(1, 2), step, phase, rays.shape_px)


def sample_range(rays: IndexRays, shape_kji: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Fractions between which each ray is inside the volume.

    Outside of the outermost voxel centres the volume fades to zero within one voxel, so the slabs reach from
    -1 to n along each axis.

    Args:
        rays: B images.
        shape_kji: size of the volume.

    Returns:
        first and last fraction, each (B, rows, columns), within [0, 1]; first > last where the ray
        misses.
    """
    first = rays.source.new_zeros(rays.batch, *rays.shape_px)
    last = torch.ones_like(first)
    for axis, size in enumerate(reversed(shape_kji)):
        towards = directions_along(rays, axis)  # (B, rows, columns)
        start = rays.source[:, axis, None, None]
        # a ray parallel to the slab crosses nothing: a tiny slope puts the crossings far away, correctly
        towards = torch.where(towards.abs() < 1e-12, torch.full_like(towards, 1e-12), towards)
        one, other = (-1.0 - start) / towards, (size - start) / towards
        first = torch.maximum(first, torch.minimum(one, other))
        last = torch.minimum(last, torch.maximum(one, other))
    return first, last


def directions_along(rays: IndexRays, axis: int) -> torch.Tensor:
    """(B, rows, columns); component along one index of the way from the source to each pixel."""
    options = {"dtype": rays.source.dtype, "device": rays.source.device}
    rows, columns = (torch.arange(n, **options) for n in rays.shape_px)
    offset, along_u, along_v = rays.directions[:, :, axis, None, None].unbind(1)  # each (B, 1, 1)
    return offset + along_u * columns + along_v * rows[:, None]
