"""Three anatomical planes through the brain, sampled from any volume at the resolution of the picture.

Pictures follow the radiological convention of Slicer's slice views: the patient's left is on the right side
of axial and coronal pictures, anterior is on the left side of sagittal ones.
"""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume

_MARGIN = 1.12
"""Shown width and height relative to the brain's."""
_LEAST_SHARE = 0.88
"""Smallest width or height relative to the largest."""
_TARGET_SAMPLES = 200_000
"""Voxels looked at for window and bounding box; more change nothing that is seen."""


@dataclass(frozen=True)
class View:
    """An anatomical direction of view.

    Attributes:
        name: of the plane.
        right: (x, y, z) RAS direction that points to the right in the picture.
        down: RAS direction that points down in the picture.
        letters: what is at the left, right, top and bottom edge of the picture.
    """

    name: str
    right: tuple[float, float, float]
    down: tuple[float, float, float]
    letters: tuple[str, str, str, str]


AXIAL = View("axial", (-1, 0, 0), (0, -1, 0), ("R", "L", "A", "P"))
CORONAL = View("coronal", (-1, 0, 0), (0, 0, -1), ("R", "L", "S", "I"))
SAGITTAL = View("sagittal", (0, -1, 0), (0, 0, -1), ("A", "P", "S", "I"))
VIEWS = (AXIAL, CORONAL, SAGITTAL)


@dataclass(frozen=True, eq=False)
class Region:
    """Box around the brain, along the RAS axes.

    Attributes:
        centre_ras: (3,); where the planes cross [mm].
        extent_mm: (3,); shown size along x, y, z [mm].
    """

    centre_ras: np.ndarray
    extent_mm: np.ndarray


def brain_region(volume: Volume) -> Region:
    """The box around everything that is not background.

    Args:
        volume: image whose background is dark.

    Returns:
        The box with a margin; the whole field of view if there is no background.
    """
    step = _stride(volume)
    coarse = volume.values[::step, ::step, ::step].float().cpu()
    foreground = coarse > _background(coarse)
    if not foreground.any():
        foreground = torch.ones_like(foreground)
    ijk = torch.nonzero(foreground).flip(1).double().numpy() * step  # (N, 3)
    ras = ijk @ volume.geometry.ras_from_ijk[:3, :3].T + volume.geometry.ras_from_ijk[:3, 3]
    low, high = ras.min(0), ras.max(0)
    # nearly a cube: the subject before registration may have its longest axis anywhere
    extent_mm = np.maximum(high - low, _LEAST_SHARE * (high - low).max())
    return Region((low + high) / 2, extent_mm * _MARGIN + 2 * volume.geometry.spacing_mm.max())


def plane_geometry(view: View, region: Region, pixel_mm: float) -> VolumeGeometry:
    """Grid of one slice: i to the right, j down, through the middle of the region.

    Args:
        view: direction of view.
        region: what is shown.
        pixel_mm: size of a pixel [mm].

    Returns:
        Geometry with one slice.
    """
    right, down = np.array(view.right), np.array(view.down)
    columns, rows = (int(np.ceil(abs(axis @ region.extent_mm) / pixel_mm)) for axis in (right, down))
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = right * pixel_mm, down * pixel_mm
    matrix[:3, 2] = np.cross(right, down)
    matrix[:3, 3] = region.centre_ras - matrix[:3, 0] * (columns - 1) / 2 - matrix[:3, 1] * (rows - 1) / 2
    return VolumeGeometry((1, rows, columns), matrix)


def slice_of(
    volume: Volume, plane: VolumeGeometry, volume_from_ras: np.ndarray | None = None, labels: bool = False
) -> np.ndarray:
    """Values of a volume on a plane.

    Args:
        volume: image or labels.
        plane: grid with one slice.
        volume_from_ras: (4, 4); RAS of the volume from RAS of the plane [mm]; None is the identity.
        labels: nearest voxel instead of interpolation.

    Returns:
        (rows, columns).
    """
    return resample(volume, plane, volume_from_ras, labels).values[0].cpu().numpy()


def window(volume: Volume) -> tuple[float, float]:
    """Values shown as black and as white: robust percentiles of what is not background."""
    step = _stride(volume)
    values = volume.values[::step, ::step, ::step].float().cpu()
    foreground = values[values > _background(values)].numpy()
    if foreground.size < 10:
        foreground = values.numpy().ravel()
    low, high = np.percentile(foreground, (1, 99.5))
    return float(min(low, 0.0) if low < 0 else low * 0.5), float(high if high > low else low + 1)


def to_grey(values: np.ndarray, black_white: tuple[float, float]) -> np.ndarray:
    """Values as grey, 0 to 1."""
    black, white = black_white
    return np.clip((values - black) / (white - black), 0, 1)


def _background(values: torch.Tensor) -> float:
    low, high = np.percentile(values.numpy(), (0.5, 99.5))
    return float(low + 0.05 * (high - low))


def _stride(volume: Volume) -> int:
    return max(1, round((volume.values.numel() / _TARGET_SAMPLES) ** (1 / 3)))
