"""The atlas as different masks show a brain: with the fluid around it, or the cerebrum alone.

Skull-stripped images often end at the surface of the cortex, and the outline of a slice tells much of its
place: such a slice is compared with an atlas that ends there too.
"""

import functools

import torch
from scipy import ndimage

from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain

_FLUID, _BRAINSTEM, _CEREBELLUM = (124,), (94,), (100, 101)
"""Labels of the CRL key; the fluid is that around the brain."""
_FOLD_VOXELS = 5
"""Half the width of the folds whose fluid stays, 4 mm in the atlas."""


# as many as there are ages that are tried for one slice
@functools.lru_cache(maxsize=4)
def cerebrum_of(atlas: PreparedAtlas) -> PreparedAtlas | None:
    """The atlas without the fluid around the brain, brainstem and cerebellum.

    Args:
        atlas: with the whole brain.

    Returns:
        The same image with another brain; None if it has no labels of these parts.
    """
    source = atlas.source
    if source.labels is None:
        return None
    left_out = torch.tensor((*_FLUID, *_BRAINSTEM, *_CEREBELLUM), dtype=source.labels.values.dtype)
    without = torch.isin(source.labels.values, left_out)
    inside = source.mask.values
    if not bool((without & inside).any()):
        return None
    part = ndimage.binary_closing((inside & ~without).numpy(), iterations=_FOLD_VOXELS)
    mask = source.image.with_values(
        torch.as_tensor(ndimage.binary_fill_holes(part)), f"{source.image.name} cerebrum"
    )
    return PreparedAtlas(
        atlas.files, source, prepare_brain(source.image, mask, atlas.brain.image.values.device)
    )
