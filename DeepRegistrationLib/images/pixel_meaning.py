"""What the pixels of a radiograph mean: X-ray intensity or attenuation, upright or inverted."""

from enum import StrEnum


class PixelMeaning(StrEnum):
    """How a stored pixel depends on the X-rays that arrived.

    INTENSITY: proportional to them; air is bright, bone dark.
    INVERTED_INTENSITY: the same, inverted; bone is bright.
    ATTENUATION: to their negative logarithm; bone is bright, as diagnostic images are shown.
    INVERTED_ATTENUATION: to their logarithm; air is bright.
    """

    INTENSITY = "intensity"
    INVERTED_INTENSITY = "inverted-intensity"
    ATTENUATION = "attenuation"
    INVERTED_ATTENUATION = "inverted-attenuation"

    @property
    def bone_is_bright(self) -> bool:
        """True if thicker and denser matter has larger numbers."""
        return self in (PixelMeaning.INVERTED_INTENSITY, PixelMeaning.ATTENUATION)

    @property
    def is_logarithm(self) -> bool:
        """True if the logarithm has been taken."""
        return self in (PixelMeaning.ATTENUATION, PixelMeaning.INVERTED_ATTENUATION)
