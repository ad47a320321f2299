"""Source and detector as tensors, so that a camera can be differentiated; many cameras at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera


@dataclass(frozen=True, eq=False)
class DetectorRays:
    """Rays from a point source to the pixels of a flat detector.

    The ray of column u and row v runs from `source` to `origin + u column_step + v row_step`.

    Attributes:
        source: (B, 3) [mm, RAS].
        origin: (B, 3); centre of pixel (0, 0) [mm, RAS].
        column_step: (B, 3); from one column to the next [mm, RAS].
        row_step: (B, 3); from one row to the next [mm, RAS].
        shape_px: rows, columns.

    Raises:
        ValueError: shapes or types that do not fit; positions far from the origin need float64.
    """

    source: torch.Tensor
    origin: torch.Tensor
    column_step: torch.Tensor
    row_step: torch.Tensor
    shape_px: tuple[int, int]

    def __post_init__(self) -> None:
        for vectors in (self.source, self.origin, self.column_step, self.row_step):
            if vectors.shape != (self.source.shape[0], 3) or vectors.dtype != torch.float64:
                raise ValueError(f"expected (B, 3) float64, got {tuple(vectors.shape)} {vectors.dtype}")

    @property
    def batch(self) -> int:
        """Number of cameras."""
        return self.source.shape[0]

    def ray_lengths(self) -> torch.Tensor:
        """(B, rows, columns) float64; from the source to the centre of each pixel [mm]."""
        first = self.origin - self.source
        rows, columns = (
            torch.arange(n, dtype=torch.float64, device=self.source.device) for n in self.shape_px
        )
        # |first + u c + v r|^2 from inner products: no (B, rows, columns, 3) tensor is made
        axes = torch.stack([first, self.column_step, self.row_step], dim=1)  # (B, 3, 3)
        gram = axes @ axes.transpose(1, 2)
        along_u = 2 * gram[:, 0, 1, None] * columns + gram[:, 1, 1, None] * columns.square()  # (B, columns)
        along_v = 2 * gram[:, 0, 2, None] * rows + gram[:, 2, 2, None] * rows.square()  # (B, rows)
        mixed = 2 * gram[:, 1, 2, None, None] * (rows[:, None] * columns)  # (B, rows, columns)
        return (gram[:, 0, 0, None, None] + along_u[:, None] + along_v[..., None] + mixed).sqrt()

    def source_to_detector_mm(self) -> torch.Tensor:
        """(B,) float64; distance of the source from the detector's plane [mm]."""
        normal = torch.linalg.cross(self.column_step, self.row_step)
        unit = normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
        return ((self.origin - self.source) * unit).sum(-1).abs()

    def expanded(self, batch: int) -> "DetectorRays":
        """The same rays for a batch of poses; only one camera can be repeated."""
        vectors = (self.source, self.origin, self.column_step, self.row_step)
        return DetectorRays(*(v.expand(batch, 3) for v in vectors), self.shape_px)

    def detached(self) -> "DetectorRays":
        """The same rays, not part of a graph."""
        vectors = (self.source, self.origin, self.column_step, self.row_step)
        return DetectorRays(*(v.detach() for v in vectors), self.shape_px)

    def to(self, device: torch.device) -> "DetectorRays":
        """The same rays on a device."""
        vectors = (self.source, self.origin, self.column_step, self.row_step)
        return DetectorRays(*(v.to(device) for v in vectors), self.shape_px)


def rays_of_cameras(cameras: Camera | Sequence[Camera]) -> DetectorRays:
    """Rays of one or several cameras.

    Args:
        cameras: all with the same number of rows and columns.

    Returns:
        Rays on the CPU; B is the number of cameras.

    Raises:
        InputError: images of different sizes.
    """
    cameras = [cameras] if isinstance(cameras, Camera) else list(cameras)
    shapes = {camera.shape_px for camera in cameras}
    if len(shapes) != 1:
        raise InputError(
            f"Radiographs that are projected together must have one size; found (rows, columns) "
            f"{sorted(shapes)}. Resize them, or project them one after the other."
        )
    columns = [camera.column_direction * camera.pixel_spacing_mm[0] for camera in cameras]
    rows = [camera.row_direction * camera.pixel_spacing_mm[1] for camera in cameras]
    vectors = (
        [camera.source_ras for camera in cameras],
        [camera.detector_origin_ras for camera in cameras],
        columns,
        rows,
    )
    return DetectorRays(*(torch.from_numpy(np.stack(v)) for v in vectors), shapes.pop())
