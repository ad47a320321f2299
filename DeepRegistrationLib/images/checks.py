"""What is refused before any work starts, each in a sentence for the user."""

import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.volume import Volume


def check_image(volume: Volume) -> None:
    """Refuses an image that cannot be registered in 3D.

    Args:
        volume: the image.

    Raises:
        InputError: no voxels, one slice, values that are no numbers, or one intensity everywhere.
    """
    check_shape(volume.geometry.shape_kji, volume.name)
    check_values(volume.values, volume.name, "voxels")


def check_values(values: torch.Tensor, name: str, elements: str) -> None:
    """Refuses intensities that nothing can be aligned by.

    Args:
        values: one at least.
        name: of the image, or of several.
        elements: what it consists of, for the text: "voxels" or "pixels".

    Raises:
        InputError: values that are no numbers, or one intensity everywhere.
    """
    # one pass: NaN and infinity go through to the extremes
    low, high = values.aminmax()
    if not (torch.isfinite(low) and torch.isfinite(high)):
        wrong = values.numel() - int(torch.isfinite(values).sum())
        raise InputError(
            f"'{name}' has {wrong} {elements} that are not numbers (NaN or infinite). "
            "Replace them, for instance by 0, and save the image again."
        )
    if low == high:
        raise InputError(
            f"'{name}' is constant: every {elements.removesuffix('s')} has the value {low.item():g}, "
            "so there is nothing to align. Choose another image."
        )


def check_labels(labels: Volume) -> None:
    """Refuses a mask or label image in which nothing is marked.

    Args:
        labels: integer values; 0 is background.

    Raises:
        InputError: no voxels, one slice, or only background.
    """
    check_shape(labels.geometry.shape_kji, labels.name)
    if not bool(labels.values.any()):
        raise InputError(
            f"The mask or label image '{labels.name}' is empty: all {labels.values.numel()} voxels are 0. "
            "Choose another one, or leave it out."
        )


def check_same_grid(mask: Volume, volume: Volume) -> None:
    """Refuses a mask whose voxels are not the voxels of its image.

    Args:
        mask: mask or labels.
        volume: image they belong to.

    Raises:
        InputError: another size, or corners more than 0.01 mm apart.
    """
    if mask.geometry.is_close(volume.geometry):
        return
    if mask.geometry.shape_kji != volume.geometry.shape_kji:
        found = f"{_size(mask.geometry.shape_kji)} voxels instead of {_size(volume.geometry.shape_kji)}"
    else:
        apart = abs(mask.geometry.corners_ras() - volume.geometry.corners_ras()).max()
        found = f"corners up to {apart:.2f} mm apart"
    raise InputError(
        f"The mask or label image '{mask.name}' lies on another grid than '{volume.name}': {found}. "
        f"Resample it onto '{volume.name}' with nearest-neighbour interpolation, or choose another one."
    )


def check_shape(shape_kji: tuple[int, ...], name: str) -> None:
    """Refuses what is not a 3D image, from its size alone (so before the voxels are read).

    Args:
        shape_kji: size of the array.
        name: of the image, named in the error.

    Raises:
        InputError: no voxels, one slice, a flat picture, or a series of volumes.
    """
    if len(shape_kji) < 3 or (len(shape_kji) == 3 and 1 in shape_kji and 0 not in shape_kji):
        raise InputError(
            f"'{name}' has one slice ({_size(shape_kji)} voxels); 3D registration needs at least 2. "
            "Choose a 3D volume; for DICOM give the folder with all slices."
        )
    if len(shape_kji) > 3:
        raise InputError(
            f"'{name}' has {len(shape_kji)} dimensions ({_size(shape_kji)}); 3D registration needs a single "
            "volume. "
            "Export one volume of the series, or one labelmap of the segmentation."
        )
    if 0 in shape_kji:
        raise InputError(
            f"'{name}' has no voxels ({_size(shape_kji)}). Export the image again from its source."
        )


def several_values_per_voxel(name: str, count: int) -> InputError:
    """The error for colour images and vector fields."""
    return InputError(
        f"'{name}' has {count} values per voxel (colour or vectors); one grey value is needed. "
        "Convert it to a grey image first."
    )


def _size(shape_kji: tuple[int, ...]) -> str:
    """Size in the order people read: i x j x k."""
    return " x ".join(str(n) for n in shape_kji[::-1])
