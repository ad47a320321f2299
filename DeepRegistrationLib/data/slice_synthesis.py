"""Slices for the slice net: thick planes through brains of any shape and contrast."""

from dataclasses import dataclass, field

import torch

from DeepRegistrationLib.data.corruption import CorruptionSettings, corrupt
from DeepRegistrationLib.data.foreign_tissue import ForeignTissueSettings, add_foreign_tissue
from DeepRegistrationLib.data.random_contrast import ContrastSettings, random_contrast
from DeepRegistrationLib.data.random_poses import SlicePoses
from DeepRegistrationLib.data.random_shapes import (
    ShapeSettings,
    random_displacement,
    random_lengths,
)
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.data.volume_synthesis import standardized
from DeepRegistrationLib.geometry.canonical_grid import cube_index, square_offsets
from DeepRegistrationLib.geometry.grid import sample

_COARSE = 24
"""Pixels along each edge of the picture in which the centre of a section is found."""
_BRAIN = 0.05
"""What is brighter is brain: the darkest tissue has 0.1, the background 0."""


@dataclass(frozen=True)
class SliceSynthesis:
    """How slices vary.

    Attributes:
        contrast: of the tissues.
        shape: of the brain.
        foreign: tissue that is no brain.
        corruption: by the scanner.
        shift: largest error of the centre of the section along each axis of the plane [brain radii].
        thickness: largest thickness [brain radii]; 0.12 is 4 mm at week 28.
        profile: samples through the thickness.
        slices_per_brain: slices that share one brain's shape and contrast; drawing those costs most.
    """

    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    shape: ShapeSettings = field(default_factory=ShapeSettings)
    foreign: ForeignTissueSettings = field(default_factory=lambda: ForeignTissueSettings(share=0.15))
    corruption: CorruptionSettings = field(default_factory=CorruptionSettings)
    shift: float = 0.08
    thickness: float = 0.15
    profile: int = 3
    slices_per_brain: int = 4


def synthesize_slices(
    subjects: SubjectCubes,
    chosen: torch.Tensor,
    poses: SlicePoses,
    size: int,
    settings: SliceSynthesis,
    generator: torch.Generator,
) -> torch.Tensor:
    """Slices in given poses, each about the centre of gravity of its own section.

    Args:
        subjects: S brains.
        chosen: (B / slices_per_brain,) long; which brain each group of slices shows.
        poses: B slices; consecutive ones belong to one group.
        size: pixels n along each edge.
        settings: how they vary.
        generator: source of randomness, on the device of everything else.

    Returns:
        (B, 1, n, n); zero mean, unit variance.
    """
    device = generator.device
    count = len(poses.offset)
    brains = random_contrast(subjects, chosen, settings.contrast, generator)
    lengths = random_lengths(count, settings.shape, generator)
    moved = random_displacement(count, size, 2, settings.shape, generator)
    in_plane = square_offsets(size, device)  # (n, n, 2)
    turned = poses.rotation / lengths[:, None]
    shift = settings.shift * (2 * torch.rand(count, 2, generator=generator, device=device) - 1)
    centre = shift + _section_centres(brains, turned, poses.offset)
    thickness = settings.thickness * torch.rand(count, 1, generator=generator, device=device)
    through = torch.linspace(-0.5, 0.5, settings.profile, device=device) * thickness + poses.offset[:, None]
    points = torch.cat(
        [
            (in_plane + centre[:, None, None])[:, None].expand(-1, settings.profile, -1, -1, -1),
            through[:, :, None, None, None].expand(-1, -1, size, size, 1),
        ],
        -1,
    )  # (B, P, n, n, 3): u, v, d
    points = (points + moved[:, None]).flatten(1, 3)
    # p = diag(1 / lengths) R^T x, as row vectors
    points = (points @ turned).reshape(len(chosen), -1, 3)
    values = sample(brains, cube_index(points, brains.shape[-1]))
    images = values.reshape(count, settings.profile, size, size).mean(1, keepdim=True)
    images = add_foreign_tissue(images, in_plane, settings.foreign, generator)
    return standardized(corrupt(images, in_plane, settings.corruption, generator))


def _section_centres(brains: torch.Tensor, turned: torch.Tensor, offset: torch.Tensor) -> torch.Tensor:
    """(B, 2); where each plane cuts its brain, from a coarse picture: u, v of the centre [brain radii]."""
    in_plane = square_offsets(_COARSE, brains.device).reshape(-1, 2)  # (P, 2)
    depth = offset[:, None, None].expand(-1, len(in_plane), 1)
    points = torch.cat([in_plane.expand(len(offset), -1, -1), depth], -1) @ turned
    values = sample(brains, cube_index(points.reshape(len(brains), -1, 3), brains.shape[-1]))
    inside = (values.reshape(len(offset), -1) > _BRAIN).float()  # (B, P)
    return inside @ in_plane / inside.sum(1, keepdim=True).clamp(min=1)
