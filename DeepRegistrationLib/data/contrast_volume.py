"""One age of the atlas as training material of the contrast transfer: what every T1 of it is mixed from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.atlases.fetal_atlas import AtlasImage, FetalAtlas, load_atlas_image
from DeepRegistrationLib.data.fetal_split import Split, entries_of
from DeepRegistrationLib.data.t1_contrast import Tissue, tissue_fractions
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.canonical_grid import cube_geometry
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, volume_mm3
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume

T2, REST, MASK, OUTSIDE = (len(Tissue) + number for number in range(4))
"""Channels after the tissues: T2, what tissues do not explain of it, mask, distance outside the tissue."""

_CLOSED_MM = 3.0
"""Sulci narrower than twice this belong to the brain, however tightly it is masked."""
_CALIBRATION_VOXELS = 4096


@dataclass(frozen=True, eq=False)
class ContrastVolume:
    """A brain about its centre, in units of its radius, axes RAS.

    Attributes:
        channels: (13, n, n, n) float32; tissue fractions in the order of `Tissue`, then `T2`, `REST`, `MASK`
            and `OUTSIDE` [radii]; on the canonical cube (`geometry/canonical_grid.py`).
        calibration: (13, V) float32; the channels of some voxels within the mask, for its percentiles.
        fluid_minus_cortex: difference of the mean T2 intensities of the two.
    """

    channels: torch.Tensor
    calibration: torch.Tensor
    fluid_minus_cortex: float

    def to(self, device: torch.device) -> "ContrastVolume":
        """The same on a device."""
        return ContrastVolume(self.channels.to(device), self.calibration.to(device), self.fluid_minus_cortex)


def contrast_volume(atlas: AtlasImage, size: int = 72, seed: int = 0) -> ContrastVolume:
    """Prepares one age of the atlas.

    Args:
        atlas: T2 image with mask and labels of the CRL key.
        size: voxels along each edge.
        seed: of the choice of the calibration voxels.

    Returns:
        The volume, on the CPU.

    Raises:
        InputError: the atlas has no labels, or none of fluid or cortex.
    """
    if atlas.labels is None:
        raise InputError(
            f"The atlas image '{atlas.image.name}' has no labels, from which its T1 contrast is made. "
            "Choose an atlas with labels."
        )
    mask = atlas.mask.with_values(atlas.mask.values.float())
    radius_mm = (3 * volume_mm3(mask) / (4 * np.pi)) ** (1 / 3)
    ras_from_brain = np.eye(4)
    ras_from_brain[:3, 3] = centre_of_gravity_ras(mask)
    cube = cube_geometry(size, radius_mm, ras_from_brain)
    fractions = tissue_fractions(atlas.labels.values)
    t2 = _on_cube(atlas.image, cube)
    inside = (_on_cube(mask, cube) > 0.5).float()
    tissues = torch.stack([_on_cube(mask.with_values(fraction), cube) for fraction in fractions])
    # a voxel of the mask without a label is rare; fluid fills it so that the fractions add up to 1
    tissues[Tissue.FLUID] += (1 - tissues.sum(0)).clamp(min=0)
    tissues, t2 = tissues * inside, t2 * inside
    pure = tissues**4  # voxels that are mixed hardly count for a tissue's mean
    weight = pure.sum((1, 2, 3))  # (9,)
    if not (weight[Tissue.FLUID] > 0 and weight[Tissue.CORTEX] > 0):
        raise InputError(
            f"The labels of '{atlas.image.name}' name no fluid or no cortex. Choose an atlas with both."
        )
    mean = (pure * t2).sum((1, 2, 3)) / weight.clamp(min=1e-6)
    rest = t2 - torch.einsum("t,tkji->kji", mean, tissues)
    outside = torch.as_tensor(_distance_outside_tissue_mm(tissues, cube) / radius_mm).float()
    channels = torch.cat([tissues, torch.stack([t2, rest, inside, outside])])
    within = torch.nonzero(inside.flatten()).flatten()
    generator = torch.Generator().manual_seed(seed)
    some = within[torch.randint(len(within), (_CALIBRATION_VOXELS,), generator=generator)]
    return ContrastVolume(
        channels, channels.flatten(1)[:, some], float(mean[Tissue.FLUID] - mean[Tissue.CORTEX])
    )


def load_contrast_volumes(folder: Path, split: Split, device: torch.device) -> tuple[ContrastVolume, ...]:
    """The weeks of an atlas that belong to a split.

    Args:
        folder: with image, mask and label map of each week.
        split: which weeks.
        device: where the volumes go.

    Returns:
        One volume per week, ascending.

    Raises:
        InputError: the folder holds no atlas or no such week, or a week has no labels.
    """
    atlas = FetalAtlas.from_folder(folder)
    entries = entries_of(atlas, split)
    if not entries:
        raise InputError(
            f"The atlas folder '{folder}' has no week for {split}; found weeks "
            f"{', '.join(f'{entry.gestational_age_weeks:g}' for entry in atlas.files)}. "
            "Choose a folder with the weeks 21 to 37."
        )
    return tuple(contrast_volume(load_atlas_image(entry)).to(device) for entry in entries)


def _on_cube(volume: Volume, cube: VolumeGeometry) -> torch.Tensor:
    return resample(downsample(volume, float(cube.spacing_mm[0])), cube).values


def _distance_outside_tissue_mm(tissues: torch.Tensor, cube: VolumeGeometry) -> np.ndarray:
    """Distance to the brain's tissue with its ventricles and sulci; 0 inside."""
    spacing_mm = float(cube.spacing_mm[0])
    solid = (tissues.sum(0) - tissues[Tissue.FLUID] > 0.5).numpy()
    near = ndimage.distance_transform_edt(~solid) * spacing_mm <= _CLOSED_MM
    closed = ndimage.distance_transform_edt(near) * spacing_mm > _CLOSED_MM
    return ndimage.distance_transform_edt(~ndimage.binary_fill_holes(closed | solid)) * spacing_mm
