"""Files and settings of the job that finds slices of a fetal brain in an atlas."""

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.fetal_volume import Device, MovingContrast


class FetalSliceMethod(StrEnum):
    """How the pose is found."""

    AUTO = "auto"
    """Proposals of the slice bank and, where it is installed, of the slice net; all refined: the default."""
    BANK = "bank"
    """Proposals of the slice bank only, all refined: needs no model."""
    SLICE_NET = "slice-net"
    """The answer of the slice net, not refined: fastest."""
    SVR_GC = "svr-gc"
    """Baseline of the paper: intensity-based registration from aligned centres, SimpleITK."""
    SVR_DEEP = "svr-deep"
    """Method of the paper: the answer of the slice net, refined by the same intensity-based registration."""


class SliceMeasure(StrEnum):
    """Similarity that the last refinement maximizes."""

    LOCAL_CORRELATION = "local-correlation"
    CORRELATION = "correlation"
    """Expects the contrast of the atlas."""


class StackMode(StrEnum):
    """Whether the slices of an image are tied together."""

    AUTO = "auto"
    """A stack if the image has several slices that show the brain, else a single slice."""
    STACK = "stack"
    SINGLE = "single"
    """One slice: `slice_index`, or the one that shows most of the brain."""


class HalfSpace(StrEnum):
    """Which side of a slice is known to face up.

    A brain is nearly the same left and right, so one slice fits at two poses, mirrored left to right. The
    normal of the slice (columns x rows) points to the head in one of them and to the feet in the other.
    """

    UNKNOWN = "unknown"
    """Both poses are tried and reported with their probabilities."""
    SUPERIOR = "superior"
    """The normal does not point to the feet of the fetus."""
    INFERIOR = "inferior"
    """The normal does not point to the head of the fetus."""


@dataclass(frozen=True)
class FetalSliceFiles:
    """Input files of one registration.

    Attributes:
        slice: an image with one slice or a stack of them (NIfTI, NRRD, MetaImage, PNG or TIFF with a
            pixel size, or a folder with one DICOM series).
        mask: brain mask on the grid of `slice`; None finds it automatically.
        atlas: one atlas image; None takes the image of the right age from `atlas_dir`.
        atlas_labels: labels on the grid of `atlas`.
        atlas_mask: brain mask on the grid of `atlas`; None takes the labels, else what is not background.
        atlas_dir: folder with one atlas image per week of gestational age; None takes the installed atlas.
    """

    slice: Path
    mask: Path | None = None
    atlas: Path | None = None
    atlas_labels: Path | None = None
    atlas_mask: Path | None = None
    atlas_dir: Path | None = None

    @property
    def moving(self) -> Path:
        """The image that is registered, as every job calls it."""
        return self.slice


@dataclass(frozen=True)
class FetalSliceSettings:
    """Choices of one registration; every one has a default.

    Attributes:
        method: how the pose is found.
        gestational_age_weeks: age of the fetus [weeks]; None compares atlas ages, which one slice hardly
            tells apart: the result then carries a warning.
        as_stack: whether the slices of the image are tied together.
        slice_index: which slice of the image is registered, from 0 along its thickest axis; None takes the
            one that shows most of the brain. Not for stacks.
        half_space: what is known about the direction of the slice's normal.
        measure: similarity of the last refinement.
        contrast: whether the slices are compared as they are, or made to look like the atlas first.
        candidates: number of poses refined after the search.
        slice_thickness_mm: of the slices as acquired [mm]; None takes the spacing of the slices.
        initial_pose: atlas RAS from slice RAS, 16 numbers row by row; the pose of the slice before, for
            slices that follow each other. Searched anew where it does not fit.
        device: where torch computes.
        seed: seed of everything random.
    """

    method: FetalSliceMethod = FetalSliceMethod.AUTO
    gestational_age_weeks: float | None = None
    as_stack: StackMode = StackMode.AUTO
    slice_index: int | None = None
    half_space: HalfSpace = HalfSpace.UNKNOWN
    measure: SliceMeasure = SliceMeasure.LOCAL_CORRELATION
    contrast: MovingContrast = MovingContrast.AS_IT_IS
    candidates: int = 48
    slice_thickness_mm: float | None = None
    initial_pose: tuple[float, ...] | None = None
    device: Device = Device.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what contradicts itself.

        Raises:
            InputError: an initial pose that is no rigid matrix, a thickness that is not positive, or a slice
                index for a stack.
        """
        if self.initial_pose is not None and not _is_rigid(self.initial_pose):
            raise InputError(
                f"The initial pose is no rigid 4x4 matrix ({len(self.initial_pose)} numbers given). Give "
                "the 16 numbers of atlas_from_slice, row by row, as an earlier result.json holds them."
            )
        if self.slice_thickness_mm is not None and not 0 < self.slice_thickness_mm < math.inf:
            raise InputError(
                f"The slice thickness is {self.slice_thickness_mm:g} mm; it must be positive. "
                "Give it in mm or leave it out."
            )
        if self.slice_index is not None and self.as_stack == StackMode.STACK:
            raise InputError(
                f"Slice {self.slice_index} and the whole stack were asked for. Leave out one of the two."
            )
        if self.slice_index is not None and self.slice_index < 0:
            raise InputError(f"The slice index is {self.slice_index}; slices are counted from 0.")


def _is_rigid(numbers: tuple[float, ...]) -> bool:
    """Rows of unit length at right angles, right-handed, and (0, 0, 0, 1) last; to 1 in 1000."""
    if len(numbers) != 16 or not all(math.isfinite(number) for number in numbers):
        return False
    a, b, c, last = (numbers[start : start + 4] for start in (0, 4, 8, 12))
    if any(abs(number - wanted) > 1e-6 for number, wanted in zip(last, (0, 0, 0, 1), strict=True)):
        return False
    rows = (a[:3], b[:3], c[:3])
    products = [
        (sum(x * y for x, y in zip(rows[i], rows[j], strict=True)), float(i == j))
        for i in range(3)
        for j in range(i, 3)
    ]
    determinant = (
        a[0] * (b[1] * c[2] - b[2] * c[1])
        - a[1] * (b[0] * c[2] - b[2] * c[0])
        + a[2] * (b[0] * c[1] - b[1] * c[0])
    )
    return determinant > 0 and all(abs(found - wanted) < 1e-3 for found, wanted in products)
