"""Brains in contrasts that no scanner was asked for: what makes a network look at shape.

After Billot et al., "SynthSeg: segmentation of brain MRI scans of any contrast and resolution", Medical Image
Analysis 2023, section 3: intensities drawn per tissue. Here they are mixed with the real texture.
"""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.data.subjects import SubjectCubes

_BACKGROUND_STEP = 0.1
"""Between background and the darkest tissue: prepared brains have it too."""


@dataclass(frozen=True)
class ContrastSettings:
    """How often a contrast is changed, and how far.

    Attributes:
        remapped: share of the samples whose intensities go through a random curve.
        from_tissues: share whose tissues get random intensities.
        knots: of the random curve.
        texture: largest share of the real image that is kept in tissue contrasts.
        gamma: standard deviation of the logarithm of the exponent for the rest, whose contrast stays T2.
    """

    remapped: float = 0.25
    from_tissues: float = 0.35
    knots: int = 5
    texture: float = 0.5
    gamma: float = 0.25


def random_contrast(
    subjects: SubjectCubes, chosen: torch.Tensor, settings: ContrastSettings, generator: torch.Generator
) -> torch.Tensor:
    """Draws brains with a contrast each.

    Args:
        subjects: S brains.
        chosen: (B,) long; which brain each sample shows.
        settings: shares and strengths.
        generator: source of randomness, on the subjects' device.

    Returns:
        (B, 1, m, m, m) float32; 0 outside the brain, from 0.1 to about 1 inside.
    """
    device = generator.device
    count = len(chosen)
    kind = torch.rand(count, generator=generator, device=device)
    exponent = torch.exp(settings.gamma * torch.randn(count, generator=generator, device=device))
    curves = torch.rand(count, settings.knots, generator=generator, device=device)
    paints = _random_paints(count, subjects.tissues.shape[1], generator)
    keep = settings.texture * torch.rand(count, generator=generator, device=device)
    painted_below = settings.remapped + settings.from_tissues
    out = []
    for sample, subject in enumerate(chosen.tolist()):
        real = subjects.intensity[subject]
        if kind[sample] < settings.remapped:
            value = _through_curve(real, curves[sample])
        elif kind[sample] < painted_below:
            # the maps are shares of voxels, so borders between tissues come out mixed
            painted = torch.tensordot(paints[sample], subjects.tissues[subject], 1)[None]
            value = (1 - keep[sample]) * painted + keep[sample] * _through_curve(real, curves[sample])
        else:
            value = real ** exponent[sample]
        out.append((_BACKGROUND_STEP + (1 - _BACKGROUND_STEP) * value) * subjects.mask[subject])
    return torch.stack(out)


def _random_paints(count: int, tissues: int, generator: torch.Generator) -> torch.Tensor:
    """(B, T); intensities stretched so that each sample has one dark and one bright tissue."""
    paints = torch.rand(count, tissues, generator=generator, device=generator.device)
    low, high = paints.amin(1, keepdim=True), paints.amax(1, keepdim=True)
    return (paints - low) / (high - low)


def _through_curve(values: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    """Values (0..1) through a broken line with equally spaced knots (n,), stretched to 0..1."""
    knots = (knots - knots.amin()) / (knots.amax() - knots.amin())
    position = values * (len(knots) - 1)
    below = position.floor().clamp(0, len(knots) - 2)
    share = position - below
    below = below.long()
    return knots[below] * (1 - share) + knots[below + 1] * share
