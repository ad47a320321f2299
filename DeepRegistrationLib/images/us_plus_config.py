"""The calibration of a probe from a PLUS configuration file (fCal's ImageToProbe)."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration

_PROBES = ("Probe", "Transducer", "TransducerOriginPixel")
_LARGEST_FILE = 20_000_000


@dataclass(frozen=True, eq=False)
class PlusConfiguration:
    """What a PLUS configuration says of the image.

    Attributes:
        calibration: pixels to probe, or None.
        probe: name of the tool that the calibration leads to, such as "Probe".
        spacing_mm: size of a pixel from the scan conversion [mm], or None.
        clip_px: (column, row, columns, rows) of the part with tissue, or None.
    """

    calibration: UltrasoundCalibration | None
    probe: str
    spacing_mm: tuple[float, float] | None
    clip_px: tuple[int, int, int, int] | None


def read_plus_configuration(path: Path | str) -> PlusConfiguration:
    """Reads pixel size, calibration and clip rectangle.

    Args:
        path: the XML file with `PlusConfiguration`.

    Returns:
        What it holds; the calibration is ImageToProbe, else ImageToTransducer, else any that begins at Image.

    Raises:
        InputError: missing, no PLUS configuration, or with neither calibration nor pixel size.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise InputError(f"'{path.name}' is too large for a PLUS configuration. Choose the XML file.")
        root = ElementTree.fromstring(path.read_bytes())
    except OSError as err:
        raise InputError(f"The PLUS configuration '{path}' cannot be opened ({err.strerror}).") from err
    except ElementTree.ParseError as err:
        raise InputError(
            f"'{path.name}' is no XML file ({err}). Choose the PLUS configuration of this probe."
        ) from err
    found = _calibration(root, path.name)
    spacing = _numbers(root, "ScanConversion", "OutputImageSpacingMmPerPixel", 2, path.name)
    origin = _numbers(root, "VolumeReconstruction", "ClipRectangleOrigin", 2, path.name)
    size = _numbers(root, "VolumeReconstruction", "ClipRectangleSize", 2, path.name)
    if found is None and spacing is None:
        raise InputError(
            f"'{path.name}' holds no calibration of the image: no Transform From=\"Image\" under "
            "CoordinateDefinitions and no ScanConversion. Calibrate with fCal, or give the pixel size."
        )
    clip = None if origin is None or size is None else tuple(round(n) for n in (*origin, *size))
    calibration, probe = found or (None, "Probe")
    return PlusConfiguration(calibration, probe, spacing, clip)


def _calibration(root: ElementTree.Element, file: str) -> tuple[UltrasoundCalibration, str] | None:
    given = {
        entry.get("To", ""): entry.get("Matrix", "")
        for entry in root.iter("Transform")
        if entry.get("From") == "Image"
    }
    ordered = [probe for probe in _PROBES if probe in given] + [p for p in given if p not in _PROBES]
    if not ordered:
        return None
    probe = ordered[0]
    numbers = _parsed(given[probe], f"Image to {probe}", file)
    if len(numbers) != 16:
        raise InputError(
            f"In '{file}' the transform from Image to {probe} has {len(numbers)} numbers instead of 16. "
            "Calibrate again with fCal."
        )
    matrix = np.array(numbers).reshape(4, 4)
    return UltrasoundCalibration.from_matrix(matrix, f"{file}: Image to {probe}"), probe


def _numbers(
    root: ElementTree.Element, element: str, attribute: str, count: int, file: str
) -> tuple[float, ...] | None:
    for entry in root.iter(element):
        if attribute in entry.attrib:
            numbers = _parsed(entry.attrib[attribute], attribute, file)
            if len(numbers) != count:
                raise InputError(f"In '{file}' {attribute} has {len(numbers)} numbers instead of {count}.")
            return tuple(numbers)
    return None


def _parsed(text: str, what: str, file: str) -> list[float]:
    try:
        return [float(word) for word in text.split()]
    except ValueError as err:
        raise InputError(f"In '{file}' {what} is no list of numbers: '{text[:60]}'.") from err
