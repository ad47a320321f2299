"""Geometry of a radiograph from its DICOM tags; what is missing or contradictory is named."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.datadict import tag_for_keyword
from pydicom.errors import InvalidDicomError

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.dicom_detector import central_ray_px

# letters of Patient Orientation -> direction in RAS
_DIRECTIONS = {
    "R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1)
}  # fmt: skip
# entry of a C-arm -> the tags that tell it, the better one first
_TAGS = {
    "source_to_detector_mm": ("DistanceSourceToDetector",),
    "source_to_isocenter_mm": ("DistanceSourceToIsocenter", "DistanceSourceToPatient"),
    "primary_angle_deg": ("PositionerPrimaryAngle",),
    "secondary_angle_deg": ("PositionerSecondaryAngle",),
    "pixel_spacing_mm": ("ImagerPixelSpacing",),
}
_INCREMENTS = {
    "primary_angle_deg": "PositionerPrimaryAngleIncrement",
    "secondary_angle_deg": "PositionerSecondaryAngleIncrement",
}


@dataclass(frozen=True)
class KnownGeometry:
    """What somebody knows about the radiograph; each entry replaces the file's tag. Units as in `CArm`."""

    source_to_detector_mm: float | None = None
    source_to_isocenter_mm: float | None = None
    primary_angle_deg: float | None = None
    secondary_angle_deg: float | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    principal_point_px: tuple[float, float] | None = None


@dataclass(frozen=True)
class DicomGeometry:
    """What the tags of a radiograph say.

    Attributes:
        c_arm: distances and angles.
        flip_columns: the image's left and right are exchanged against `CArm`'s view from the detector.
        flip_rows: the image's top and bottom are exchanged.
        notes: sentences about what had to be assumed.
    """

    c_arm: CArm
    flip_columns: bool
    flip_rows: bool
    notes: tuple[str, ...]

    def camera(self, isocenter_ras: np.ndarray) -> Camera:
        """The camera whose isocentre lies at a point of the patient (3,) [mm, RAS]; no tag tells where."""
        # the principal point belongs to the image as it is stored, so it is put in after the flips
        camera = replace(self.c_arm, principal_point_px=None).camera(isocenter_ras)
        camera = camera.flipped(self.flip_columns, self.flip_rows)
        if self.c_arm.principal_point_px is None:
            return camera
        return replace(camera, principal_point_px=self.c_arm.principal_point_px)


def read_dicom_geometry(
    path: Path | str, known: KnownGeometry | None = None, frame: int = 0
) -> DicomGeometry:
    """Reads distances, angles and pixel size of a radiograph (XA, RF, DX, CR, also enhanced).

    Args:
        path: DICOM file; its pixels are not read.
        known: replaces tags, and stands in for missing ones.
        frame: of a rotational series.

    Raises:
        InputError: no DICOM; tags missing (all are named at once); tags that contradict each other.
    """
    path = Path(path)
    return dicom_geometry(_header(path), path.name, known, frame)


def read_told_geometry(path: Path | str, frame: int = 0) -> KnownGeometry:
    """What a DICOM file tells of its geometry, complete or not; for forms that ask for the rest.

    Args:
        path: DICOM file; its pixels are not read.
        frame: of a rotational series.

    Raises:
        InputError: no DICOM.
    """
    return told_geometry(_header(Path(path)), frame)


def told_geometry(dataset: pydicom.Dataset, frame: int = 0) -> KnownGeometry:
    """The same from tags that have been read; None for what they do not tell."""
    numbers = {
        name: _first(*(_number(dataset, keyword, frame) for keyword in keywords))
        for name, keywords in _TAGS.items()
        if name != "pixel_spacing_mm"
    }
    for name, keyword in _INCREMENTS.items():
        if numbers[name] is not None:
            numbers[name] += _increment(dataset, keyword, frame)
    return KnownGeometry(**numbers, pixel_spacing_mm=_detector_spacing(dataset))


def dicom_geometry(
    dataset: pydicom.Dataset, name: str, known: KnownGeometry | None = None, frame: int = 0
) -> DicomGeometry:
    """The same from tags that have been read.

    Args:
        dataset: tags.
        name: of the image, for messages.
        known: replaces tags, and stands in for missing ones.
        frame: of a rotational series.
    """
    known = known or KnownGeometry()
    told = told_geometry(dataset, frame)
    notes: list[str] = []
    values = {name: _first(getattr(known, name), getattr(told, name)) for name in _TAGS}
    missing = [_tag_names(_TAGS[name]) for name, value in values.items() if value is None]
    size = tuple(int(dataset.get(keyword) or 0) for keyword in ("Columns", "Rows"))
    if 0 in size:
        missing.append(_tag_names(("Rows", "Columns")))
    if missing:
        raise InputError(
            f"The geometry of '{name}' is incomplete; its DICOM header lacks {', '.join(missing)}. "
            "Enter these values, or give a camera file."
        )
    spacing = values["pixel_spacing_mm"]
    _check_agreement(dataset, name, known, spacing, size)
    principal = known.principal_point_px
    if principal is None:
        principal, note = central_ray_px(dataset, size)
        notes.append(note)
    c_arm = CArm(**values, image_size_px=size, principal_point_px=principal)
    flips, note = _flips(dataset, c_arm, name)
    notes.append(note)
    return DicomGeometry(c_arm, *flips, tuple(note for note in notes if note))


def _header(path: Path) -> pydicom.Dataset:
    try:
        return pydicom.dcmread(path, stop_before_pixels=True)
    except (OSError, InvalidDicomError) as err:
        raise InputError(
            f"'{path.name}' cannot be read as DICOM ({err}). Give a radiograph in DICOM."
        ) from err


