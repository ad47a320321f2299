"""Reads the CTs of the collection that the X-ray registration is trained on and measured on."""

from pathlib import Path

from DeepRegistrationLib.data.xray_split import XrayCt
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume


def read_xray_ct(entry: XrayCt, folder: Path) -> tuple[Volume, Volume | None]:
    """A CT [HU] with voxels of their true size, and its bones on the same grid if there are labels.

    Args:
        entry: which one.
        folder: of the CTs (`ct-bone`).

    Raises:
        InputError: a file is missing or cannot be read.
    """
    ct_path, labels_path = entry.paths(folder)
    ct = read_volume(ct_path).with_voxels_scaled(entry.header_factor)
    if labels_path is None:
        return ct, None
    return ct, read_volume(labels_path, labels=True).with_voxels_scaled(entry.header_factor)
