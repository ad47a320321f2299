"""Ultrasound frames from whatever file they lie in, with everything unusable refused in a sentence."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read import image_name
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_dicom import is_dicom, read_dicom_frames
from DeepRegistrationLib.images.us_grey import grey_frames
from DeepRegistrationLib.images.us_metaimage import read_metaimage_frames
from DeepRegistrationLib.images.us_nrrd import read_nrrd_frames

_KNOWN = "PNG, JPEG, TIFF, DICOM, NRRD (also .seq.nrrd) or MetaImage (also .igs.mha)"
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
_SUFFIXES = (".igs.mha", ".igs.mhd", ".seq.nrrd", ".seq.nhdr")


def read_ultrasound(path: Path | str) -> UltrasoundFrames:
    """Reads the frames of one file.

    Args:
        path: a picture, a DICOM file, a NRRD file or a MetaImage.

    Returns:
        One or more frames.

    Raises:
        InputError: missing, empty, damaged, no image, NaN or constant.
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "nothing"
        raise InputError(
            f"There is {found} at '{path}' where a file with frames was expected. Give {_KNOWN}."
        )
    if path.stat().st_size == 0:
        raise InputError(f"The file '{path.name}' is empty (0 bytes). Copy or download it again.")
    name, suffix = _name(path), path.suffix.lower()
    try:
        if suffix in (".mha", ".mhd"):
            return read_metaimage_frames(path, name)
        if suffix in (".nrrd", ".nhdr"):
            return read_nrrd_frames(path, name)
        if suffix in _PICTURES:
            return _read_picture(path, name)
        if is_dicom(path):
            return read_dicom_frames(path, name)
    except OSError as err:
        raise InputError(f"'{path.name}' cannot be opened ({err.strerror or err}).") from err
    raise InputError(f"'{path.name}' is not an image that can be read. Give {_KNOWN}.")


def read_triplet(paths: Sequence[Path | str]) -> UltrasoundFrames:
    """Reads frames from one file each, in the order of time.

    Args:
        paths: files with one frame each.

    Returns:
        One sequence.

    Raises:
        InputError: a file cannot be read, holds several frames, or differs in size from the first.
    """
    read = [read_ultrasound(path) for path in paths]
    first = read[0]
    for frames in read:
        if len(frames) != 1:
            raise InputError(
                f"'{frames.name}' holds {len(frames)} frames; one was expected. Give it with --sequence."
            )
        if frames.values.shape != first.values.shape:
            (rows, columns), (r, c) = first.values.shape[1:], frames.values.shape[1:]
            raise InputError(
                f"'{frames.name}' has {c} x {r} pixels, '{first.name}' {columns} x {rows}. Consecutive "
                "frames of one recording have one size; choose frames of one recording."
            )
        if not _same_spacing(frames.spacing_mm, first.spacing_mm):
            raise InputError(
                f"The pixels of '{frames.name}' have another size than those of '{first.name}'. "
                "Choose frames taken at one depth."
            )
    marked = [frames.annotated for frames in read if frames.annotated is not None]
    return UltrasoundFrames(
        values=torch.cat([frames.values for frames in read]),
        spacing_mm=first.spacing_mm,
        name=first.name,
        region=first.region,
        annotated=torch.stack(marked).any(0) if marked else None,
        ras_from_image=first.ras_from_image,
    )


def _same_spacing(first: tuple[float, float] | None, second: tuple[float, float] | None) -> bool:
    if first is None or second is None:
        return first is second
    return bool(np.allclose(first, second, rtol=1e-3))


def _name(path: Path) -> str:
    for suffix in _SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem if path.suffix.lower() in _PICTURES else image_name(path)


def _read_picture(path: Path, name: str) -> UltrasoundFrames:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as err:
        raise InputError(
            f"'{path.name}' cannot be read; it is damaged or no picture. Copy or export it again."
        ) from err
    array = sitk.GetArrayFromImage(image)
    values, annotated = grey_frames(array if image.GetDimension() == 3 else array[None], name)
    spacing = tuple(float(s) for s in image.GetSpacing()[:2])
    # a picture that does not tell gets 1 mm from ITK; 72 dots per inch (0.353 mm) are a screen's
    known = not np.allclose(spacing, 1) and not np.allclose(spacing, 25.4 / 72, rtol=0.01)
    return UltrasoundFrames(values, spacing if known else None, name, annotated=annotated)
