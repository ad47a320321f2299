"""A week of the T2 atlas as a T1-weighted image would show it, to measure what a network makes of T1."""

import torch

from DeepRegistrationLib.atlases.fetal_atlas import AtlasImage
from DeepRegistrationLib.data.t1_contrast import T1Ranges, Tissue, draw_t1_signals, tissue_fractions
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.volume import Volume

_REST = 0.6
"""Share of what tissues do not explain of T2 that is seen, inverted, in T1."""


def t1_like(atlas: AtlasImage, seed: int) -> Volume:
    """Gives each tissue the signal that it has on some T1-weighted image.

    Args:
        atlas: T2 image with mask and labels of the CRL key.
        seed: of the contrast.

    Returns:
        (K, J, I) float32 on the atlas's grid, any unit; 0 outside the mask.

    Raises:
        InputError: the atlas has no labels.
    """
    if atlas.labels is None:
        raise InputError(
            f"'{atlas.image.name}' has no label map, which its T1 contrast is made from. Choose the folder "
            "with the public images (--data)."
        )
    signals = draw_t1_signals(1, torch.Generator().manual_seed(seed), T1Ranges())[0]
    inside = atlas.mask.values != 0
    fractions = tissue_fractions(atlas.labels.values)
    fractions[Tissue.FLUID] += inside & (atlas.labels.values == 0)
    t2 = atlas.image.values.float()
    means = (fractions * t2).flatten(1).sum(1) / fractions.flatten(1).sum(1).clamp(min=1)
    rest = t2 - torch.tensordot(means, fractions, 1)
    slope = (signals[Tissue.FLUID] - signals[Tissue.CORTEX]) / (means[Tissue.FLUID] - means[Tissue.CORTEX])
    values = torch.tensordot(signals, fractions, 1) + _REST * slope * rest
    # the signal of inverted tissue may be negative, and the background is 0
    lowest = values[inside].min()
    return atlas.image.with_values((values - lowest + 0.1) * inside, f"{atlas.image.name} as T1")
