"""A bone atlas before it is registered: checked, its files, its middle, its node in the scene."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.remote_file import sha256_of
from DeepRegistrationSlicer.AtlasSource import Atlas, AtlasInScene, BoneAtlas, bringAtlas, broughtAtlas
from DeepRegistrationSlicer.MrmlBridge import checkVolume, readVolume
from DeepRegistrationSlicer.MrmlSlices import middleOf

_CT, _LABELS = "atlas_ct", "atlas_labels"
_SUFFIXES = (".nii.gz", ".nrrd")


def checkBoneAtlas(atlas: Atlas) -> None:
    """Refuses an atlas that lacks something.

    Raises:
        InputError: what is missing, and what to do.
    """
    if isinstance(atlas, AtlasInScene):
        checkVolume(atlas.volume, "atlas")
        if atlas.labels is None or atlas.labels.GetScene() is None:
            raise InputError(
                f"No labels are chosen for the atlas '{atlas.volume.GetName()}'; they say what of it is the "
                "bone. Choose a segmentation or a label volume."
            )
        if atlas.labels is atlas.volume:
            raise InputError(
                f"'{atlas.volume.GetName()}' is chosen as atlas and as its labels. Choose another one."
            )
        return
    if atlas.folder is not None and not atlas.folder.is_dir():
        raise InputError(f"The atlas folder '{atlas.folder}' does not exist. Choose another one.")
    for stem in (_CT, _LABELS):
        if _file(atlas, stem) is None:
            raise InputError(
                f"The folder '{atlas.place}' has no {stem}.nii.gz. Choose a folder with an atlas, or the "
                "femur that comes with the program."
            )


def middleOfAtlas(atlas: Atlas) -> np.ndarray:
    """(3,) [mm]; middle of a checked atlas, in its own RAS."""
    if isinstance(atlas, AtlasInScene):
        return middleOf(atlas.volume)
    path = _file(atlas, _CT)
    return np.array(_middleOfFile(path, path.stat().st_mtime_ns))


def nodeOf(atlas: Atlas) -> slicer.vtkMRMLScalarVolumeNode | None:
    """A checked atlas in the scene; None if nobody has brought it there yet."""
    if isinstance(atlas, AtlasInScene):
        return atlas.volume
    path = _file(atlas, _CT)
    return broughtAtlas(_checksum(path, path.stat().st_mtime_ns))


def ensureNode(atlas: Atlas) -> slicer.vtkMRMLScalarVolumeNode:
    """A checked atlas in the scene; it is brought there if needed.

    Raises:
        InputError: its file cannot be read.
    """
    found = nodeOf(atlas)
    if found is not None:
        return found
    path = _file(atlas, _CT)
    return bringAtlas(path, sha256_of(path))


def imagesOf(atlas: Atlas) -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLNode]:
    """CT and labels of a checked atlas, to be looked at: those on disk do not come into the scene.

    Raises:
        InputError: a file cannot be read.
    """
    if isinstance(atlas, AtlasInScene):
        return atlas.volume, atlas.labels
    labels = readVolume(_file(atlas, _LABELS), "vtkMRMLLabelMapVolumeNode")
    return readVolume(_file(atlas, _CT)), labels


def _file(atlas: BoneAtlas, stem: str) -> Path | None:
    paths = (atlas.place / f"{stem}{suffix}" for suffix in _SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


# the panel asks often; numbers are kept, not nodes, which would outlive the scene
@lru_cache(maxsize=4)
def _middleOfFile(path: Path, modified_ns: int) -> tuple[float, float, float]:
    return tuple(middleOf(readVolume(path)))


@lru_cache(maxsize=4)
def _checksum(path: Path, modified_ns: int) -> str:
    return sha256_of(path)
