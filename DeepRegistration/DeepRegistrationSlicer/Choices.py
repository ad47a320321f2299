"""What the panel's lists offer: the library's options with labels for people.

A scene stores the *name* of a choice: renaming a member makes saved scenes lose it.
"""

from enum import Enum

from slicer.i18n import tr as _

from DeepRegistrationLib.jobs.biplanar import BiplanarMethod
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, HalfSpace, SliceMeasure
from DeepRegistrationLib.jobs.fetal_volume import (
    Device,
    FetalVolumeMethod,
    FinalMeasure,
    MovingContrast,
    TransformModel,
)
from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod, XrayMeasure, XrayPolarity


class JobChoice(Enum):
    """The tabs of the panel, in their order."""

    FETAL_VOLUME = JobKind.FETAL_VOLUME
    FETAL_SLICE = JobKind.FETAL_SLICE
    XRAY_CT = JobKind.XRAY_CT
    BIPLANAR = JobKind.BIPLANAR
    US_ANGLES = JobKind.US_ANGLES

    def label(self) -> str:
        """Title of the tab."""
        return {
            JobChoice.FETAL_VOLUME: _("Fetal brain"),
            JobChoice.FETAL_SLICE: _("Fetal slice"),
            JobChoice.XRAY_CT: _("X-ray to CT"),
            JobChoice.BIPLANAR: _("Two radiographs"),
            JobChoice.US_ANGLES: _("Ultrasound"),
        }[self]


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
    POSE_NET = FetalVolumeMethod.POSE_NET
    CORRECTION_NET = FetalVolumeMethod.CORRECTION_NET
    VVR_DEEP = FetalVolumeMethod.VVR_DEEP
    VVR_GC = FetalVolumeMethod.VVR_GC
    VVR_PAA = FetalVolumeMethod.VVR_PAA

    def label(self) -> str:
        """Text in the list."""
        return {
            MethodChoice.AUTO: _("Automatic"),
            MethodChoice.BANK: _("Fast (contrast of the atlas)"),
            MethodChoice.POSE_NET: _("Network only (one look)"),
            MethodChoice.CORRECTION_NET: _("Networks only (with correction)"),
            MethodChoice.VVR_DEEP: _("Networks, then refinement"),
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


class ContrastChoice(Enum):
    """What is done about the contrast of the brain."""

    AS_IT_IS = MovingContrast.AS_IT_IS
    T1_TO_T2 = MovingContrast.T1_TO_T2

    def label(self) -> str:
        """Text in the list."""
        return {
            ContrastChoice.AS_IT_IS: _("As it is"),
            ContrastChoice.T1_TO_T2: _("T1, made to look like T2"),
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


class SliceChoice(Enum):
    """Which slices of an image are registered."""

    ALL = "all"
    NUMBER = "number"
    RED = "Red"
    YELLOW = "Yellow"
    GREEN = "Green"

    def label(self) -> str:
        """Text in the list."""
        return {
            SliceChoice.ALL: _("All of the image (one slice, or a stack)"),
            SliceChoice.NUMBER: _("One slice, by its number"),
            SliceChoice.RED: _("The slice shown in the red view"),
            SliceChoice.YELLOW: _("The slice shown in the yellow view"),
            SliceChoice.GREEN: _("The slice shown in the green view"),
        }[self]

    @property
    def view(self) -> str | None:
        """Name of the slice view; None if the slice does not come from one."""
        return self.value if self in (SliceChoice.RED, SliceChoice.YELLOW, SliceChoice.GREEN) else None


class HalfSpaceChoice(Enum):
    """To which side the normal of a slice points."""

    UNKNOWN = HalfSpace.UNKNOWN
    SUPERIOR = HalfSpace.SUPERIOR
    INFERIOR = HalfSpace.INFERIOR

    def label(self) -> str:
        """Text in the list."""
        return {
            HalfSpaceChoice.UNKNOWN: _("unknown (both poses that fit are shown)"),
            HalfSpaceChoice.SUPERIOR: _("the head of the fetus"),
            HalfSpaceChoice.INFERIOR: _("the feet of the fetus"),
        }[self]


class SliceMethodChoice(Enum):
    """How the pose of a slice is found."""

    AUTO = FetalSliceMethod.AUTO
    BANK = FetalSliceMethod.BANK
    SLICE_NET = FetalSliceMethod.SLICE_NET
    SVR_GC = FetalSliceMethod.SVR_GC
    SVR_DEEP = FetalSliceMethod.SVR_DEEP

    def label(self) -> str:
        """Text in the list."""
        return {
            SliceMethodChoice.AUTO: _("Automatic"),
            SliceMethodChoice.BANK: _("Search of all poses (needs no network)"),
            SliceMethodChoice.SLICE_NET: _("Slice network alone (fastest)"),
            SliceMethodChoice.SVR_GC: _("Baseline: aligned centres"),
            SliceMethodChoice.SVR_DEEP: _("Baseline: slice network, then intensities"),
        }[self]


class SliceMeasureChoice(Enum):
    """Similarity that the last refinement of a slice maximizes."""

    LOCAL_CORRELATION = SliceMeasure.LOCAL_CORRELATION
    CORRELATION = SliceMeasure.CORRELATION

    def label(self) -> str:
        """Text in the list."""
        return {
            SliceMeasureChoice.LOCAL_CORRELATION: _("Local correlation"),
            SliceMeasureChoice.CORRELATION: _("Correlation (contrast of the atlas)"),
        }[self]


class GeometryChoice(Enum):
    """Where the geometry of a radiograph comes from."""

    NUMBERS = "numbers"
    FILE = "file"

    def label(self) -> str:
        """Text in the list."""
        return {
            GeometryChoice.NUMBERS: _("DICOM header; what it lacks is entered"),
            GeometryChoice.FILE: _("Camera file (JSON, or XMALab)"),
        }[self]


class XrayMethodChoice(Enum):
    """How the pose of a CT is found."""

    AUTO = XrayCtMethod.AUTO
    GRAD_NCC = XrayCtMethod.GRAD_NCC
    NET = XrayCtMethod.NET
    NET_GRAD_NCC = XrayCtMethod.NET_GRAD_NCC

    def label(self) -> str:
        """Text in the list."""
        return {
            XrayMethodChoice.AUTO: _("Automatic: search, then refinement"),
            XrayMethodChoice.GRAD_NCC: _("Baseline: gradients, from the start pose"),
            XrayMethodChoice.NET: _("Learned similarity, from the start pose"),
            XrayMethodChoice.NET_GRAD_NCC: _("Learned similarity, then gradients"),
        }[self]


class XrayMeasureChoice(Enum):
    """Similarity that the last refinement of a CT maximizes."""

    DETAIL = XrayMeasure.DETAIL
    GRADIENT_CORRELATION = XrayMeasure.GRADIENT_CORRELATION
    CORRELATION = XrayMeasure.CORRELATION
    LOCAL_CORRELATION = XrayMeasure.LOCAL_CORRELATION
    GRADIENT_ORIENTATION = XrayMeasure.GRADIENT_ORIENTATION
    MUTUAL_INFORMATION = XrayMeasure.MUTUAL_INFORMATION

    def label(self) -> str:
        """Text in the list."""
        return {
            XrayMeasureChoice.DETAIL: _("Fine detail and directions of edges"),
            XrayMeasureChoice.GRADIENT_CORRELATION: _("Correlation of gradients"),
            XrayMeasureChoice.CORRELATION: _("Correlation"),
            XrayMeasureChoice.LOCAL_CORRELATION: _("Local correlation"),
            XrayMeasureChoice.GRADIENT_ORIENTATION: _("Directions of edges"),
            XrayMeasureChoice.MUTUAL_INFORMATION: _("Mutual information"),
        }[self]


class PolarityChoice(Enum):
    """How bone looks in a radiograph."""

    AUTO = XrayPolarity.AUTO
    BONE_BRIGHT = XrayPolarity.BONE_BRIGHT
    BONE_DARK = XrayPolarity.BONE_DARK

    def label(self) -> str:
        """Text in the list."""
        return {
            PolarityChoice.AUTO: _("Found out automatically"),
            PolarityChoice.BONE_BRIGHT: _("Bone is bright"),
            PolarityChoice.BONE_DARK: _("Bone is dark"),
        }[self]


class CancelChoice(Enum):
    """Where the CT stands after a registration was cancelled."""

    RESTORE = "restore"
    KEEP = "keep"

    def label(self) -> str:
        """Text in the list."""
        return {
            CancelChoice.RESTORE: _("Put the CT back where it was"),
            CancelChoice.KEEP: _("Leave the CT at the last pose"),
        }[self]


class BoneAtlasChoice(Enum):
    """Where the atlas of a bone comes from."""

    FEMUR = "femur"
    FOLDER = "folder"
    SCENE = "scene"

    def label(self) -> str:
        """Text in the list."""
        return {
            BoneAtlasChoice.FEMUR: _("Right proximal femur (comes with the program)"),
            BoneAtlasChoice.FOLDER: _("Folder with an atlas"),
            BoneAtlasChoice.SCENE: _("CT and labels in the scene"),
        }[self]


class BiplanarMethodChoice(Enum):
    """How an atlas is bent to two radiographs."""

    AUTO = BiplanarMethod.AUTO
    OPTIMIZE = BiplanarMethod.OPTIMIZE
    SDM = BiplanarMethod.SDM
    NETWORK = BiplanarMethod.NETWORK

    def label(self) -> str:
        """Text in the list."""
        return {
            BiplanarMethodChoice.AUTO: _("Automatic"),
            BiplanarMethodChoice.OPTIMIZE: _("Pose, proportions and shape (needs no network)"),
            BiplanarMethodChoice.SDM: _("Shape model alone (fastest)"),
            BiplanarMethodChoice.NETWORK: _("Network alone"),
        }[self]


class FramesChoice(Enum):
    """Where consecutive ultrasound frames come from."""

    SEQUENCE = "sequence"
    TRIPLET = "triplet"

    def label(self) -> str:
        """Text in the list."""
        return {
            FramesChoice.SEQUENCE: _("A sequence (sweep)"),
            FramesChoice.TRIPLET: _("Three images"),
        }[self]


class PixelSizeChoice(Enum):
    """Who tells how large the pixels of ultrasound frames are."""

    IMAGE = "image"
    ENTERED = "entered"
    FILE = "file"
    TRANSFORM = "transform"

    def label(self) -> str:
        """Text in the list."""
        return {
            PixelSizeChoice.IMAGE: _("As the image says"),
            PixelSizeChoice.ENTERED: _("Entered below"),
            PixelSizeChoice.FILE: _("PLUS configuration (XML)"),
            PixelSizeChoice.TRANSFORM: _("Calibration in the scene (ImageToProbe)"),
        }[self]


class UltrasoundMethodChoice(Enum):
    """How the motion between two ultrasound frames is found."""

    AUTO = UsAnglesMethod.AUTO
    NETWORK = UsAnglesMethod.NETWORK
    NETWORK_REFINE = UsAnglesMethod.NETWORK_REFINE
    SEARCH_REFINE = UsAnglesMethod.SEARCH_REFINE
    PHASE_CORRELATION = UsAnglesMethod.PHASE_CORRELATION
    INTENSITY = UsAnglesMethod.INTENSITY

    def label(self) -> str:
        """Text in the list."""
        return {
            UltrasoundMethodChoice.AUTO: _("Automatic"),
            UltrasoundMethodChoice.NETWORK: _("Network alone (fastest)"),
            UltrasoundMethodChoice.NETWORK_REFINE: _("Network, then refinement"),
            UltrasoundMethodChoice.SEARCH_REFINE: _("Search, then refinement (needs no network)"),
            UltrasoundMethodChoice.PHASE_CORRELATION: _("Baseline: phase correlation"),
            UltrasoundMethodChoice.INTENSITY: _("Baseline: intensities"),
        }[self]
