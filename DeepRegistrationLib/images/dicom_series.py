"""A folder with one DICOM series as a volume, through SimpleITK (GDCM)."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import check_shape

_POSITION, _DESCRIPTION, _COMPONENTS = "0020|0032", "0008|103e", "0028|0002"


def read_dicom_series(folder: Path) -> sitk.Image:
    """Reads the only series of a folder.

    Args:
        folder: all files of one series, any names.

    Returns:
        3D image, slices in order of position.

    Raises:
        InputError: no series, several series, missing slices, or slices that cannot be stacked.
    """
    names = _series_files(folder)
    if len(names) == 1:
        return sitk.ReadImage(names[0])  # one file with all frames, or one slice: refused by its size
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    reader.MetaDataDictionaryArrayUpdateOn()
    # ITK would print a warning about uneven slices and go on; _check_positions refuses them
    reader.SetSpacingWarningRelThreshold(np.inf)
    try:
        image = reader.Execute()
    except RuntimeError as err:
        raise InputError(
            f"The DICOM series in '{folder.name}' cannot be read: its {len(names)} slices differ in size or "
            "a file is "
            "damaged. Export the series again."
        ) from err
    check_shape(image.GetSize()[::-1], folder.name)
    if all(reader.HasMetaDataKey(k, _POSITION) for k in range(len(names))):
        text = [reader.GetMetaData(k, _POSITION) for k in range(len(names))]
        positions = np.array([[float(x) for x in position.split("\\")] for position in text])
        _check_positions(positions, np.array(image.GetDirection()).reshape(3, 3)[:, 2], folder.name)
    return image


def _series_files(folder: Path) -> tuple[str, ...]:
    # GDCM prints a warning for a folder without DICOM; the error below says it better
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
        files = {uid: sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid) for uid in series}
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
    if not files:
        raise InputError(
            f"The folder '{folder.name}' holds no DICOM series. Give the folder in which the DICOM files of "
            "one "
            "series lie, or one NIfTI, NRRD or MetaImage file."
        )
    if len(files) > 1:
        listed = "; ".join(f"'{_description(names[0])}' ({len(names)} files)" for names in files.values())
        raise InputError(
            f"The folder '{folder.name}' holds {len(files)} DICOM series: {listed}. "
            "Move the one to be registered into a folder of its own."
        )
    return next(iter(files.values()))


def _description(file_name: str) -> str:
    reader = sitk.ImageFileReader()
    reader.SetFileName(file_name)
    reader.ReadImageInformation()
    text = reader.GetMetaData(_DESCRIPTION).strip() if reader.HasMetaDataKey(_DESCRIPTION) else ""
    return text or "no description"


def _check_positions(positions_lps: np.ndarray, normal: np.ndarray, name: str) -> None:
    """Refuses slices (N, 3) [mm] that are not one regular stack along the normal (3,)."""
    steps = np.diff(positions_lps, axis=0)
    along = steps @ normal
    spacing = np.median(np.abs(along))
    if spacing < 1e-3:
        raise InputError(
            f"The DICOM series in '{name}' has several slices at one position, so it holds more than one "
            "volume. "
            "Export one of them as NIfTI or NRRD."
        )
    uneven = np.abs(np.abs(along) - spacing) > 0.05 * spacing + 0.01
    if uneven.any():
        raise InputError(
            f"The DICOM series in '{name}' has gaps: the {len(positions_lps)} slices are "
            f"{np.abs(along).min():.2f} to "
            f"{np.abs(along).max():.2f} mm apart. Add the missing slices, or export the volume as NIfTI or "
            "NRRD."
        )
    sideways = np.linalg.norm(steps - along[:, None] * normal, axis=1).max()
    if sideways > 0.01 * spacing + 0.01:
        raise InputError(
            f"The DICOM series in '{name}' is sheared: each slice is shifted by {sideways:.2f} mm against "
            "the one before "
            "(tilted gantry). Resample it onto a regular grid first, for instance in Slicer."
        )
