"""The camera of a radiograph, wherever its geometry is written: camera file, XMALab file or DICOM header."""

from pathlib import Path

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.dicom_camera import KnownGeometry, read_dicom_geometry
from DeepRegistrationLib.images.geometry_file import check_size, file_begins_with, read_geometry_file
from DeepRegistrationLib.images.read_radiograph import StoredRadiograph


def radiograph_camera(
    stored: StoredRadiograph,
    geometry: Path | str | None = None,
    isocenter_ras: np.ndarray | None = None,
    known: KnownGeometry | None = None,
) -> tuple[Camera, tuple[str, ...]]:
    """Finds the camera of a radiograph and checks that it fits the image.

    Args:
        stored: the radiograph.
        geometry: camera file (JSON), calibration of XMALab (text) or a DICOM file; None takes the header of
            the radiograph itself.
        isocenter_ras: (3,); where the isocentre of the C-arm lies in the world [mm, RAS]; needed for DICOM,
            which does not tell. For a registration it is usually the middle of the CT.
        known: replaces DICOM tags and stands in for missing ones; its distance of source and detector
            completes a calibration of XMALab, which does not hold it.

    Returns:
        The camera, and sentences about what had to be assumed.

    Raises:
        InputError: there is no geometry, it is incomplete, or belongs to an image of another size.
    """
    known = known or KnownGeometry()
    notes: tuple[str, ...] = ()
    if geometry is None and not stored.is_dicom:
        raise InputError(
            f"'{stored.name}' does not tell where source and detector were: it is no DICOM file. "
            "Give a camera file (JSON) or a calibration file of XMALab with it."
        )
    path = stored.path if geometry is None else Path(geometry)
    if geometry is None or file_begins_with(path, b"DICM", at=128):
        camera, notes = _dicom_camera(path, stored.frame, isocenter_ras, known)
    else:
        camera = read_geometry_file(path, known.source_to_detector_mm)
    check_size(tuple(stored.values.shape), camera, stored.name)
    return camera, notes


def _dicom_camera(
    path: Path, frame: int, isocenter_ras: np.ndarray | None, known: KnownGeometry
) -> tuple[Camera, tuple[str, ...]]:
    geometry = read_dicom_geometry(path, known, frame)
    if isocenter_ras is None:
        raise InputError(
            f"The DICOM header of '{path.name}' tells distances and angles, but not where the isocentre of "
            "the C-arm was in the patient. Give this point [mm, RAS]; the middle of the CT is a good start."
        )
    return geometry.camera(np.asarray(isocenter_ras, dtype=np.float64)), geometry.notes
