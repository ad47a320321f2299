"""Slices: which axis they lie along, reading one from a file, taking one out of a volume."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.checks import check_values, several_values_per_voxel
from DeepRegistrationLib.images.crop import cropped
from DeepRegistrationLib.images.itk_image import from_sitk
from DeepRegistrationLib.images.read import image_name, read_volume
from DeepRegistrationLib.images.volume import Volume

UNKNOWN_THICKNESS_MM = 3.0
"""Usual for fetal imaging; taken, with a warning, where a flat picture does not tell."""
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def read_slices(path: Path | str, labels: bool = False) -> Volume:
    """Reads a stack of slices, a volume with one slice, or a flat picture.

    Args:
        path: NIfTI, NRRD, MetaImage, PNG, TIFF, or a folder with one DICOM series.
        labels: integers are wanted.

    Returns:
        (K, J, I), in the order of the file; a flat picture becomes one slice of `UNKNOWN_THICKNESS_MM`.

    Raises:
        InputError: missing, damaged, colour, a picture without pixel size, NaN, constant, or an empty mask.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0 or not _has_one_slice(path):
        return read_volume(path, labels)
    name = image_name(path)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as err:
        raise InputError(
            f"'{path.name}' cannot be read; it is damaged or incomplete. Copy, download or export it again."
        ) from err
    if image.GetNumberOfComponentsPerPixel() > 1:
        raise several_values_per_voxel(name, image.GetNumberOfComponentsPerPixel())
    if image.GetDimension() == 2:
        image = _with_thickness(image, path)
    elif image.GetDimension() > 3:
        size = list(image.GetSize())
        image = sitk.Extract(image, size[:3] + [0] * (len(size) - 3))
    volume = from_sitk(image, name, labels)
    check_slices(volume, labels)
    return volume


def check_slices(volume: Volume, labels: bool = False) -> None:
    """Refuses slices that cannot be registered.

    Args:
        volume: (K, J, I); K may be 1.
        labels: it is a mask or label image.

    Raises:
        InputError: values that are no numbers, one intensity everywhere, or an empty mask.
    """
    if volume.values.numel() == 0:
        raise InputError(f"'{volume.name}' has no voxels. Export the image again from its source.")
    if labels:
        if not bool(volume.values.any()):
            raise InputError(
                f"The mask '{volume.name}' is empty: all {volume.values.numel()} voxels are 0. "
                "Choose another one, or leave it out."
            )
        return
    check_values(volume.values, volume.name, "pixels")


def slice_axis(geometry: VolumeGeometry) -> int:
    """The axis (0, 1, 2 for i, j, k) that slices are counted along: one voxel long, else the coarsest.

    Where voxel sizes do not tell, it is k, the order in which scanners write.
    """
    thin = [axis for axis in (2, 1, 0) if geometry.size_ijk[axis] == 1]
    if thin:
        return thin[0]
    spacing = geometry.spacing_mm
    coarsest = int(np.argmax(spacing))
    return coarsest if spacing[coarsest] > 1.05 * spacing[2] else 2


def slices_along_k(volume: Volume) -> Volume:
    """The same voxels with the slices counted along k.

    Args:
        volume: image or mask.

    Returns:
        The volume itself if it is so already; else with axes exchanged in turn, so that handedness stays.
    """
    axis = slice_axis(volume.geometry)
    if axis == 2:
        return volume
    order_ijk = [(axis + 1) % 3, (axis + 2) % 3, axis]
    matrix = volume.geometry.ras_from_ijk.copy()
    matrix[:3, :3] = matrix[:3, order_ijk]
    # array axes run k, j, i: axis a of ijk is 2 - a of the array
    values = volume.values.permute([2 - axis for axis in order_ijk[::-1]]).contiguous()
    return Volume(values, VolumeGeometry(tuple(values.shape), matrix), volume.name)


def one_slice(volume: Volume, index: int) -> Volume:
    """One slice of a volume whose slices lie along k.

    Raises:
        InputError: there is no such slice.
    """
    count, rows, columns = volume.geometry.shape_kji
    if not 0 <= index < count:
        raise InputError(
            f"Slice {index} was asked for, but '{volume.name}' has the slices 0 to {count - 1}. "
            "Choose one of them."
        )
    return cropped(volume, (slice(index, index + 1), slice(0, rows), slice(0, columns)))


def _has_one_slice(path: Path) -> bool:
    """From the header alone; False where it cannot be read: the reader of volumes says why."""
    header = _header(path)
    if header is None:
        return False
    size = list(header.GetSize())
    return len([extent for extent in size if extent > 1]) == 2


def _with_thickness(image: sitk.Image, path: Path) -> sitk.Image:
    """A flat picture as a volume of one slice, in the axial plane of its own space."""
    if path.suffix.lower() in _PICTURES and image.GetSpacing() == (1.0, 1.0):
        raise InputError(
            f"'{path.name}' does not tell the size of its pixels, so the brain's size is unknown. "
            "Save the slice as NIfTI, NRRD or MetaImage with its pixel size in mm."
        )
    volume = sitk.JoinSeries(image)
    volume.SetSpacing((*image.GetSpacing(), UNKNOWN_THICKNESS_MM))
    return volume


def is_flat_picture(path: Path | str) -> bool:
    """True if a file holds a flat picture, which does not tell how thick its slice is."""
    header = _header(path)
    return header is not None and header.GetDimension() == 2


def _header(path: Path | str) -> sitk.ImageFileReader | None:
    """What a file tells of its image without its voxels; None where that cannot be read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError:
        return None
    return reader
