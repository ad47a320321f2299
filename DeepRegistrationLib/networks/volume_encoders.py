"""The choice between the two encoders of a volume."""

from enum import StrEnum

from DeepRegistrationLib.networks.compact_features import CompactFeatures
from DeepRegistrationLib.networks.volume_features import VolumeFeatures


class VolumeEncoder(StrEnum):
    """Layers between a volume and its 256 features."""

    PAPER = "paper"
    """`VolumeFeatures`."""
    COMPACT = "compact"
    """`CompactFeatures`."""


def volume_encoder(kind: VolumeEncoder, channels: int, grid_size: int) -> VolumeFeatures | CompactFeatures:
    """The encoder of this kind for a number of channels and a grid of n^3."""
    return {VolumeEncoder.PAPER: VolumeFeatures, VolumeEncoder.COMPACT: CompactFeatures}[kind](
        channels, grid_size
    )
