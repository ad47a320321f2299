"""A deformation as ITK resamples with it and as Slicer loads it: a displacement grid in LPS."""

import errno
import os
import shutil
from pathlib import Path

import SimpleITK as sitk

from DeepRegistrationLib.geometry.displacement import DisplacementField
from DeepRegistrationLib.images.itk_image import displacement_from_sitk, displacement_to_sitk

_HEADER_BYTES = 65536
"""Of the file beside its numbers; more than enough."""


def write_grid_transform(field: DisplacementField, path: Path) -> None:
    """Writes a displacement field that ITK, SimpleITK and Slicer read.

    The file holds the map from fixed to moving points in LPS, in double precision: what resampling the moving
    image onto the fixed grid needs. Slicer takes it as the transform *from* the parent: a grid transform node
    made of it, put on the moving image, lays the image onto the fixed one.

    Args:
        field: fixed -> moving [mm, RAS].
        path: file to write, `.h5`.

    Raises:
        OSError: no space left.
    """
    image = displacement_to_sitk(field)
    needed = 8 * 3 * image.GetNumberOfPixels() + _HEADER_BYTES
    # HDF5 does not get over a disk that is full halfway: it prints pages, also when the program ends
    if shutil.disk_usage(path.parent).free < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    sitk.WriteTransform(sitk.DisplacementFieldTransform(image), str(path))


def read_grid_transform(path: Path) -> DisplacementField:
    """Reads back what `write_grid_transform` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    transform = sitk.ReadTransform(str(path))
    if transform.GetName() != "DisplacementFieldTransform":
        raise ValueError(f"'{path}' holds no displacement field but a {transform.GetName()}")
    field = sitk.DisplacementFieldTransform(transform).GetDisplacementField()
    return displacement_from_sitk(field, path.name)
