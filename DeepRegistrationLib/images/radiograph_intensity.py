"""Attenuation from the pixels of a radiograph: polarity, logarithm, field and background are found out.

Each decision is told in a sentence and can be replaced by a setting.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.radiograph_mask import LimitedField, limited_field
from DeepRegistrationLib.images.radiograph_polarity import (
    Polarity,
    decide_polarity,
    known_polarity,
    polarity_score,
)
from DeepRegistrationLib.images.read_radiograph import StoredRadiograph
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity

_DARKEST = 1 / 500
"""Of the intensity without a patient: less is scatter and digitization, so attenuation ends at 6.2."""
_SATURATED_SHARE = 0.01  # of the field at exactly the brightest value: the detector was full
_LEAST_LEFT = 0.05  # of the image that must be left when saturated air is taken away


class Logarithm(StrEnum):
    """Whether the logarithm of the X-ray intensity has been taken."""

    AUTO = "auto"
    """The header tells; else bright bone means that it has been taken, dark bone that it has not."""
    TAKEN = "taken"
    NOT_TAKEN = "not-taken"


class FieldChoice(StrEnum):
    """Which part of the image is used."""

    AUTO = "auto"
    """What X-rays reached: inside of the collimator."""
    WHOLE_IMAGE = "whole-image"


class SaturatedAir(StrEnum):
    """What happens to air that is so bright that the detector was full."""

    EXCLUDE = "exclude"
    """Soft tissue at its rim is cut off, and the edge there is none of the patient's."""
    USE = "use"


@dataclass(frozen=True)
class PreparationSettings:
    """How pixels become attenuation; the defaults find everything out."""

    logarithm: Logarithm = Logarithm.AUTO
    field: FieldChoice = FieldChoice.AUTO
    saturated_air: SaturatedAir = SaturatedAir.EXCLUDE


@dataclass(frozen=True, eq=False)
class PreparedRadiograph:
    """A radiograph that can be registered, and how it was made.

    Attributes:
        radiograph: attenuation with camera and mask.
        meaning: what the stored pixels mean.
        polarity: which end of the grey scale bone has, and why.
        field: where X-rays arrived.
        open_value: pixel without a patient, as stored.
        absolute: the values are line integrals without a unit; else proportional to them at best.
        saturated: part of the image that was left out as saturated air.
        dark: part of the image that was left out because no X-rays were measured there.
    """

    radiograph: Radiograph
    meaning: PixelMeaning
    polarity: Polarity
    field: LimitedField
    open_value: float
    absolute: bool
    saturated: float
    dark: float

    def notes(self) -> tuple[str, ...]:
        """Sentences about what was decided."""
        name = self.radiograph.name
        bright = "bright" if self.polarity.bone_is_bright else "dark"
        said = [f"'{name}': bone is taken to be {bright}, because {self.polarity.reason}."]
        if not self.polarity.certain:
            said[0] = said[0][:-1] + "; if it is not so, choose the polarity."
        if self.meaning.is_logarithm:
            said.append(f"'{name}': its numbers are taken as the logarithm of the X-ray intensity.")
        else:
            said.append(
                f"'{name}': its numbers are taken as X-ray intensity; {self.open_value:g} is that of air, "
                "and the logarithm was taken."
            )
        if self.field.words:
            share = 100 * float(self.field.mask.mean())
            said.append(f"'{name}': X-rays reached {share:.0f} % of it: {' and '.join(self.field.words)}.")
        if self.saturated:
            said.append(f"'{name}': saturated air ({100 * self.saturated:.0f} % of the image) is left out.")
        if self.dark:
            said.append(
                f"'{name}': {100 * self.dark:.0f} % of the image are left out: no X-rays were measured there."
            )
        return tuple(said)


def attenuation_from_stored(
    stored: StoredRadiograph,
    camera: Camera,
    polarity: XrayPolarity = XrayPolarity.AUTO,
    settings: PreparationSettings | None = None,
) -> tuple[Radiograph, tuple[str, ...]]:
    """Attenuation from the pixels of a file; the sentences say what was decided.

    Args:
        stored: pixels and tags.
        camera: of the same image.
        polarity: how bone looks in the file.
        settings: the defaults if None.

    Raises:
        InputError: the camera belongs to another image, or nothing is left to be used.
    """
    prepared = prepare_radiograph(stored, camera, polarity, settings)
    return prepared.radiograph, prepared.notes()


