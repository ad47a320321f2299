"""Volumes and displacement fields as SimpleITK images, and back."""

import numpy as np
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.displacement import DisplacementField
from DeepRegistrationLib.geometry.frames import itk_of_ras_from_ijk, ras_from_ijk_of_itk, ras_from_lps_points
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume


def to_sitk(volume: Volume) -> sitk.Image:
    """Copies a volume into a SimpleITK image.

    Args:
        volume: any.

    Returns:
        3D image in LPS with the pixel type of the volume.
    """
    image = sitk.GetImageFromArray(volume.values.detach().cpu().contiguous().numpy())
    _place(image, volume.geometry)
    return image


def from_sitk(image: sitk.Image, name: str = "volume", labels: bool = False) -> Volume:
    """Copies a SimpleITK image into a volume.

    Args:
        image: 3D, one component.
        name: of the volume.
        labels: integers are wanted.

    Returns:
        Volume; int32 for labels, else float32.

    Raises:
        InputError: sheared or singular directions, or labels that are no integers.
    """
    ras_from_ijk = ras_from_ijk_of_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection(), name)
    array = sitk.GetArrayFromImage(image)
    return Volume(tensor_of_array(array, name, labels), VolumeGeometry(array.shape, ras_from_ijk), name)


def tensor_of_array(array: np.ndarray, name: str, labels: bool) -> torch.Tensor:
    """Values of a file in the types the library works with.

    Args:
        array: (K, J, I), any number type.
        name: of the image, named in the error.
        labels: integers are wanted.

    Returns:
        (K, J, I); int32 for labels, else float32; owns its memory.

    Raises:
        InputError: labels with fractions, or outside the range of int32.
    """
    if not labels:
        return torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
    if array.dtype.kind not in "iub":
        # masks are often stored as 0.0 and 1.0; resampling leaves 0.9999
        with np.errstate(invalid="ignore"):
            whole = np.rint(array)
            fractional = int(np.count_nonzero(~(np.abs(array - whole) <= 1e-3)))
        if fractional:
            raise InputError(
                f"The mask or label image '{name}' has {fractional} voxels that are not whole numbers. "
                "Threshold it, or resample it with nearest-neighbour interpolation."
            )
        array = whole
    if array.size and (array.max() > np.iinfo(np.int32).max or array.min() < np.iinfo(np.int32).min):
        raise InputError(
            f"The label image '{name}' has values from {array.min():g} to {array.max():g}; labels must fit "
            "into "
            "32 bits. Renumber them."
        )
    return torch.from_numpy(np.array(array, dtype=np.int32, order="C"))


def displacement_to_sitk(field: DisplacementField) -> sitk.Image:
    """Copies a displacement field into the image that `sitk.DisplacementFieldTransform` takes.

    Args:
        field: fixed -> moving [mm, RAS].

    Returns:
        3D image of float64 vectors in LPS; the transform made of it resamples the moving image.
    """
    vectors_lps = ras_from_lps_points(field.vectors.detach().cpu().numpy().astype(np.float64))
    image = sitk.GetImageFromArray(vectors_lps, isVector=True)
    _place(image, field.geometry)
    return image


def displacement_from_sitk(image: sitk.Image, name: str = "displacement field") -> DisplacementField:
    """Copies a displacement image as ITK and ANTs write it.

    Args:
        image: 3D, three components, LPS [mm], fixed -> moving.
        name: named in the error.

    Returns:
        Field with float32 vectors in RAS.

    Raises:
        InputError: not three components in three dimensions; sheared or singular directions.
    """
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 3:
        raise InputError(
            f"'{name}' has {image.GetNumberOfComponentsPerPixel()} values per voxel in "
            f"{image.GetDimension()} "
            "dimensions; a displacement field needs 3 in 3. Choose the field that ITK or ANTs wrote."
        )
    ras_from_ijk = ras_from_ijk_of_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection(), name)
    vectors = ras_from_lps_points(sitk.GetArrayFromImage(image)).astype(np.float32)
    return DisplacementField(torch.from_numpy(vectors), VolumeGeometry(vectors.shape[:3], ras_from_ijk))


def _place(image: sitk.Image, geometry: VolumeGeometry) -> None:
    origin_lps, spacing_mm, direction = itk_of_ras_from_ijk(geometry.ras_from_ijk)
    image.SetOrigin(origin_lps.tolist())
    image.SetSpacing(spacing_mm.tolist())
    image.SetDirection(direction.ravel().tolist())
