"""CTs as the training of DeepNet needs them: attenuation and bones on coarse grids, all on one device."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.xray_ct_files import read_xray_ct
from DeepRegistrationLib.data.xray_split import XrayCt
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.bone_mask import BONE_HU, find_bones
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM, attenuation_from_hu

_SOFTEST = -990.0
"""What is thinner is the air around the patient, or the padding outside of a mask [HU]."""


@dataclass(frozen=True, eq=False)
class XrayCube:
    """One CT, along the axes of the world.

    Attributes:
        name: for model cards.
        channels: (4, K, J, I) float32; attenuation in units of water's; share of each voxel that is bone: as
            dense as bone; the same without specks and with the marrow; by the labels (as the one before where
            there are none).
        voxel_mm: size of the voxels [mm].
        bones: (N, 3) float32; offsets of the bone voxels from the middle of the grid [mm].
    """

    name: str
    channels: torch.Tensor
    voxel_mm: float
    bones: torch.Tensor


def load_xray_cubes(
    folder: Path, cts: Sequence[XrayCt], voxel_mm: float, device: torch.device
) -> tuple[XrayCube, ...]:
    """Reads CTs and finds their bones.

    Args:
        folder: with the CTs (`ct-bone`).
        cts: which.
        voxel_mm: of the grids they are kept on [mm].
        device: where they are kept.

    Raises:
        InputError: a file is missing or cannot be used.
    """
    missing = [str(path) for ct in cts for path in ct.paths(folder) if path and not path.is_file()]
    if missing:
        raise InputError(
            f"The folder '{folder}' lacks the CTs to train on ({', '.join(missing)}). Name the folder that "
            "holds them with --data."
        )
    return tuple(_cube(ct, folder, voxel_mm, device) for ct in cts)


def _cube(entry: XrayCt, folder: Path, voxel_mm: float, device: torch.device) -> XrayCube:
    ct, labels = read_xray_ct(entry, folder)
    whole = find_bones(ct)
    labelled = whole if labels is None else labels
    thickness = attenuation_from_hu(ct.values) / WATER_PER_MM
    thickness = torch.where(ct.values < _SOFTEST, torch.zeros_like(thickness), thickness)
    channels = torch.stack(
        [
            _on_world_axes(volume, voxel_mm).values
            for volume in (
                ct.with_values(thickness),
                ct.with_values((ct.values >= BONE_HU).float()),
                ct.with_values(whole.values.float()),
                ct.with_values((labelled.values > 0).float()),
            )
        ]
    )
    return xray_cube(entry.name, channels.to(device), voxel_mm)


def xray_cube(name: str, channels: torch.Tensor, voxel_mm: float) -> XrayCube:
    """A cube from its channels; see `XrayCube`."""
    kji = torch.nonzero(channels[2] > 0.5).float()
    middle = (torch.tensor(channels.shape[1:], device=kji.device) - 1) / 2
    return XrayCube(name, channels, voxel_mm, (kji - middle).flip(1) * voxel_mm)


def _on_world_axes(volume: Volume, voxel_mm: float) -> Volume:
    """The volume smoothed and resampled to voxels of one size along R, A and S."""
    coarse = downsample(volume, np.maximum(volume.geometry.spacing_mm, voxel_mm))
    corners = volume.geometry.corners_ras()
    low, high = corners.min(0), corners.max(0)
    size = np.ceil((high - low) / voxel_mm).astype(int) + 1
    ras_from_ijk = np.diag([voxel_mm, voxel_mm, voxel_mm, 1.0])
    ras_from_ijk[:3, 3] = (low + high) / 2 - voxel_mm * (size - 1) / 2
    return resample(coarse, VolumeGeometry(tuple(size[::-1]), ras_from_ijk))
