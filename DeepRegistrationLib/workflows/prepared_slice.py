"""Slices made comparable: masked, cropped, scaled to 0..1, with their plane's axes and centroid."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import cropped
from DeepRegistrationLib.images.moments import centre_of_gravity_ras
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain

_WORTH_SHARE = 0.25
"""Slices of a stack that show less than this share of the largest section tell little about the pose."""


@dataclass(frozen=True, eq=False)
class PreparedSlice:
    """One slice, or the parallel slices of a stack, ready to be compared with an atlas.

    Attributes:
        image: (K, J, I) float32, cropped to the mask; 0.1..1 inside, 0 outside.
        mask: float32, on the same grid; 1 inside, 0 outside.
        centre_ras: (3,) float64; centroid of the mask [mm, RAS].
        thickness_mm: of a slice as acquired [mm].
        first_number: number that the first of these slices has in the image it was taken from.
    """

    image: Volume
    mask: Volume
    centre_ras: np.ndarray
    thickness_mm: float
    first_number: int

    @property
    def ras_from_slice(self) -> np.ndarray:
        """(3, 3) float64, a rotation; columns are the slice's x (along i), y (along j), x cross y, in RAS."""
        axes = self.image.geometry.ras_from_ijk[:3, :2] / self.image.geometry.spacing_mm[:2]
        return np.stack([axes[:, 0], axes[:, 1], np.cross(axes[:, 0], axes[:, 1])], 1)

    @property
    def normal(self) -> torch.Tensor:
        """(3,) float32 on the image's device; x cross y, in RAS."""
        return torch.as_tensor(self.ras_from_slice[:, 2].copy()).to(self.image.values)

    def areas_mm2(self) -> torch.Tensor:
        """(K,); area of the mask in each slice [mm^2]."""
        return self.mask.values.sum((1, 2)) * float(np.prod(self.mask.geometry.spacing_mm[:2]))

    def single(self, index: int) -> "PreparedSlice":
        """One of the slices, with its own centroid."""
        rows, columns = self.mask.geometry.shape_kji[1:]
        box = (slice(index, index + 1), slice(0, rows), slice(0, columns))
        mask = cropped(self.mask, box)
        number = self.first_number + index
        return PreparedSlice(
            cropped(self.image, box), mask, centre_of_gravity_ras(mask), self.thickness_mm, number
        )

    def thinned(self, most: int) -> "PreparedSlice":
        """Every n-th slice of those that show much of the brain, about the same centroid.

        Args:
            most: number of slices, at most.
        """
        areas = self.areas_mm2()
        shown = torch.nonzero(areas > _WORTH_SHARE * areas.max()).flatten()
        first, last = int(shown[0]), int(shown[-1])
        step = -(-(last - first + 1) // most)
        matrix = self.image.geometry.ras_from_ijk.copy()
        matrix[:3, 3] += first * matrix[:3, 2]
        matrix[:3, 2] *= step
        values = self.image.values[first : last + 1 : step]
        geometry = VolumeGeometry(tuple(values.shape), matrix)
        mask = Volume(self.mask.values[first : last + 1 : step], geometry, self.mask.name)
        image = Volume(values, geometry, self.image.name)
        return replace(self, image=image, mask=mask, first_number=self.first_number + first)

    def level(self, pixel_mm: float) -> tuple[Volume, Volume]:
        """Image and mask (both float32) smoothed and resampled within the planes to square pixels [mm]."""
        size_mm = (pixel_mm, pixel_mm, float(self.image.geometry.spacing_mm[2]))
        return downsample(self.image, size_mm), downsample(self.mask, size_mm)

    def pixel_positions(self, image: Volume, scale: float = 1.0) -> np.ndarray:
        """(3, 3); position in the plane about the centroid [mm, times a scale] from (column, row, 1)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.ras_from_slice.T
        in_plane = matrix @ image.geometry.ras_from_ijk
        shift = self.ras_from_slice.T @ self.centre_ras
        found = np.eye(3)
        found[:2, :2] = scale * in_plane[:2, :2]
        found[:2, 2] = scale * (in_plane[:2, 3] - shift[:2])
        return found


def prepare_slice(
    image: Volume, mask: Volume, thickness_mm: float | None, device: torch.device
) -> PreparedSlice:
    """Masks, crops and scales slices.

    Args:
        image: (K, J, I), slices along k; any intensities.
        mask: on the same grid; the brain is where it is not zero.
        thickness_mm: of a slice [mm]; None takes the spacing along k.
        device: where the result lives.

    Returns:
        The prepared slices.

    Raises:
        InputError: the mask is empty.
    """
    brain = prepare_brain(image, mask, device)
    thickness = float(image.geometry.spacing_mm[2]) if thickness_mm is None else thickness_mm
    first_ijk = image.geometry.ijk_from_ras @ brain.image.geometry.ras_from_ijk[:, 3]
    return PreparedSlice(brain.image, brain.mask, brain.centre_ras, thickness, round(float(first_ijk[2])))
