"""The weeks of an atlas as training data, prepared like the subjects of a registration."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas, load_atlas_image
from DeepRegistrationLib.data.fetal_split import Split, entries_of
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.data.tissues import tissue_maps
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE, cube_geometry
from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.intensity import normalize_robust
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain

_CUBE = 48
"""Voxels of the stored cubes along each edge: 2.2 mm at week 28, finer than what networks see."""
_FLUID = 124
"""Label of the cerebrospinal fluid."""


@dataclass(frozen=True, eq=False)
class AtlasSubjects:
    """Brains to train on and brains to choose by."""

    train: SubjectCubes
    validation: SubjectCubes


def load_atlas_subjects(folder: Path, device: torch.device) -> AtlasSubjects:
    """Reads the weeks of the atlas that belong to training and validation.

    Args:
        folder: with one image, mask and label map per week.
        device: where the cubes go.

    Raises:
        InputError: the folder holds no atlas, or nothing to train on.
    """
    atlas = FetalAtlas.from_folder(folder)
    parts = {split: entries_of(atlas, split) for split in (Split.TRAIN, Split.VALIDATION)}
    for split, entries in parts.items():
        if not entries:
            raise InputError(
                f"The atlas folder '{folder}' has no week for {split}; found weeks "
                f"{', '.join(f'{entry.gestational_age_weeks:g}' for entry in atlas.files)}. "
                "Choose a folder with the weeks 21 to 37."
            )
    return AtlasSubjects(*(subject_cubes(parts[split]).to(device) for split in parts))


def subject_cubes(entries: Sequence[AtlasFiles], size: int = _CUBE) -> SubjectCubes:
    """Cubes of some weeks of an atlas, on the CPU.

    Brain masks differ in whether the fluid around the brain belongs to it. Each week therefore comes twice,
    with its own centre and size: the mask of the atlas, and the same without fluid.

    Args:
        entries: weeks with labels.
        size: voxels m along each edge.

    Raises:
        InputError: a week has no label map.
    """
    cubes, ages, names = [], [], []
    for entry in entries:
        for with_fluid in (True, False):
            cubes.append(_cubes(entry, size, with_fluid))
            ages.append(entry.gestational_age_weeks or 0.0)
            names.append(entry.image.name.split(".")[0] + ("" if with_fluid else " without fluid"))
    return SubjectCubes(
        intensity=torch.stack([cube[0:1] for cube in cubes]),
        mask=torch.stack([cube[1:2] for cube in cubes]),
        tissues=torch.stack([cube[2:] for cube in cubes]),
        ages_weeks=torch.tensor(ages),
        names=tuple(names),
    )


def _cubes(entry: AtlasFiles, size: int, with_fluid: bool) -> torch.Tensor:
    """(2 + T, m, m, m): intensity, mask, tissues."""
    atlas = load_atlas_image(entry)
    if atlas.labels is None:
        raise InputError(f"'{entry.image.name}' has no label map, which random contrasts are made from.")
    inside = atlas.mask.values
    if not with_fluid:
        tissue = inside & (atlas.labels.values != _FLUID)
        inside = torch.as_tensor(ndimage.binary_fill_holes(tissue.numpy()))
    brain = prepare_brain(atlas.image, atlas.image.with_values(inside), torch.device("cpu"))
    ras_from_brain = np.eye(4)
    ras_from_brain[:3, 3] = brain.centre_ras
    grid = cube_geometry(size, brain.radius_mm, ras_from_brain)
    spacing_mm = 2 * HALF_EDGE * brain.radius_mm / (size - 1)
    layers = [
        normalize_robust(atlas.image.values, inside),
        inside.float(),
        *tissue_maps(atlas.labels.values, inside),
    ]
    box = box_around(inside, atlas.image.geometry, margin_mm=2 * spacing_mm)
    index = _index(grid.ras_from_ijk, size)
    out = []
    for layer in layers:
        level = downsample(cropped(Volume(layer, atlas.image.geometry), box), spacing_mm)
        ijk = index @ torch.as_tensor(level.geometry.ijk_from_ras).T
        out.append(sample(level.values[None, None], ijk[None, :, :3])[0, 0].reshape(size, size, size))
    return torch.stack(out)


def _index(ras_from_ijk: np.ndarray, size: int) -> torch.Tensor:
    """(N, 4) float64; homogeneous RAS position of every voxel of the cube [mm]."""
    line = torch.arange(size, dtype=torch.float64)
    ijk = torch.stack(torch.meshgrid(line, line, line, indexing="ij")[::-1], -1).reshape(-1, 3)
    homogeneous = torch.cat([ijk, torch.ones(len(ijk), 1, dtype=torch.float64)], 1)
    return homogeneous @ torch.as_tensor(ras_from_ijk).T
