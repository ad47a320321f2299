"""What the panel's lists offer: the library's options with labels for people.

A scene stores the *name* of a choice: renaming a member makes saved scenes lose it.
"""

from enum import Enum

from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeMethod, FinalMeasure, TransformModel


class AtlasChoice(Enum):
    """Where the atlas comes from."""

    BY_AGE = "by age"
    SCENE = "scene"

    def label(self) -> str:
        """Text in the list."""
        return {
            AtlasChoice.BY_AGE: _("Fetal brain atlas, chosen by age"),
            AtlasChoice.SCENE: _("Volume in the scene"),
        }[self]


class DeviceChoice(Enum):
    """Where torch computes."""

    AUTO = Device.AUTO
    CPU = Device.CPU
    CUDA = Device.CUDA
    MPS = Device.MPS

    def label(self) -> str:
        """Text in the list."""
        return {
            DeviceChoice.AUTO: _("Automatic"),
            DeviceChoice.CPU: _("CPU"),
            DeviceChoice.CUDA: _("NVIDIA graphics card (CUDA)"),
            DeviceChoice.MPS: _("Apple graphics processor (MPS)"),
        }[self]


class MethodChoice(Enum):
    """How the pose is found."""

    AUTO = FetalVolumeMethod.AUTO
    BANK = FetalVolumeMethod.BANK
    VVR_GC = FetalVolumeMethod.VVR_GC
    VVR_PAA = FetalVolumeMethod.VVR_PAA

    def label(self) -> str:
        """Text in the list."""
        return {
            MethodChoice.AUTO: _("Automatic"),
            MethodChoice.BANK: _("Fast (contrast of the atlas)"),
            MethodChoice.VVR_GC: _("Baseline: aligned centres"),
            MethodChoice.VVR_PAA: _("Baseline: aligned principal axes"),
        }[self]


class MeasureChoice(Enum):
    """Similarity that the last refinement maximizes."""

    LOCAL_CORRELATION = FinalMeasure.LOCAL_CORRELATION
    MUTUAL_INFORMATION = FinalMeasure.MUTUAL_INFORMATION

    def label(self) -> str:
        """Text in the list."""
        return {
            MeasureChoice.LOCAL_CORRELATION: _("Local correlation"),
            MeasureChoice.MUTUAL_INFORMATION: _("Mutual information"),
        }[self]


class TransformChoice(Enum):
    """What the transform may do."""

    RIGID = TransformModel.RIGID
    SIMILARITY = TransformModel.SIMILARITY

    def label(self) -> str:
        """Text in the list."""
        return {
            TransformChoice.RIGID: _("Rigid: turn and shift"),
            TransformChoice.SIMILARITY: _("Similarity: turn, shift and one scale"),
        }[self]
