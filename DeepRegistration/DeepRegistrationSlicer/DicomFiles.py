"""The DICOM file that a volume of the scene came from."""

from functools import lru_cache
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.geometry_file import file_begins_with

INSTANCE_UIDS = "DICOM.instanceUIDs"
"""Attribute that Slicer's DICOM module gives a volume: the files that it was made of."""


def dicomFileOf(volume: slicer.vtkMRMLVolumeNode) -> Path | None:
    """The file, for a volume that was made of one; None if there is none, or not any more.

    Slicer's DICOM database knows what was imported; a file that was dropped into the window is remembered by
    the volume's storage.
    """
    for path in (_databaseFile(volume), _storageFile(volume)):
        if path is not None and path.is_file() and _isDicom(path, path.stat().st_mtime_ns):
            return path
    return None


def _databaseFile(volume: slicer.vtkMRMLVolumeNode) -> Path | None:
    uids = (volume.GetAttribute(INSTANCE_UIDS) or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if len(uids) != 1 or database is None:
        return None
    file = database.fileForInstance(uids[0])
    return Path(file) if file else None


def _storageFile(volume: slicer.vtkMRMLVolumeNode) -> Path | None:
    storage = volume.GetStorageNode()
    if storage is None or storage.GetNumberOfFileNames() > 1 or not storage.GetFileName():
        return None
    return Path(storage.GetFullNameFromFileName())


@lru_cache(maxsize=32)
def _isDicom(path: Path, modified_ns: int) -> bool:
    try:
        return file_begins_with(path, b"DICM", at=128)
    except InputError:
        return False