def _first(*values: object) -> object:
    """The first that is known."""
    return next((value for value in values if value is not None), None)


def _check_agreement(
    dataset: pydicom.Dataset,
    name: str,
    known: KnownGeometry,
    spacing: tuple[float, float],
    size: tuple[int, int],
) -> None:
    """Refuses tags that cannot all be true."""
    found = []
    to_detector = _number(dataset, "DistanceSourceToDetector")
    to_patient = _number(dataset, "DistanceSourceToPatient")
    to_isocenter = _number(dataset, "DistanceSourceToIsocenter")
    magnification = _number(dataset, "EstimatedRadiographicMagnificationFactor")
    middle = to_isocenter or to_patient
    if known.source_to_isocenter_mm is not None:
        middle = to_patient = to_isocenter = None  # what was typed replaces the tags
    if to_patient and to_isocenter and abs(to_patient - to_isocenter) > 1:
        found.append(
            f"the distance from source to patient ({to_patient:g} mm) and from source to isocentre "
            f"({to_isocenter:g} mm)"
        )
    all_given = magnification and to_detector and middle and known.source_to_detector_mm is None
    if all_given and abs(to_detector / middle / magnification - 1) > 0.05:
        found.append(
            f"the magnification ({magnification:g}) and the distances ({to_detector:g} / {middle:g} mm, "
            f"which is {to_detector / middle:.3f})"
        )
    shape = str(dataset.get("FieldOfViewShape") or "").upper()
    field = [float(x) for x in _list(dataset.get("FieldOfViewDimensions"))]
    if known.pixel_spacing_mm is None and shape == "RECTANGLE" and len(field) == 2:
        # vendors disagree about which of the two comes first
        sides = sorted((size[0] * spacing[0], size[1] * spacing[1]))
        if max(abs(side / said - 1) for side, said in zip(sides, sorted(field), strict=True)) > 0.05:
            found.append(
                f"the field of view ({field[0]:g} x {field[1]:g} mm) and the pixels ({size[0]} x {size[1]} "
                f"of {spacing[0]:g} x {spacing[1]:g} mm, which is {sides[0]:.0f} x {sides[1]:.0f} mm)"
            )
    if found:
        raise InputError(
            f"The DICOM header of '{name}' contradicts itself: {'; '.join(found)}. "
            "Enter the right values, or give a camera file."
        )


def _detector_spacing(dataset: pydicom.Dataset) -> tuple[float, float] | None:
    """Between columns, between rows; the tag has the distance between rows first."""
    values = [float(x) for x in _list(_find(dataset, "ImagerPixelSpacing"))]
    # PixelSpacing is no substitute: it may be scaled to the patient, and then the distances would not fit
    return (values[1], values[0]) if len(values) == 2 else None


def _flips(dataset: pydicom.Dataset, c_arm: CArm, name: str) -> tuple[tuple[bool, bool], str]:
    """Whether columns and rows run the other way than in the view from the detector."""
    letters = [str(x).upper() for x in _list(dataset.get("PatientOrientation"))]
    if len(letters) != 2 or not all(letters):
        note = (
            "The header does not say which side of the image is left (Patient Orientation): it is taken as "
            "seen from the detector, head up."
        )
        return (False, False), note
    camera = replace(c_arm, principal_point_px=None).camera(np.zeros(3))
    axes = np.array([camera.column_direction, camera.row_direction])
    said = np.array([_direction(word, name) for word in letters])
    agreement = said @ axes.T  # rows: said of columns, of rows; columns: along columns, along rows
    along = np.abs(np.diag(agreement))
    across = np.abs([agreement[0, 1], agreement[1, 0]])
    if np.any(along <= across):
        raise InputError(
            f"The DICOM header of '{name}' contradicts itself: with angles of {c_arm.primary_angle_deg:g} "
            f"and {c_arm.secondary_angle_deg:g} degrees the patient's directions along its columns and rows "
            f"cannot be {letters[0]} and {letters[1]} (the image may have been turned by 90 degrees). "
            "Turn the image upright, or give a camera file."
        )
    return (bool(agreement[0, 0] < 0), bool(agreement[1, 1] < 0)), ""


def _direction(letters: str, name: str) -> np.ndarray:
    if any(letter not in _DIRECTIONS for letter in letters):
        raise InputError(
            f"The Patient Orientation '{letters}' of '{name}' is not known; it is made of the letters "
            "R, L, A, P, H and F. Correct the header."
        )
    # the first letter counts most
    return sum(np.array(_DIRECTIONS[letter]) / 2**n for n, letter in enumerate(letters))


def _increment(dataset: pydicom.Dataset, keyword: str, frame: int) -> float:
    values = [float(x) for x in _list(dataset.get(keyword))]
    return values[frame] if frame < len(values) else 0.0


def _number(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> float | None:
    value = _find(dataset, keyword, frame)
    return None if value in (None, "") else float(value)


def _find(dataset: pydicom.Dataset, keyword: str, frame: int = 0) -> object:
    """Value of a tag, also from the functional groups of enhanced images."""
    for group in _groups(dataset, frame):
        value = group.get(keyword)
        if value not in (None, ""):
            return value
    return None


def _groups(dataset: pydicom.Dataset, frame: int) -> Iterator[pydicom.Dataset]:
    yield dataset
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for group in [*per_frame[frame : frame + 1], *shared]:
        for element in group:
            if element.VR == "SQ":
                yield from element.value


def _list(value: object) -> list:
    if value is None or value == "":
        return []
    return [value] if isinstance(value, (str, float, int)) else list(value)


def _tag_names(keywords: tuple[str, ...]) -> str:
    tags = [int(tag_for_keyword(keyword)) for keyword in keywords]
    return " or ".join(
        f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})" for keyword, tag in zip(keywords, tags, strict=True)
    )
