"""A brain made comparable: masked, cropped, scaled to 0..1, with centre and size."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.crop import box_around, cropped_geometry
from DeepRegistrationLib.images.intensity import normalize_robust, percentile
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from DeepRegistrationLib.images.pyramid import FWHM_PER_SIGMA, downsample, smooth
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

    def oversampled(self, resolution_mm: float) -> Volume:
        """The image at a resolution, on voxels of half that size.

        Linear interpolation between voxels as large as the resolution blurs along the diagonals and not
        along the axes, which pulls a pose towards orientations where grids coincide; half the size makes
        that negligible.
        """
        fine = downsample(self.image, resolution_mm / 2)
        have_mm = max(resolution_mm / 2, float(self.image.geometry.spacing_mm.max()))
        # widths of point-spread functions add as squares
        missing_mm = max(resolution_mm**2 - have_mm**2, 0.0) ** 0.5
        return smooth(fine, missing_mm / FWHM_PER_SIGMA)


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
    box = box_around(inside, image.geometry, _MARGIN_MM)
    values, inside = image.values[box].to(device).float(), inside[box].to(device)
    # the darkest tissue must still differ from the background, which is 0
    scaled = 0.1 + 0.9 * _normalized(values, inside)
    geometry = cropped_geometry(image.geometry, box)
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
