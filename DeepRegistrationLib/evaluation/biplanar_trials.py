"""What is kept of each fit of the study of atlas and two radiographs."""

from dataclasses import dataclass
from enum import StrEnum

BiplanarKey = tuple[str, str, str, int]
"""Case, setup, method and seed: what makes a trial the same one in another run."""


class BiplanarSetup(StrEnum):
    """What a method gets."""

    ORTHOGONAL = "orthogonal"
    """Front and side, masked, cameras right: the paper's first data set."""
    ANY_ANGLES = "any-angles"
    """Each view turned by up to 30 degrees either way about the long axis: the paper's second data set."""
    WRONG_ANGLE = "wrong-angle"
    """Front and side, but the camera of the second view is 5 degrees off what the method is told."""
    WRONG_ANGLE_CORRECTED = "wrong-angle-corrected"
    """The same, and the method may turn the second view (5 degrees)."""
    DRAWN_ERROR = "drawn-error"
    """The same, off by an angle drawn between 0 and 10 degrees: the paper's curve."""
    DRAWN_ERROR_CORRECTED = "drawn-error-corrected"
    """The same, and the method may correct the second view."""
    NO_MASKS = "no-masks"
    """Front and side, whole radiographs: the shadow of the bone is not known."""
    OTHER_SIDE = "other-side"
    """Front and side, masked, of the mirrored patient: a left bone, which the atlas of a right one is not."""

    @property
    def is_corrected(self) -> bool:
        """The method is told that the second view may be off."""
        return self in (BiplanarSetup.WRONG_ANGLE_CORRECTED, BiplanarSetup.DRAWN_ERROR_CORRECTED)


class BiplanarStudyMethod(StrEnum):
    """Methods that are compared."""

    AUTO = "auto"
    """What the program does by itself: the network's answer, then the fit about it."""
    OPTIMIZE = "optimize"
    """The fit about the mean shape."""
    NETWORK = "network"
    """The network alone."""
    SDM = "sdm"
    """The statistical deformation model alone."""
    AFFINE = "affine"
    """Pose and proportions of the mean shape alone."""


@dataclass(frozen=True)
class BiplanarTrial:
    """One fit.

    Attributes:
        case: name of the patient.
        group: folder it comes from.
        setup: what the method got.
        method: how it was fitted.
        seed: of angles and noise.
        first_deg: primary angle of the first view [degrees].
        second_deg: of the second view, as it really was [degrees].
        dice: overlap with the true bone, on the patient's grid; NaN if there is no result.
        jaccard: the same.
        assd_mm: average symmetric surface distance [mm].
        hausdorff_mm: 95 % Hausdorff distance [mm].
        landmark_mm: mean distance left between landmarks [mm]; NaN where there are none.
        folded: voxels at which the map folds.
        smallest_jacobian: smallest local change of volume.
        consistency_mm: largest distance of a point of the bone from itself, through both saved maps [mm].
        uncertainty_mm: mean, in the bone, as the result tells [mm].
        edges: evidence of the confidence (`BiplanarEvidence`), as the following.
        outline_mm: see there; NaN without masks.
        unusual: see there.
        confidence: of the result, 0 to 1.
        trust: the same in one word; empty if there is no result.
        seconds: wall time of the fit [s].
        cpu_seconds: time that the processor worked on it, all threads together [s].
        error: text of the error, if there is no result.
    """

    case: str
    group: str
    setup: str
    method: str
    seed: int
    first_deg: float
    second_deg: float
    dice: float
    jaccard: float
    assd_mm: float
    hausdorff_mm: float
    landmark_mm: float
    folded: int
    smallest_jacobian: float
    consistency_mm: float
    uncertainty_mm: float
    edges: float
    outline_mm: float
    unusual: float
    confidence: float
    trust: str
    seconds: float
    cpu_seconds: float
    error: str = ""

    @property
    def key(self) -> BiplanarKey:
        """What makes a trial the same one in another run."""
        return self.case, self.setup, self.method, self.seed
