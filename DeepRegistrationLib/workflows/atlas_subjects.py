"""The weeks of an atlas as training data, prepared like the subjects of a registration."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas, load_atlas_image
from DeepRegistrationLib.data.fetal_split import Split, entries_of
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.data.tissues import tissue_maps
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE, STORED_SIZE, cube_geometry
from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import box_around, cropped
from DeepRegistrationLib.images.intensity import normalize_robust
from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain, prepare_brain

_FLUID = (124,)
_BEHIND_AND_BELOW = (94, 100, 101)
"""Labels of brainstem and cerebellum."""
_FOLD_VOXELS = 5
"""Half the width of the folds whose fluid stays, 4 mm in the atlas."""
_MARGIN_MM = 6.0
"""Kept around the brain, so that smoothing sees its border."""


class Extent(StrEnum):
    """What a brain mask takes for the brain."""

    WHOLE = "whole"
    """As the mask of the atlas: everything in the skull."""
    WITHOUT_FLUID = "without fluid"
    CEREBRUM = "cerebrum"
    """Without brainstem, cerebellum and the fluid around it but with that in its folds, as newborn templates
    come."""


_LEFT_OUT = {
    Extent.WHOLE: (),
    Extent.WITHOUT_FLUID: _FLUID,
    Extent.CEREBRUM: (*_FLUID, *_BEHIND_AND_BELOW),
}


@dataclass(frozen=True, eq=False)
class AtlasSubjects:
    """Brains to train on and brains to choose by."""

    train: SubjectCubes
    validation: SubjectCubes


def load_atlas_subjects(folder: Path, device: torch.device, own_frame: bool = True) -> AtlasSubjects:
    """Reads the weeks of the atlas that belong to training and validation, each in every extent.

    Args:
        folder: with one image, mask and label map per week.
        device: where the cubes go.
        own_frame: see `subject_cubes`.

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
    return AtlasSubjects(*(subject_cubes(parts[split], own_frame=own_frame).to(device) for split in parts))


def subject_cubes(
    entries: Sequence[AtlasFiles],
    extents: Sequence[Extent] = tuple(Extent),
    own_frame: bool = True,
    size: int = STORED_SIZE,
) -> SubjectCubes:
    """Cubes of some weeks of an atlas, on the CPU.

    Args:
        entries: weeks with labels.
        extents: brain masks differ, so each week comes once with each of these.
        own_frame: centre and radius are those of the part that is shown, as registration takes them from the
            mask of a volume; else those of the whole brain, as it takes them from the atlas for a slice.
        size: voxels m along each edge.

    Raises:
        InputError: a week has no label map.
    """
    parts = [_cubes(entry, extent, own_frame, size) for entry in entries for extent in extents]
    cubes, origins, names = zip(*parts, strict=True)
    return SubjectCubes(
        intensity=torch.stack([cube[0:1] for cube in cubes]),
        mask=torch.stack([cube[1:2] for cube in cubes]),
        tissues=torch.stack([cube[2:] for cube in cubes]),
        ages_weeks=torch.tensor([entry.gestational_age_weeks or 0.0 for entry in entries for _ in extents]),
        origin=torch.stack(origins),
        names=names,
    )


def _cubes(
    entry: AtlasFiles, extent: Extent, own_frame: bool, size: int
) -> tuple[torch.Tensor, torch.Tensor, str]:
    """(2 + T, m, m, m) intensity, mask, tissues; (3,) centre of the whole brain; name."""
    image, labels, mask = _cropped_atlas(entry)
    whole = prepare_brain(image, mask, torch.device("cpu"))
    left_out = torch.tensor(_LEFT_OUT[extent], dtype=labels.values.dtype)
    inside = mask.values
    if len(left_out):
        part = (inside & ~torch.isin(labels.values, left_out)).numpy()
        if extent == Extent.CEREBRUM:
            part = ndimage.binary_closing(part, iterations=_FOLD_VOXELS)
        inside = torch.as_tensor(ndimage.binary_fill_holes(part))
    shown = prepare_brain(image, image.with_values(inside), torch.device("cpu"))
    frame = shown if own_frame else whole
    layers = [normalize_robust(image.values, inside), inside.float(), *tissue_maps(labels.values, inside)]
    spacing_mm = 2 * HALF_EDGE * frame.radius_mm / (size - 1)
    levels = [downsample(image.with_values(layer), spacing_mm) for layer in layers]
    cube = _sampled(torch.stack([level.values for level in levels]), levels[0].geometry, frame, size)
    origin = (whole.centre_ras - frame.centre_ras) / frame.radius_mm
    name = entry.image.name.split(".")[0]
    return cube, torch.as_tensor(origin).float(), name if extent == Extent.WHOLE else f"{name} {extent}"


def _cropped_atlas(entry: AtlasFiles) -> tuple[Volume, Volume, Volume]:
    """Image, labels and mask (bool) around the brain."""
    atlas = load_atlas_image(entry)
    if atlas.labels is None:
        raise InputError(f"'{entry.image.name}' has no label map, which random contrasts are made from.")
    box = box_around(atlas.mask.values, atlas.image.geometry, margin_mm=_MARGIN_MM)
    return cropped(atlas.image, box), cropped(atlas.labels, box), cropped(atlas.mask, box)


def _sampled(values: torch.Tensor, geometry: VolumeGeometry, frame: PreparedBrain, size: int) -> torch.Tensor:
    """(C, m, m, m); layers (C, K, J, I) in the cube about a brain."""
    ras_from_brain = np.eye(4)
    ras_from_brain[:3, 3] = frame.centre_ras
    grid = cube_geometry(size, frame.radius_mm, ras_from_brain)
    ijk = affine_grid(geometry.ijk_from_ras @ grid.ras_from_ijk, grid.shape_kji).float()
    return sample(values[None], ijk.reshape(1, -1, 3))[0].reshape(-1, size, size, size)
