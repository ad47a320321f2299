"""What the biplanar networks know of their input: the grid of the volumes and the two cameras."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.detector_rays import DetectorRays
from DeepRegistrationLib.geometry.grid import index_grid, sample
from DeepRegistrationLib.geometry.velocity_field import index_frame
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.projection.projector import ProjectionSettings, project


@dataclass(frozen=True)
class BiplanarSize:
    """Sizes of images, volumes and layers.

    Attributes:
        image_shape_px: rows and columns of the radiographs; each divisible by 2 to the number of levels.
        volume_shape_kji: voxels of the atlas.
        spacing_mm: of the atlas, along i, j, k [mm].
        encoder: features of each 2D level; each level halves rows and columns.
        decoder: features of each 3D step, one more than levels: all but the last are followed by upsampling.
        copies: M, how often the last 2D features are copied along the depth.

    Raises:
        ValueError: sizes that do not fit together.
    """

    image_shape_px: tuple[int, int] = (112, 80)
    volume_shape_kji: tuple[int, int, int] = (96, 64, 96)
    spacing_mm: tuple[float, float, float] = (1.328, 1.328, 2.0)
    encoder: tuple[int, ...] = (8, 16, 32, 64)
    decoder: tuple[int, ...] = (32, 16, 16, 8, 8)
    copies: int = 4

    def __post_init__(self) -> None:
        parts = 2 ** len(self.encoder)
        if any(n % parts for n in self.image_shape_px) or len(self.decoder) != len(self.encoder) + 1:
            raise ValueError(
                f"images {self.image_shape_px} cannot be halved {len(self.encoder)} times, or the decoder "
                f"{self.decoder} does not have one step more"
            )

    @property
    def planes(self) -> int:
        """Depth of the decoded features: planes of the beam."""
        return self.copies * 2 ** len(self.encoder)


def biplanar_size(size: "BiplanarSize | Mapping[str, Sequence[float]]") -> BiplanarSize:
    """The size itself, or one from the numbers that are kept beside weights."""
    if isinstance(size, BiplanarSize):
        return size
    return BiplanarSize(
        **{name: tuple(value) if isinstance(value, Sequence) else value for name, value in size.items()}
    )


LAPTOP = BiplanarSize()
PAPER = BiplanarSize(
    image_shape_px=(224, 160),
    volume_shape_kji=(192, 128, 192),
    spacing_mm=(0.664, 0.664, 1.0),
    encoder=(16, 32, 64, 128, 256),
    decoder=(64, 32, 32, 16, 16, 16),
)
"""Image, volume, decoder and copies as published; of the encoder it is only said that its features double."""


@dataclass(frozen=True, eq=False)
class BiplanarViews:
    """Cameras and grid of a batch.

    Attributes:
        geometry: of all volumes: the atlas and everything that is warped.
        cameras: of the first and of the second view, of B patients each (or one camera for all).
    """

    geometry: VolumeGeometry
    cameras: tuple[DetectorRays, DetectorRays]

    def project(self, volumes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both radiographs of volumes.

        Args:
            volumes: (B or 1, 1, K, J, I); attenuation [1/mm].

        Returns:
            First and second view, each (B, 1, rows, columns).
        """
        settings = ProjectionSettings(step_mm=float(self.geometry.spacing_mm.mean()))
        first, second = (project(volumes, self.geometry, rays, None, settings) for rays in self.cameras)
        return first, second

    def pairs(self, volumes: torch.Tensor, radiographs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the encoders see: a projected volume beside the radiograph that it should look like.

        Args:
            volumes: (B or 1, 1, K, J, I).
            radiographs: (B, 2, rows, columns); first and second view, in the unit of the projections.

        Returns:
            First and second view, each (B, 2, rows, columns).
        """
        batch = len(radiographs)
        with torch.autocast(volumes.device.type, enabled=False):  # few digits would blur positions
            images = self.project(volumes)
        projected = (image.expand(batch, -1, -1, -1) for image in images)
        first, second = (
            torch.cat([image, radiographs[:, view : view + 1]], 1) for view, image in enumerate(projected)
        )
        return first, second


def warp_volumes(
    volumes: torch.Tensor,
    geometry: VolumeGeometry,
    moving_from_fixed: torch.Tensor,
    displacement: torch.Tensor | None = None,
) -> torch.Tensor:
    """Volumes at T(x + u(x)) for the voxels x of their own grid.

    Args:
        volumes: (B or 1, C, K, J, I) floating.
        geometry: of the volumes and of the result.
        moving_from_fixed: (B, 4, 4); affine maps T [mm, RAS].
        displacement: (B, K, J, I, 3); u [mm, RAS]; None is no displacement.

    Returns:
        (B, C, K, J, I); 0 where the volumes do not reach. Differentiable in everything.
    """
    with torch.autocast(volumes.device.type, enabled=False):  # few digits would round positions
        return _warped(volumes, geometry, moving_from_fixed, displacement)


def _warped(
    volumes: torch.Tensor,
    geometry: VolumeGeometry,
    moving_from_fixed: torch.Tensor,
    displacement: torch.Tensor | None,
) -> torch.Tensor:
    if displacement is None:
        index = index_grid(geometry.shape_kji, volumes.device, volumes.dtype)[None]
    else:
        start, index_from_mm = index_frame(geometry, displacement)
        index = start + displacement @ index_from_mm
    return sample(volumes, indices_after(index, geometry, moving_from_fixed))


def indices_after(
    index: torch.Tensor, geometry: VolumeGeometry, moving_from_fixed: torch.Tensor
) -> torch.Tensor:
    """Where affine maps send indices of a grid, as indices of the same grid.

    Args:
        index: (B or 1, K, J, I, 3) floating.
        geometry: the grid.
        moving_from_fixed: (B, 4, 4); [mm, RAS].

    Returns:
        (B, K, J, I, 3).
    """
    # composed in float64, in indices: a far origin costs no precision
    matrix = moving_from_fixed.double()
    ijk_from_ras, ras_from_ijk = (
        torch.from_numpy(np.ascontiguousarray(m)).to(matrix.device)
        for m in (geometry.ijk_from_ras, geometry.ras_from_ijk)
    )
    index_map = (ijk_from_ras @ matrix @ ras_from_ijk).to(index)
    index = index.expand(len(matrix), -1, -1, -1, -1)
    ijk = torch.einsum("bkjic,bdc->bkjid", index, index_map[:, :3, :3])
    return ijk + index_map[:, None, None, None, :3, 3]
