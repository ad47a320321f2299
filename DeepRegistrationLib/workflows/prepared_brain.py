"""A brain made comparable: masked, cropped, scaled to 0..1, with centre and size."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.intensity import normalize_robust, percentile
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.volume import Volume

_MARGIN_MM = 6.0
"""Kept around the mask, so that smoothing and gradients see the border."""


@dataclass(frozen=True, eq=False)
class PreparedBrain:
    """A brain ready to be compared with another one.

    Attributes:
        image: float32, cropped to the mask; 0..1 inside, 0 outside.
        mask: float32, on the same grid; 1 inside, 0 outside.
        centre_ras: (3,) float64; centre of gravity of the mask [mm, RAS].
        radius_mm: radius of the ball with the mask's volume [mm].
    """

    image: Volume
    mask: Volume
    centre_ras: np.ndarray
    radius_mm: float

    @property
    def volume_ml(self) -> float:
        """Volume of the mask [mL]."""
        return 4 / 3 * np.pi * self.radius_mm**3 / 1000

    def level(self, spacing_mm: float) -> tuple[Volume, Volume]:
        """Image and mask (both float32) smoothed and resampled to isotropic voxels of this size [mm]."""
        return downsample(self.image, spacing_mm), downsample(self.mask, spacing_mm)


def prepare_brain(image: Volume, mask: Volume, device: torch.device) -> PreparedBrain:
    """Masks, crops and scales an image.

    Args:
        image: any intensities.
        mask: on the same grid; the brain is where it is not zero.
        device: where the result lives.

    Returns:
        The prepared brain.

    Raises:
        InputError: the mask is empty.
    """
    inside = mask.values != 0
    if not bool(inside.any()):
        raise InputError(
            f"The brain mask '{mask.name}' is empty. Choose another mask, or none to have it found."
        )
    kept = _bounding_box(inside, image.geometry)
    values, inside = image.values[kept].to(device).float(), inside[kept].to(device)
    # the darkest tissue must still differ from the background, which is 0
    scaled = 0.1 + 0.9 * _normalized(values, inside)
    geometry = _cropped(image.geometry, kept)
    weight = inside.float()
    prepared_mask = Volume(weight, geometry, mask.name)
    volume_mm3_inside = volume_mm3(prepared_mask)
    return PreparedBrain(
        image=Volume(scaled * weight, geometry, image.name),
        mask=prepared_mask,
        centre_ras=centre_of_gravity_ras(prepared_mask),
        radius_mm=float((3 * volume_mm3_inside / (4 * np.pi)) ** (1 / 3)),
    )


def _normalized(values: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """0..1; an object without structure becomes 1, so that its outline is still compared."""
    within = values[inside]
    if float(percentile(within, 99.0)) - float(percentile(within, 1.0)) <= 1e-6 * float(within.abs().max()):
        return torch.ones_like(values)
    return normalize_robust(values, inside)


def _bounding_box(inside: torch.Tensor, geometry: VolumeGeometry) -> tuple[slice, slice, slice]:
    """Slices along k, j, i around the mask, with a margin."""
    slices = []
    for axis, spacing_mm in enumerate(geometry.spacing_mm[::-1]):
        others = tuple(other for other in range(3) if other != axis)
        present = torch.nonzero(inside.any(dim=others[1]).any(dim=others[0])).flatten()
        margin = int(np.ceil(_MARGIN_MM / spacing_mm))
        slices.append(slice(max(int(present[0]) - margin, 0), int(present[-1]) + margin + 1))
    return slices[0], slices[1], slices[2]


def _cropped(geometry: VolumeGeometry, kept: tuple[slice, slice, slice]) -> VolumeGeometry:
    shape = tuple(min(part.stop, n) - part.start for part, n in zip(kept, geometry.shape_kji, strict=True))
    ras_from_ijk = geometry.ras_from_ijk.copy()
    first_ijk = np.array([part.start for part in kept[::-1]], dtype=np.float64)
    ras_from_ijk[:3, 3] += ras_from_ijk[:3, :3] @ first_ijk
    return VolumeGeometry(shape, ras_from_ijk)
