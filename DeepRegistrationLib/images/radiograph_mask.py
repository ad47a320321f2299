"""Where in a radiograph X-rays arrived, whatever limited them, and what that tells about its grey scale."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from DeepRegistrationLib.images.radiograph_blades import find_blades
from DeepRegistrationLib.images.radiograph_field import Outside, RadiographField, find_fields
from DeepRegistrationLib.images.radiograph_polarity import polarity_score

_PAINTED = 1e-3  # of the grey range: an area that varies less is painted
_CONTRADICTION = 1.0
"""Score of the image above which it is believed more than an edge that may be the patient's."""


@dataclass(frozen=True, eq=False)
class LimitedField:
    """The field of a radiograph.

    Attributes:
        mask: (rows, columns) bool; True where X-rays arrived undiminished.
        words: what limits it, one sentence part each; empty for the whole image.
        behind_blades_is_bright: which end of the grey scale lies behind the collimator; None if unknown.
    """

    mask: np.ndarray
    words: tuple[str, ...]
    behind_blades_is_bright: bool | None


def limited_field(values: np.ndarray, bone_is_bright: bool | None = None) -> LimitedField:
    """Finds round fields, painted shutters and blades.

    Args:
        values: (rows, columns) floating; pixels as stored.
        bone_is_bright: which end of the grey scale attenuates, if that is known for sure.
    """
    mask, words, bright = np.ones(values.shape, dtype=bool), [], None
    fields = (field for field in find_fields(values) if _is_credible(field, values, bone_is_bright))
    field = next(fields, None)
    if field is not None:
        mask = field.mask
        words.append(field.words)
        if not field.constant:
            bright = field.outside == Outside.BRIGHT
    blades = [
        (found, dark)
        for dark in ((True, False) if bone_is_bright is None else (not bone_is_bright,))
        if (found := find_blades(values, mask, dark)) is not None
        and (
            bone_is_bright is not None
            or found.count == 4
            or not _contradicts(values, mask & found.mask, not dark)
        )
    ]
    if blades:
        found, dark = max(blades, key=lambda pair: pair[0].evidence)
        beyond = values[mask & ~ndimage.binary_dilation(found.mask, iterations=3)]
        mask = mask & found.mask
        turned = f", turned by {found.angle_deg:.0f} degrees" if abs(found.angle_deg) >= 1 else ""
        words.append(f"{found.count} {'blade' if found.count == 1 else 'blades'}{turned}")
        # a shutter that is painted over tells nothing about X-rays
        if beyond.size and np.ptp(np.percentile(beyond, [2, 98])) > _PAINTED * np.ptp(values):
            bright = not dark
    return LimitedField(mask, tuple(words), bright)


def _is_credible(field: RadiographField, values: np.ndarray, bone_is_bright: bool | None) -> bool:
    """Refuses a patient before air: the outside of that is the end of the grey scale without attenuation."""
    bright = field.outside == Outside.BRIGHT
    if "round" in field.words:
        return field.constant or bone_is_bright in (None, bright)
    # a shutter may be painted in any grey, but then it has one; blades are looked for by their edges
    return field.constant and ("straight" in field.words or not _contradicts(values, field.mask, bright))


def _contradicts(values: np.ndarray, mask: np.ndarray, attenuating_is_bright: bool) -> bool:
    score = polarity_score(values, mask)
    return abs(score) > _CONTRADICTION and (score > 0) != attenuating_is_bright
