"""Bones of a CT when no labels are given: what is as dense as bone, in pieces that are not specks."""

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.volume import Volume

BONE_HU = 200.0
"""Cancellous bone begins here; vessels and bowel with contrast agent may reach it too."""
_SMALLEST_MM3 = 2000.0
"""A patella has 10,000 mm^3, an opacified vessel or a calcification less than this."""


def find_bones(ct: Volume, threshold_hu: float = BONE_HU) -> Volume:
    """Marks bone by its density.

    Marrow that is enclosed by dense bone in a slice belongs to the bone.

    Args:
        ct: CT numbers [HU].
        threshold_hu: what is at least as dense is bone.

    Returns:
        Mask (bool) on the grid of `ct`.

    Raises:
        InputError: nothing is that dense.
    """
    dense = ct.values.cpu().numpy() >= threshold_hu
    pieces, count = ndimage.label(dense)
    sizes = np.bincount(pieces.ravel()) * ct.geometry.voxel_volume_mm3
    sizes[0] = 0  # the background
    if count == 0 or sizes.max() < _SMALLEST_MM3:
        raise InputError(
            f"No bone was found in '{ct.name}': no piece of {_SMALLEST_MM3:g} mm^3 is denser than "
            f"{threshold_hu:g} HU. Give a bone segmentation, or check that this is a CT in HU."
        )
    kept = (sizes >= _SMALLEST_MM3)[pieces]
    filled = np.stack([ndimage.binary_fill_holes(plane) for plane in kept])
    return ct.with_values(torch.from_numpy(filled).to(ct.values.device), f"{ct.name} bones")