def prepare_radiograph(
    stored: StoredRadiograph,
    camera: Camera,
    polarity: XrayPolarity = XrayPolarity.AUTO,
    settings: PreparationSettings | None = None,
) -> PreparedRadiograph:
    """The same with every decision; arguments and errors as in `attenuation_from_stored`."""
    settings = settings or PreparationSettings()
    values = stored.values.double().numpy()
    whole = LimitedField(np.ones(values.shape, dtype=bool), (), None)
    chosen = None if polarity == XrayPolarity.AUTO else polarity == XrayPolarity.BONE_BRIGHT
    known = known_polarity(stored.tags, chosen)
    field = limited_field(values, known) if settings.field == FieldChoice.AUTO else whole
    score = polarity_score(values, field.mask)
    decided = decide_polarity(stored.tags, score, field.behind_blades_is_bright, chosen)
    meaning = _meaning(decided.bone_is_bright, _is_logarithm(settings.logarithm, stored, decided))
    # from here on air is large
    bright_air = -values if decided.bone_is_bright else values
    inside = bright_air[field.mask]
    top = float(inside.max())
    full = bright_air >= top
    saturated = field.mask & full if full[field.mask].mean() > _SATURATED_SHARE else np.zeros_like(full)
    # the brightest hundredth, and not the brightest pixel: that is noise
    open_value = top if saturated.any() else float(np.quantile(inside, 0.995))
    attenuation, dark = _attenuation(values, bright_air, open_value, meaning, field.mask)
    mask = field.mask & ~dark
    if settings.saturated_air == SaturatedAir.USE or (mask & ~saturated).mean() < _LEAST_LEFT:
        saturated = np.zeros_like(saturated)
    mask &= ~saturated
    _check_left(mask, attenuation, stored.name)
    radiograph = Radiograph(
        torch.from_numpy(attenuation.astype(np.float32)), camera, torch.from_numpy(mask), stored.name
    )
    sign = -1.0 if decided.bone_is_bright else 1.0
    return PreparedRadiograph(
        radiograph,
        meaning,
        decided,
        field,
        sign * open_value,
        not meaning.is_logarithm,
        float(saturated.mean()),
        float((dark & field.mask).mean()),
    )


def _is_logarithm(choice: Logarithm, stored: StoredRadiograph, polarity: Polarity) -> bool:
    if choice != Logarithm.AUTO:
        return choice == Logarithm.TAKEN
    if stored.tags.relationship in ("LIN", "LOG"):
        return stored.tags.relationship == "LOG"
    return polarity.bone_is_bright


def _meaning(bone_is_bright: bool, logarithm: bool) -> PixelMeaning:
    if logarithm:
        return PixelMeaning.ATTENUATION if bone_is_bright else PixelMeaning.INVERTED_ATTENUATION
    return PixelMeaning.INVERTED_INTENSITY if bone_is_bright else PixelMeaning.INTENSITY


def _attenuation(
    values: np.ndarray, bright_air: np.ndarray, open_value: float, meaning: PixelMeaning, field: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Attenuation (rows, columns), and where no X-rays were measured (rows, columns) bool."""
    if meaning.is_logarithm:
        attenuation = open_value - bright_air
        # the scale is unknown: nearly all of the field lies between 0 and 1
        span = float(np.quantile(attenuation[field], 0.995))
        return attenuation / (span or 1.0), np.zeros(values.shape, dtype=bool)
    # numbers of an intensity begin at 0, unless the file has negative ones or is inverted
    black = -_largest_grey(values) if meaning.bone_is_bright else min(0.0, float(values.min()))
    signal, open_signal = bright_air - black, open_value - black
    dark = signal <= 0
    return -np.log(np.maximum(signal, _DARKEST * open_signal) / open_signal), dark


def _largest_grey(values: np.ndarray) -> float:
    """Number from which an inverted image was subtracted: all bits set, where whole numbers are stored."""
    highest = float(values.max())
    whole = values.min() >= 0 and highest >= 100 and not np.any(values % 1)
    return 2 ** np.ceil(np.log2(highest + 1)) - 1 if whole else highest


def _check_left(mask: np.ndarray, attenuation: np.ndarray, name: str) -> None:
    if not mask.any() or np.ptp(attenuation[mask]) == 0:
        raise InputError(
            f"Nothing is left of the radiograph '{name}': where X-rays arrived it is saturated or black. "
            "Choose another image, or say that the whole image is to be used and how bone looks."
        )
