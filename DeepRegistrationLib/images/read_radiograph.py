"""Reading radiographs from files: the stored pixels, and what the file tells about their meaning.

SimpleITK (GDCM, PNG, TIFF, NRRD, NIfTI) decodes the pixels; pydicom reads the tags.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read import image_name

_KNOWN = "DICOM (CR, DX, XA, RF), PNG, TIFF, JPEG, NRRD, MetaImage or NIfTI"
_NOT_RADIOGRAPHS = ("CT", "MR", "PT", "NM", "US", "SEG", "RTDOSE", "SM", "OCT")
# files in which several pictures are frames of one recording; elsewhere they are slices of a volume
_FRAMES_IN = (".tif", ".tiff")


@dataclass(frozen=True)
class RadiographTags:
    """What DICOM tags tell about the meaning of the pixels; None where the file does not tell.

    Attributes:
        modality: as CR, DX, XA.
        photometric: MONOCHROME1 shows small numbers bright, MONOCHROME2 large ones.
        relationship: LIN: proportional to the X-ray intensity; LOG: to its logarithm.
        sign: +1: small numbers are little X-ray intensity (air is large); -1: the other way round.
    """

    modality: str | None = None
    photometric: str | None = None
    relationship: str | None = None
    sign: int | None = None


@dataclass(frozen=True, eq=False)
class StoredRadiograph:
    """Pixels as a file stores them; what they mean is still open.

    Attributes:
        values: (rows, columns) float32; a DICOM rescale has been applied, a window (VOI) has not.
        name: of the image; never a patient's name.
        tags: what the file tells.
        path: of the file; its DICOM header may hold the geometry.
        is_dicom: it is a DICOM file.
        frame: which one of the file, from 0.
        notes: sentences about what was done.
    """

    values: torch.Tensor
    name: str
    tags: RadiographTags
    path: Path
    is_dicom: bool = False
    frame: int = 0
    notes: tuple[str, ...] = ()


def read_radiograph(path: Path | str, frame: int | None = None) -> StoredRadiograph:
    """Reads one radiograph.

    Args:
        path: DICOM, PNG, TIFF, JPEG, NRRD, MetaImage or NIfTI; one 2D image, or frames in DICOM or TIFF.
        frame: which one of several frames, from 0; None where there is only one.

    Returns:
        Pixels in the order of the file: row 0 is the first row.

    Raises:
        InputError: missing, empty, damaged, no image, a volume, several frames and none chosen, colour,
            NaN, constant, or no radiograph.
    """
    path = Path(path)
    name = image_name(path)
    _check_file(path)
    header = _dicom_header(path)
    if header is not None:
        _check_modality(header, name)
    image = _decoded(path, header)
    array, frame = _one_frame(sitk.GetArrayFromImage(image), image, path, header is not None, name, frame)
    array, notes = _grey(array, image.GetNumberOfComponentsPerPixel(), name)
    _check_pixels(array, name)
    tags = RadiographTags() if header is None else _tags(header)
    values = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    return StoredRadiograph(values, name, tags, path, header is not None, frame, notes)


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"'{path.name}' is a folder; a radiograph is one file. Choose the file: {_KNOWN}.")
    if not path.exists():
        raise InputError(f"The file '{path}' does not exist. Check the path.")
    if path.stat().st_size == 0:
        raise InputError(f"The file '{path.name}' is empty (0 bytes). Copy or download it again.")


def _dicom_header(path: Path) -> pydicom.Dataset | None:
    """Tags of a DICOM file, also of one without the preamble; None for other files."""
    kind = sitk.ImageFileReader.GetImageIOFromFileName(str(path))
    if not kind:
        with path.open("rb") as file:
            if file.read(132)[128:] == b"DICM":
                raise _damaged(path)
        raise InputError(f"'{path.name}' is not an image that can be read. Give {_KNOWN}.")
    return pydicom.dcmread(path, stop_before_pixels=True, force=True) if kind == "GDCMImageIO" else None


def _check_modality(header: pydicom.Dataset, name: str) -> None:
    modality = str(header.get("Modality") or "")
    if modality in _NOT_RADIOGRAPHS:
        raise InputError(
            f"'{name}' is a DICOM image of the modality {modality} and not a radiograph. "
            "Choose a CR, DX, XA or RF image."
        )


def _decoded(path: Path, header: pydicom.Dataset | None) -> sitk.Image:
    try:
        if header is None or header.get("PhotometricInterpretation") != "MONOCHROME1":
            return sitk.ReadImage(str(path))
        # ITK would turn small and large numbers round without a word
        with tempfile.TemporaryDirectory() as folder:
            copy = pydicom.dcmread(path, force=True)
            copy.PhotometricInterpretation = "MONOCHROME2"
            copy.save_as(Path(folder) / "copy.dcm")
            return sitk.ReadImage(str(Path(folder) / "copy.dcm"))
    except (RuntimeError, OSError, ValueError) as err:
        raise _damaged(path) from err


def _damaged(path: Path) -> InputError:
    return InputError(
        f"'{path.name}' cannot be read; it is damaged, incomplete or compressed in a way that is not known. "
        "Copy or download it again, or export it without compression."
    )


def _one_frame(
    array: np.ndarray, image: sitk.Image, path: Path, is_dicom: bool, name: str, frame: int | None
) -> tuple[np.ndarray, int]:
    """(rows, columns) or (rows, columns, C), and the number of the frame."""
    several = image.GetNumberOfComponentsPerPixel() > 1
    array = array if several else array[..., None]  # (..., rows, columns, C)
    if array.ndim == 3:
        array = array[None]
    count = int(np.prod(array.shape[:-3]))
    size = " x ".join(str(n) for n in image.GetSize())
    if count > 1 and not is_dicom and path.suffix.lower() not in _FRAMES_IN:
        raise InputError(
            f"'{name}' is a volume ({size} voxels) and not a radiograph. Choose a 2D image: {_KNOWN}."
        )
    array = array.reshape(count, *array.shape[-3:])
    if frame is None and count > 1:
        raise InputError(
            f"'{name}' has {count} frames. Say which one is to be used: a number from 0 to {count - 1}."
        )
    frame = frame or 0
    if not 0 <= frame < count:
        raise InputError(
            f"Frame {frame} was asked for, but '{name}' has the frames 0 to {count - 1}. Choose one of them."
        )
    return array[frame], frame


def _grey(array: np.ndarray, components: int, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """(rows, columns) from (rows, columns, C); a grey picture that is stored in colour is grey."""
    if components == 1:
        return array[..., 0], ()
    colours = array[..., :3] if components >= 3 else array[..., :1]  # a last value is the opacity
    if components in (2, 4) and np.ptp(array[..., -1]) > 0:
        raise InputError(
            f"'{name}' is partly transparent; a radiograph is not. Save it without transparency."
        )
    if components > 4 or np.any(colours != colours[..., :1]):
        raise InputError(
            f"'{name}' is a colour picture ({components} values per pixel); a radiograph has one grey value. "
            "Choose the radiograph itself, not a picture with coloured marks or a screenshot."
        )
    return colours[..., 0], ("The file stores grey as colour with equal values; one of them was taken.",)


def _check_pixels(array: np.ndarray, name: str) -> None:
    wrong = array.size - int(np.isfinite(array).sum())
    if wrong:
        raise InputError(
            f"'{name}' has {wrong} pixels that are not numbers (NaN or infinite). "
            "Replace them, for instance by 0, and save the image again."
        )
    if min(array.shape) < 2:
        raise InputError(
            f"'{name}' has {array.shape[1]} x {array.shape[0]} pixels, which is no radiograph. "
            "Choose another file."
        )
    if array.min() == array.max():
        raise InputError(
            f"'{name}' is constant: every pixel has the value {array.min():g}, so there is nothing to align. "
            "Choose another image."
        )


def _tags(header: pydicom.Dataset) -> RadiographTags:
    sign = header.get("PixelIntensityRelationshipSign")
    return RadiographTags(
        modality=str(header.get("Modality") or "") or None,
        photometric=str(header.get("PhotometricInterpretation") or "") or None,
        relationship=str(header.get("PixelIntensityRelationship") or "").upper() or None,
        sign=int(sign) if sign in (-1, 1) else None,
    )
