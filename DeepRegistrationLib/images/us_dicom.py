"""Ultrasound frames of one DICOM file: stills, several stills of an exam, or a cine loop."""

from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
import torch
from pydicom.errors import InvalidDicomError

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_grey import grey_frames

_CENTIMETRE = 3
"""Code of the physical unit; PS3.3 C.8.5.5.1.15."""
_TISSUE = 1
"""Code of the region's data type; PS3.3 C.8.5.5.1.3."""


def is_dicom(path: Path) -> bool:
    """True if a file has the mark of DICOM, or can be read as DICOM without it."""
    with path.open("rb") as file:
        start = file.read(132)
    return start[128:] == b"DICM" or path.suffix.lower() in (".dcm", ".dicom")


def read_dicom_frames(path: Path, name: str) -> UltrasoundFrames:
    """Reads every frame of a DICOM file.

    The pixel size is taken from the ultrasound regions, else from the pixel spacing; a spacing of exactly 1
    mm is what exports without a calibration write and counts as not told.

    Args:
        path: one DICOM file.
        name: of the frames.

    Returns:
        The frames, with the tissue region if the file tells it.

    Raises:
        InputError: no DICOM, no pixels, or a compression that cannot be read here.
    """
    try:
        dataset = pydicom.dcmread(path, force=True)
    except (InvalidDicomError, OSError, EOFError, ValueError) as err:
        raise InputError(f"'{path.name}' cannot be read as DICOM ({err}). Export it again.") from err
    if "PixelData" not in dataset:
        raise InputError(f"'{path.name}' holds no image. Choose the file with the ultrasound frames.")
    array = _pixels(dataset, path)
    colours = int(dataset.get("SamplesPerPixel", 1))
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    if frames == 1 and array.ndim == (3 if colours > 1 else 2):
        array = array[None]
    values, annotated = grey_frames(array, name)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        values = values.max() - values  # stored with white as zero
    spacing, region = _regions(dataset, tuple(values.shape[1:]))
    if spacing is None:
        rows_columns = [float(s) for s in dataset.get("PixelSpacing") or (1.0, 1.0)]
        spacing = None if rows_columns == [1.0, 1.0] else (rows_columns[1], rows_columns[0])
    return UltrasoundFrames(
        values, spacing, name, region=region, annotated=annotated, times_s=_times(dataset, len(values))
    )


def _pixels(dataset: pydicom.Dataset, path: Path) -> np.ndarray:
    try:
        return dataset.pixel_array
    except (AttributeError, RuntimeError, ValueError, NotImplementedError) as err:
        try:
            return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))
        except RuntimeError:
            syntax = getattr(dataset.file_meta, "TransferSyntaxUID", None)
            told = getattr(syntax, "name", "unknown")
            raise InputError(
                f"The images of '{path.name}' cannot be unpacked (compression: {told}). "
                "Export the file uncompressed, or as JPEG or JPEG 2000."
            ) from err


def _regions(
    dataset: pydicom.Dataset, shape: tuple[int, int]
) -> tuple[tuple[float, float] | None, torch.Tensor | None]:
    """Pixel size and place of the largest tissue region that is measured in cm."""
    best, spacing, region = 0, None, None
    for entry in dataset.get("SequenceOfUltrasoundRegions") or ():
        units = (entry.get("PhysicalUnitsXDirection"), entry.get("PhysicalUnitsYDirection"))
        if entry.get("RegionDataType") != _TISSUE or units != (_CENTIMETRE, _CENTIMETRE):
            continue
        x0, x1 = int(entry.RegionLocationMinX0), int(entry.RegionLocationMaxX1)
        y0, y1 = int(entry.RegionLocationMinY0), int(entry.RegionLocationMaxY1)
        area = (x1 - x0 + 1) * (y1 - y0 + 1)
        # a negative step means that the machine's own axis runs the other way; the size is what counts
        size = (10 * abs(float(entry.PhysicalDeltaX)), 10 * abs(float(entry.PhysicalDeltaY)))
        if area > best and all(size):
            best, spacing = area, size
            region = torch.zeros(shape, dtype=torch.bool)
            region[y0 : y1 + 1, x0 : x1 + 1] = True
    return spacing, region


def _times(dataset: pydicom.Dataset, count: int) -> np.ndarray | None:
    steps = dataset.get("FrameTimeVector")
    if steps is not None and not isinstance(steps, (int, float)) and len(steps) == count:
        return np.cumsum([float(step) for step in steps]) / 1000
    step = dataset.get("FrameTime")
    return np.arange(count) * float(step) / 1000 if step and count > 1 else None
