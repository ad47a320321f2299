"""Radiographs of labelled parts: bones alone, one channel per label, silhouettes and their outlines."""

from collections.abc import Collection

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.checks import check_same_grid
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_volume


def masked_volume(volume: Volume, labels: Volume, keep: Collection[int] | None = None) -> Volume:
    """The volume within some labels, zero elsewhere; its radiograph shows them alone.

    Args:
        volume: attenuation, zero in air (not HU: outside of the labels would be water).
        labels: integers on the same grid; 0 is background.
        keep: labels; None keeps all but background.

    Raises:
        InputError: another grid, or no voxel has one of the labels.
    """
    check_same_grid(labels, volume)
    return volume.with_values(volume.values * _mask(labels, keep).to(volume.values))


def label_channels(volume: Volume, labels: Volume, keep: Collection[int]) -> torch.Tensor:
    """One channel for each label, to be projected together.

    Args:
        volume: attenuation, zero in air.
        labels: integers on the same grid.
        keep: labels, in the order of the channels.

    Returns:
        (C, K, J, I) of the type of the volume.

    Raises:
        InputError: another grid, or a label without a voxel.
    """
    check_same_grid(labels, volume)
    return torch.stack([volume.values * _mask(labels, [label]).to(volume.values) for label in keep])


def silhouette(
    labels: Volume,
    camera: Camera,
    world_from_volume: np.ndarray | None = None,
    keep: Collection[int] | None = None,
    settings: ProjectionSettings | None = None,
) -> torch.Tensor:
    """Pixels whose ray passes through labelled voxels for at least half a voxel's edge.

    Args:
        labels: integers; 0 is background.
        camera: source and detector.
        world_from_volume: (4, 4); pose; None is the identity.
        keep: labels; None keeps all but background.
        settings: of the projection.

    Returns:
        (rows, columns) bool.

    Raises:
        InputError: no voxel has one of the labels.
    """
    mask = labels.with_values(_mask(labels, keep).float())
    passed_mm = project_volume(mask, camera, world_from_volume, settings)
    return passed_mm > 0.5 * float(labels.geometry.spacing_mm.min())


def outline(shape: torch.Tensor) -> torch.Tensor:
    """Pixels of a silhouette that have a neighbour outside of it.

    The border of the image is no outline: what is cut off there goes on outside.

    Args:
        shape: (rows, columns) bool.

    Returns:
        (rows, columns) bool.
    """
    outside = ~torch.nn.functional.pad(shape[None, None].float(), (1, 1, 1, 1), mode="replicate")[0, 0].bool()
    beside = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return shape & beside


def _mask(labels: Volume, keep: Collection[int] | None) -> torch.Tensor:
    """(K, J, I) bool."""
    if keep is None:
        mask = labels.values != 0
        wanted = "other than background"
    else:
        mask = torch.isin(labels.values, torch.tensor(list(keep), device=labels.values.device))
        wanted = f"with the label {', '.join(map(str, keep))}"
    if not bool(mask.any()):
        there = torch.unique(labels.values).tolist()
        raise InputError(
            f"'{labels.name}' has no voxel {wanted}; it holds the labels {there[:20]}. Choose some of these."
        )
    return mask
