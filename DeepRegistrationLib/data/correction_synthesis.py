"""Pairs for Correction-Net: an atlas, and another brain that is roughly oriented like it."""

from dataclasses import dataclass, field

import torch

from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.data.volume_synthesis import (
    VolumeSynthesis,
    pose_volumes,
    standardized,
    synthesize_volumes,
)


@dataclass(frozen=True)
class CorrectionSynthesis:
    """How pairs vary.

    Attributes:
        moving: how the moving brain varies.
        age_difference_weeks: largest difference of age between atlas and moving brain.
        rotation_deg: largest rotation left to correct.
        translation: largest shift left along each axis [brain radii]; 0.3 is 10 mm at week 30.
    """

    moving: VolumeSynthesis = field(default_factory=VolumeSynthesis)
    age_difference_weeks: float = 2.5
    rotation_deg: float = 30.0
    translation: float = 0.3


@dataclass(frozen=True, eq=False)
class Pairs:
    """B pairs with what is left between them.

    Attributes:
        images: (B, 2, n, n, n); channel 0 an atlas of similar age in its own pose, channel 1 the moving
            brain; zero mean, unit variance each.
        translation: (B, 3); where the centre of the atlas lies in the moving image [brain radii].
    """

    images: torch.Tensor
    translation: torch.Tensor


def synthesize_pairs(
    subjects: SubjectCubes,
    atlases: SubjectCubes,
    chosen: torch.Tensor,
    rotation: torch.Tensor,
    shift: torch.Tensor,
    size: int,
    settings: CorrectionSynthesis,
    generator: torch.Generator,
) -> Pairs:
    """Pairs with a known rest.

    Args:
        subjects: moving brains, whole or in part.
        atlases: whole brains.
        chosen: (B / samples_per_brain,) long; which brain is moving in each group of pairs.
        rotation: (B, 3, 3); moving from atlas.
        shift: (B, 3); of the moving image's own centre [brain radii].
        size: voxels n along each edge.
        settings: how pairs vary.
        generator: source of randomness, on the device of everything else.

    Returns:
        B pairs.
    """
    group = len(rotation) // len(chosen)
    ages = subjects.ages_weeks[chosen]
    atlas = _atlas_of_similar_age(atlases.ages_weeks, ages, settings.age_difference_weeks, generator)
    fixed = fixed_volumes(atlases, atlas, size).repeat_interleave(group, 0)
    moving = synthesize_volumes(subjects, chosen, rotation, shift, size, settings.moving, generator)
    origin = subjects.origin[chosen].repeat_interleave(group, 0)
    translation = shift + (rotation @ origin[..., None])[..., 0]
    return Pairs(torch.cat([fixed, moving], 1), translation)


def fixed_volumes(subjects: SubjectCubes, chosen: torch.Tensor, size: int) -> torch.Tensor:
    """(B, 1, n, n, n); brains as they are, in the pose of their atlas; zero mean, unit variance."""
    brains = (0.1 + 0.9 * subjects.intensity[chosen]) * subjects.mask[chosen]
    eye = torch.eye(3, device=brains.device).expand(len(chosen), 3, 3)
    return standardized(pose_volumes(brains, eye, brains.new_zeros(len(chosen), 3), size))


def _atlas_of_similar_age(
    atlas_ages: torch.Tensor, ages: torch.Tensor, weeks: float, generator: torch.Generator
) -> torch.Tensor:
    """(B,) long; an atlas within some weeks of each age but not of the same one, wherever there is one."""
    apart = (ages[:, None] - atlas_ages).abs()
    other = apart > 0.1
    close = (apart <= weeks) & other
    close = torch.where(close.any(1, keepdim=True), close, other)
    return torch.multinomial(close.float(), 1, generator=generator)[:, 0]
