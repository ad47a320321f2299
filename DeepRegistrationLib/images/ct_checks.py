"""What is refused of a CT and of its bone labels before any work starts."""

from collections.abc import Collection

import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import check_same_grid
from DeepRegistrationLib.images.volume import Volume

_DARKEST_HU, _BRIGHTEST_HU = -50.0, 150.0
"""A CT of a patient holds air or fat, which lie below the first, and bone, which lies above the second."""


def check_ct(ct: Volume) -> None:
    """Refuses an image whose numbers cannot be those of a CT with bone.

    Args:
        ct: the CT [HU].

    Raises:
        InputError: nothing as dark as fat, or nothing as bright as bone.
    """
    low, high = (value.item() for value in ct.values.aminmax())
    found = f"its values go from {low:g} to {high:g}"
    if low > _DARKEST_HU:
        remedy = "Choose a CT; where its numbers begin at 0, subtract 1024."
        raise InputError(
            f"'{ct.name}' is not in Hounsfield units: {found}, and nothing in it is as dark as fat or air. "
            + remedy
        )
    if high < _BRIGHTEST_HU:
        raise InputError(
            f"'{ct.name}' shows no bone: {found} HU, and bone has more than {_BRIGHTEST_HU:g}. "
            "Choose a CT in Hounsfield units that shows the bones of the radiograph."
        )


def check_bones(labels: Volume, ct: Volume, wanted: Collection[int]) -> None:
    """Refuses labels that do not belong to the CT or that do not hold the wanted bones.

    Args:
        labels: integers; 0 is background.
        ct: the CT.
        wanted: values that shall be registered; empty takes all.

    Raises:
        InputError: another grid, or a wanted label without a voxel.
    """
    check_same_grid(labels, ct)
    there = set(torch.unique(labels.values).tolist()) - {0}
    missing = sorted(set(wanted) - there)
    if missing:
        raise InputError(
            f"'{labels.name}' has no voxel with the label {', '.join(map(str, missing))}; it holds the "
            f"labels {', '.join(map(str, sorted(there)[:20]))}. Choose some of these."
        )
