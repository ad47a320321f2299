"""Reads the CTs of the collection that the X-ray registration is trained on and measured on."""

from pathlib import Path

from DeepRegistrationLib.data.xray_split import XrayCt
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume


def read_xray_ct(entry: XrayCt, folder: Path) -> tuple[Volume, Volume | None]:
    """A CT [HU] with voxels of their true size and place, and its bones on the same grid if there are labels.

    Args:
        entry: which one.
        folder: of the CTs (`ct-bone`).

    Raises:
        InputError: a file is missing or cannot be read.
    """
    ct_path, labels_path = entry.paths(folder)
    ct = _mended(read_volume(ct_path), entry)
    if labels_path is None:
        return ct, None
    return ct, _mended(read_volume(labels_path, labels=True), entry)


def _mended(volume: Volume, entry: XrayCt) -> Volume:
    """The volume with the header that it should have."""
    volume = volume.with_voxels_scaled(entry.header_factor)
    return volume if entry.reversed_axis is None else volume.with_axis_reversed(entry.reversed_axis)
