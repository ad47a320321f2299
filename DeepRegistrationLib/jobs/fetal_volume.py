"""Files and settings of the job that registers a reconstructed fetal brain to an atlas."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from DeepRegistrationLib.jobs.device import Device


class FetalVolumeMethod(StrEnum):
    """How the pose is found."""

    AUTO = "auto"
    """Rotation bank and networks propose, the best candidates are refined with the final measure: the
    default."""
    BANK = "bank"
    """Rotation bank and normalized correlation only: fast, but needs the contrast of the atlas."""
    POSE_NET = "pose-net"
    """One look of Pose-Net: milliseconds, some degrees off."""
    CORRECTION_NET = "correction-net"
    """Pose-Net, then Correction-Net."""
    VVR_DEEP = "vvr-deep"
    """Pose-Net and Correction-Net, then refinement with the final measure."""
    VVR_GC = "vvr-gc"
    """Baseline of the paper: mutual information from aligned centres, SimpleITK."""
    VVR_PAA = "vvr-paa"
    """Baseline of the paper: the same from aligned principal axes."""


class FinalMeasure(StrEnum):
    """Similarity that the last refinement maximizes."""

    LOCAL_CORRELATION = "local-correlation"
    MUTUAL_INFORMATION = "mutual-information"


class MovingContrast(StrEnum):
    """What is done about the contrast of the brain."""

    AS_IT_IS = "as-it-is"
    T1_TO_T2 = "t1-to-t2"
    """A network makes a T1-weighted brain look T2-weighted, like the atlas, before it is registered."""


class TransformModel(StrEnum):
    """What the transform may do."""

    RIGID = "rigid"
    SIMILARITY = "similarity"
    """Rigid and one scale."""


@dataclass(frozen=True)
class FetalVolumeFiles:
    """Input files of one registration.

    Attributes:
        moving: reconstructed fetal brain, 3D (NIfTI, NRRD, MetaImage, or a folder with one DICOM series).
        mask: brain mask on the grid of `moving`; None finds it automatically.
        atlas: one atlas image; None takes the image of the right age from `atlas_dir`.
        atlas_labels: labels on the grid of `atlas`.
        atlas_mask: brain mask on the grid of `atlas`; None takes the labels, else what is not background.
        atlas_dir: folder with one atlas image per week of gestational age; None takes the installed atlas.
    """

    moving: Path
    mask: Path | None = None
    atlas: Path | None = None
    atlas_labels: Path | None = None
    atlas_mask: Path | None = None
    atlas_dir: Path | None = None


@dataclass(frozen=True)
class FetalVolumeSettings:
    """Choices of one registration; every one has a default.

    Attributes:
        method: how the pose is found.
        gestational_age_weeks: age of the fetus [weeks]; None estimates it from brain volume and similarity.
        measure: similarity of the last refinement.
        contrast: whether the brain is registered as it is, or made to look like the atlas first.
        transform_model: rigid, or rigid and one scale.
        candidates: number of orientations refined after the search.
        device: where torch computes.
        seed: seed of everything random.
    """

    method: FetalVolumeMethod = FetalVolumeMethod.AUTO
    gestational_age_weeks: float | None = None
    measure: FinalMeasure = FinalMeasure.LOCAL_CORRELATION
    contrast: MovingContrast = MovingContrast.AS_IT_IS
    transform_model: TransformModel = TransformModel.RIGID
    candidates: int = 24
    device: Device = Device.AUTO
    seed: int = 0
