"""Volumes for Pose-Net: any brain, any orientation, any contrast, made where the network is trained."""

from dataclasses import dataclass, field

import torch

from DeepRegistrationLib.data.corruption import CorruptionSettings, corrupt
from DeepRegistrationLib.data.foreign_tissue import ForeignTissueSettings, add_foreign_tissue
from DeepRegistrationLib.data.random_contrast import ContrastSettings, random_contrast
from DeepRegistrationLib.data.random_shapes import (
    ShapeSettings,
    random_displacement,
    random_lengths,
)
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.geometry.canonical_grid import cube_index, cube_offsets
from DeepRegistrationLib.geometry.grid import sample


@dataclass(frozen=True)
class VolumeSynthesis:
    """How volumes vary.

    Attributes:
        contrast: of the tissues.
        shape: of the brain.
        foreign: tissue that is no brain.
        corruption: by the scanner.
        shift: standard deviation of the error of the centre along each axis [brain radii].
        samples_per_brain: samples that share a brain and its contrast, which costs most to draw; divides the
            number of samples.
    """

    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    shape: ShapeSettings = field(default_factory=ShapeSettings)
    foreign: ForeignTissueSettings = field(default_factory=ForeignTissueSettings)
    corruption: CorruptionSettings = field(default_factory=CorruptionSettings)
    shift: float = 0.06
    samples_per_brain: int = 2


def synthesize_volumes(
    subjects: SubjectCubes,
    chosen: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    size: int,
    settings: VolumeSynthesis,
    generator: torch.Generator,
) -> torch.Tensor:
    """Brains in given poses.

    A point p of the atlas lies at `rotation @ p + translation` in the volume; both are in brain radii from
    their centres.

    Args:
        subjects: S brains.
        chosen: (B / samples_per_brain,) long; which brain each group of samples shows.
        rotation: (B, 3, 3); subject from atlas.
        translation: (B, 3); shift [brain radii].
        size: voxels n along each edge.
        settings: how they vary.
        generator: source of randomness, on the device of everything else.

    Returns:
        (B, 1, n, n, n); zero mean, unit variance.
    """
    count = len(rotation)
    brains = random_contrast(subjects, chosen, settings.contrast, generator)
    lengths = random_lengths(count, settings.shape, generator)
    moved = random_displacement(count, size, 3, settings.shape, generator).flatten(1, 3)
    images = pose_volumes(brains, rotation, translation, size, lengths, moved)
    offsets = cube_offsets(size, generator.device)
    images = add_foreign_tissue(images, offsets, settings.foreign, generator)
    images = corrupt(images, offsets, settings.corruption, generator)
    return standardized(images)


def pose_volumes(
    brains: torch.Tensor,
    rotation: torch.Tensor,
    translation: torch.Tensor,
    size: int,
    lengths: torch.Tensor | None = None,
    displacement: torch.Tensor | None = None,
) -> torch.Tensor:
    """Resamples brains into poses; see `synthesize_volumes`.

    Args:
        brains: (B / g, 1, m, m, m); each is shown by g consecutive samples.
        rotation: (B, 3, 3); subject from atlas.
        translation: (B, 3); shift [brain radii].
        size: voxels n along each edge.
        lengths: (B, 3); relative lengths along the axes of the atlas; None keeps them.
        displacement: (B, n^3, 3); added to each voxel's position before it is turned back [brain radii].

    Returns:
        (B, 1, n, n, n).
    """
    points = cube_offsets(size, brains.device).reshape(1, -1, 3) - translation[:, None]
    if displacement is not None:
        points = points + displacement
    # p = diag(1 / lengths) R^T x; row vectors, so the factor on the right is R diag(1 / lengths)
    subject_from_source = rotation if lengths is None else rotation / lengths[:, None]
    points = (points @ subject_from_source).reshape(len(brains), -1, 3)
    values = sample(brains, cube_index(points, brains.shape[-1]))
    return values.reshape(len(rotation), 1, size, size, size)


def standardized(images: torch.Tensor) -> torch.Tensor:
    """Zero mean and unit variance over each image (B, C, ...) and channel; a constant one becomes zero."""
    axes = tuple(range(2, images.ndim))
    deviation, mean = torch.std_mean(images, dim=axes, keepdim=True, correction=0)
    return (images - mean) / deviation.clamp(min=1e-6)
