"""Whether bone has large or small numbers in a radiograph, from its header or from the image itself."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy import ndimage

from DeepRegistrationLib.images.read_radiograph import RadiographTags

_MAX_PIXELS = 256
_CLEAR, _HINT = 1.5, 0.25
"""Of the sum of three cues with a spread of about 1 each: what is believed, what is better than nothing."""
_FLUOROSCOPY = ("XA", "RF")
_RADIOGRAPHY = ("CR", "DX", "MG", "PX", "IO")


class Reason(StrEnum):
    """What a polarity was decided by."""

    CHOSEN = "it was chosen"
    HEADER = "the header says so"
    BLADES = "the collimator, behind which no X-rays arrive, has this end of the grey scale"
    IMAGE = "the middle of a patient attenuates most and the rim of the field least"
    HINT = "the image looks more like it, though not clearly"
    USUAL = "the image does not tell, and images of this kind are usually stored so"


@dataclass(frozen=True)
class Polarity:
    """Which end of the grey scale bone has.

    Attributes:
        bone_is_bright: large numbers are much attenuation.
        reason: what it was decided by.
        score: of the image itself: positive for bright bone, 0 where it does not tell.
    """

    bone_is_bright: bool
    reason: Reason
    score: float

    @property
    def certain(self) -> bool:
        """False if little or nothing but custom speaks for it."""
        return self.reason not in (Reason.HINT, Reason.USUAL)


def polarity_score(values: np.ndarray, field: np.ndarray) -> float:
    """How much an image looks as if bone was bright; the opposite number for the inverted image.

    A patient is thickest where the field has its middle, and air lies at its rim: correlation of the grey
    value's rank with the distance from the rim, distance of the largest against that of the smallest values,
    and curvature of a paraboloid through the ranks.

    Args:
        values: (rows, columns) floating.
        field: (rows, columns) bool; where X-rays arrived.

    Returns:
        Sum of the three, each in units of its spread; 0 if there is nothing to see.

    Source: own definition.
    """
    factor = max(1, int(np.ceil(max(values.shape) / _MAX_PIXELS)))
    rows, columns = (n // factor for n in values.shape)
    blocks = (slice(0, rows * factor), slice(0, columns * factor))
    small = values[blocks].reshape(rows, factor, columns, factor).mean((1, 3))
    inside = field[blocks].reshape(rows, factor, columns, factor).all((1, 3))
    inside = ndimage.binary_erosion(inside, iterations=3)
    if inside.sum() < 100 or np.ptp(small[inside]) == 0:
        return 0.0
    ordered = np.sort(small[inside])
    below = np.searchsorted(ordered, small, "left") + np.searchsorted(ordered, small, "right")
    rank = below[inside] / (2 * len(ordered)) - 0.5
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1][inside]
    depth = depth / depth.max()
    # symmetric in both ends, so that the inverted image has the opposite score
    large, little = rank >= np.quantile(rank, 0.9), rank <= np.quantile(rank, 0.1)
    extremes = float(depth[large].mean() - depth[little].mean())
    correlation = float(np.mean((depth - depth.mean()) * (rank - rank.mean())))
    correlation /= max(float(depth.std() * rank.std()), 1e-9)
    return correlation / 0.2 + extremes / 0.2 + _dome(inside, rank) / 0.1


def _dome(inside: np.ndarray, rank: np.ndarray) -> float:
    """How much ranks fall towards the rim, per squared standard deviation of the position."""
    row, column = (index[inside] for index in np.indices(inside.shape))
    y, x = (row - row.mean()) / row.std(), (column - column.mean()) / column.std()
    system = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)
    found = np.linalg.lstsq(system, rank, rcond=None)[0]
    return float(-(found[3] + found[4]))


def known_polarity(tags: RadiographTags, chosen: bool | None) -> bool | None:
    """True for bright bone, False for dark bone, if that is sure without a look at the image; else None."""
    if chosen is not None:
        return chosen
    return None if tags.sign is None else tags.sign < 0


def decide_polarity(
    tags: RadiographTags, score: float, behind_blades_is_bright: bool | None, chosen: bool | None
) -> Polarity:
    """Weighs what is known, the surest first.

    Args:
        tags: of the file.
        score: of `polarity_score`.
        behind_blades_is_bright: which end of the grey scale lies behind a collimator; None without one.
        chosen: by the user: bone is bright; None leaves it to the file.

    Returns:
        The decision. DICOM's Pixel Intensity Relationship Sign is believed; Photometric Interpretation only
        counts for radiography, where images are stored for a display on which bone is white.
    """
    if chosen is not None:
        return Polarity(chosen, Reason.CHOSEN, score)
    if tags.sign is not None:
        return Polarity(tags.sign < 0, Reason.HEADER, score)
    if behind_blades_is_bright is not None:
        return Polarity(behind_blades_is_bright, Reason.BLADES, score)
    if abs(score) >= _CLEAR:
        return Polarity(score > 0, Reason.IMAGE, score)
    if tags.modality in _RADIOGRAPHY and tags.photometric in ("MONOCHROME1", "MONOCHROME2"):
        return Polarity(tags.photometric == "MONOCHROME2", Reason.USUAL, score)
    if tags.modality in _FLUOROSCOPY:
        return Polarity(False, Reason.USUAL, score)
    if abs(score) >= _HINT:
        return Polarity(score > 0, Reason.HINT, score)
    return Polarity(True, Reason.USUAL, score)
