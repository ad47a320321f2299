"""Reading images and labels from files, with everything that cannot be used refused in one sentence."""

from pathlib import Path

import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.checks import (
    check_image,
    check_labels,
    check_shape,
    several_values_per_voxel,
)
from DeepRegistrationLib.images.dicom_series import read_dicom_series
from DeepRegistrationLib.images.itk_image import from_sitk
from DeepRegistrationLib.images.nifti_file import is_nifti, read_nifti
from DeepRegistrationLib.images.nrrd_file import read_nrrd
from DeepRegistrationLib.images.volume import Volume

_KNOWN = (
    "NIfTI (.nii, .nii.gz), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd), or a folder with one DICOM series"
)
_SUFFIXES = (".nii.gz", ".seg.nrrd", ".nrrd", ".nhdr", ".nii", ".mha", ".mhd", ".dcm", ".hdr", ".img")


def read_volume(path: Path | str, labels: bool = False) -> Volume:
    """Reads one 3D image, or one mask or label image.

    Args:
        path: NIfTI, NRRD or MetaImage file, or a folder with one DICOM series.
        labels: integers are wanted; voxels keep their exact values.

    Returns:
        Volume in RAS; float32, or int32 for labels. Its name is the file's name without the suffix.

    Raises:
        InputError: missing, empty, damaged, not an image, not 3D, NaN, constant, or a mask without a voxel.
    """
    path = Path(path)
    name = image_name(path)
    _check_exists(path)
    try:
        if path.is_dir():
            volume = from_sitk(_scalar(read_dicom_series(path), name), name, labels)
        elif path.suffix.lower() in (".nrrd", ".nhdr"):
            volume = read_nrrd(path, name, labels)
        else:
            volume = _read_file(path, name, labels)
    except OSError as err:
        raise InputError(
            f"'{path.name}' cannot be opened ({err.strerror or err}). Check that you may read it."
        ) from err
    if labels:
        check_labels(volume)
    else:
        check_image(volume)
    return volume


def image_name(path: Path) -> str:
    """The file's name without folder and image suffix."""
    for suffix in _SUFFIXES:
        if path.name.lower().endswith(suffix) and len(path.name) > len(suffix):
            return path.name[: -len(suffix)]
    return path.name


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise InputError(f"The file '{path}' does not exist. Check the path.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputError(f"The file '{path.name}' is empty (0 bytes). Copy or download it again.")


def _read_file(path: Path, name: str, labels: bool) -> Volume:
    try:
        volume = read_nifti(path, name, labels) if is_nifti(path) else None
        return volume or from_sitk(_read_3d(path, name), name, labels)
    except RuntimeError as err:
        if "Unable to determine ImageIO" in str(err):
            raise InputError(f"'{path.name}' is not an image that can be read. Give {_KNOWN}.") from err
        raise InputError(
            f"'{path.name}' cannot be read; it is damaged or incomplete. Copy, download or export it again."
        ) from err


def _read_3d(path: Path, name: str) -> sitk.Image:
    """Checks size and components before the voxels are read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size = list(reader.GetSize())
    while len(size) > 3 and size[-1] == 1:
        size.pop()  # one volume stored as a series of one
    check_shape(tuple(size[::-1]), name)
    if reader.GetDimension() > 3:
        reader.SetExtractSize(size + [0] * (reader.GetDimension() - 3))
    if reader.GetNumberOfComponents() > 1:
        raise several_values_per_voxel(name, reader.GetNumberOfComponents())
    return _scalar(reader.Execute(), name)


def _scalar(image: sitk.Image, name: str) -> sitk.Image:
    check_shape(image.GetSize()[::-1], name)
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise several_values_per_voxel(name, image.GetNumberOfComponentsPerPixel())
    return image
