"""The surface of a mask as points with normals, for what needs no triangles."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry

_SMOOTHING = 0.8
"""Standard deviation [voxels]; takes the steps away and little of the shape."""


@dataclass(frozen=True, eq=False)
class SurfacePoints:
    """Oriented points that cover a surface evenly.

    Attributes:
        vertices: (N, 3) float64 [mm].
        normals: (N, 3); outward, unit length.
        areas: (N,); of the surface around each point [mm^2].
        name: for messages.
    """

    vertices: np.ndarray
    normals: np.ndarray
    areas: np.ndarray
    name: str

    def moved(self, target_from_source: np.ndarray) -> "SurfacePoints":
        """Carried by a rigid map or a reflection (4, 4)."""
        linear = target_from_source[:3, :3]
        return SurfacePoints(
            self.vertices @ linear.T + target_from_source[:3, 3],
            self.normals @ linear.T,
            self.areas,
            self.name,
        )


def mask_surface(mask: np.ndarray, geometry: VolumeGeometry, name: str) -> SurfacePoints:
    """Points where the smoothed mask is one half.

    A mask that is cut off by the edge of the image has no surface there.

    Args:
        mask: (K, J, I) bool.
        geometry: its grid; oblique and unequal voxels are allowed.
        name: for messages.

    Returns:
        Points in RAS.

    Raises:
        InputError: too few voxels for a surface.
    """
    # the edge voxels go on outside: a cut is no surface
    share = gaussian_filter(mask.astype(np.float64), _SMOOTHING, mode="nearest")
    slope_ijk = np.stack(np.gradient(share), -1)[..., ::-1]
    found = [_crossings(share, slope_ijk, axis) for axis in range(3)]
    ijk, slope, axes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if len(ijk) < 100:
        raise InputError(
            f"'{name}' has too few voxels for a surface ({int(mask.sum())}). Give a finer image."
        )
    linear = geometry.ras_from_ijk[:3, :3]
    # gradients turn with the inverse transpose; the mask falls outwards
    normals = -slope @ np.linalg.inv(linear)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    # each crossing of a grid line stands for the face of a voxel across this line. Seen along its normal, a
    # piece of surface is met by lines of all three directions: their shares are the squares of the cosines
    spacing_mm = geometry.spacing_mm[axes]
    cosine = np.abs((normals * (linear / geometry.spacing_mm).T[axes]).sum(1))
    areas = geometry.voxel_volume_mm3 / spacing_mm * cosine
    return SurfacePoints(ijk @ linear.T + geometry.ras_from_ijk[:3, 3], normals, areas, name)


def _crossings(
    share: np.ndarray, slope_ijk: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where grid lines along an axis pass one half: index (n, 3), slope there (n, 3), the axis (n,)."""
    along = 2 - axis  # of the array
    before, after = np.moveaxis(share, along, 0)[:-1], np.moveaxis(share, along, 0)[1:]
    crossed = (before > 0.5) != (after > 0.5)
    part = (0.5 - before[crossed]) / (after[crossed] - before[crossed])
    index = np.argwhere(crossed).astype(np.float64)
    kji = np.insert(index[:, 1:], along, index[:, 0] + part, axis=1)
    slopes = np.moveaxis(slope_ijk, along, 0)
    slope = (1 - part)[:, None] * slopes[:-1][crossed] + part[:, None] * slopes[1:][crossed]
    return kji[:, ::-1], slope, np.full(len(part), axis)
