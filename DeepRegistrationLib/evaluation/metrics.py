"""How far a pose is from another one, and what many such errors amount to."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.geometry.rigid import rotation_error_deg, translation_error_mm

FAILURE_DEG = 10.0
"""A pose further off than this is a failure: no local refinement of the labels or the atlas would mend it."""
FALSE_ALARMS = 0.05
"""Share of the good results that may be mistaken for failures when it is measured how many are caught."""
BIN_EDGES_DEG = (0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0)
"""Six bins of the size of the rotation that was to be undone."""


@dataclass(frozen=True)
class PoseError:
    """Difference of two rigid maps.

    Attributes:
        rotation_deg: angle of the rotation between them [degrees].
        translation_mm: distance between the two images of one point of the anatomy [mm].
    """

    rotation_deg: float
    translation_mm: float


def pose_error(found: np.ndarray, reference: np.ndarray, at_point: np.ndarray) -> PoseError:
    """Error of a map against the map it should be.

    Args:
        found: (4, 4); target RAS from source RAS [mm]; rigid or similarity.
        reference: (4, 4); the same for the correct pose.
        at_point: (3,); where the translation is compared, in source RAS [mm]: the centre of the brain.

    Returns:
        Rotation and translation between the two.

    Source: rotation, Huynh, "Metrics for 3D rotations", Journal of Mathematical Imaging and Vision 35, 2009,
        function 6.
    """
    return PoseError(
        float(rotation_error_deg(found, reference)), float(translation_error_mm(found, reference, at_point))
    )


@dataclass(frozen=True)
class ErrorSummary:
    """Many errors in a few numbers; all NaN if there are none.

    Attributes:
        count: number of errors, failures without a number included.
        mean, standard_deviation, median, maximum: of the errors that are numbers.
    """

    count: int
    mean: float
    standard_deviation: float
    median: float
    maximum: float


def summarize(errors: Iterable[float]) -> ErrorSummary:
    """Summary of errors; NaN stands for a registration that gave none, and is counted only."""
    every = np.asarray(list(errors), dtype=np.float64)
    numbers = every[np.isfinite(every)]
    if not len(numbers):
        return ErrorSummary(len(every), math.nan, math.nan, math.nan, math.nan)
    return ErrorSummary(
        count=len(every),
        mean=float(numbers.mean()),
        standard_deviation=float(numbers.std()),
        median=float(np.median(numbers)),
        maximum=float(numbers.max()),
    )


def failures(rotation_errors_deg: Iterable[float]) -> int:
    """Number of rotation errors beyond `FAILURE_DEG` [degrees]; NaN, no result at all, counts as one."""
    return sum(not error <= FAILURE_DEG for error in rotation_errors_deg)


def caught_share(
    confidences: Iterable[float], rotation_errors_deg: Iterable[float], false_alarms: float = FALSE_ALARMS
) -> float:
    """Share of the failures that the confidence tells from good results.

    The alarm goes off below a confidence, set so high that it goes off for no more than a share of the good
    results.

    Args:
        confidences: of each result, 0 to 1.
        rotation_errors_deg: of each result [degrees]; NaN, no result at all, is a failure.
        false_alarms: share of the good results that may be mistaken for failures.

    Returns:
        0 to 1; NaN if nothing failed, or nothing succeeded.
    """
    errors_deg = np.asarray(list(rotation_errors_deg), dtype=np.float64)
    return caught_share_of(confidences, errors_deg <= FAILURE_DEG, false_alarms)


def caught_share_of(
    confidences: Iterable[float], is_good: Iterable[bool], false_alarms: float = FALSE_ALARMS
) -> float:
    """The same where something else says which results are good.

    Args:
        confidences: of each result, 0 to 1.
        is_good: of each result.
        false_alarms: share of the good results that may be mistaken for failures.

    Returns:
        0 to 1; NaN if nothing failed, or nothing succeeded.
    """
    confidence = np.asarray(list(confidences), dtype=np.float64)
    good = np.asarray(list(is_good), dtype=bool)
    if good.all() or not good.any():
        return math.nan
    of_good = np.sort(confidence[good])
    threshold = of_good[int(false_alarms * len(of_good))]
    return float((confidence[~good] < threshold).mean())


def bin_of(angle_deg: float) -> int:
    """Index of the bin of `BIN_EDGES_DEG` that an angle in [0, 180] falls into, its upper edge included."""
    if not 0 <= angle_deg <= BIN_EDGES_DEG[-1] + 1e-6:
        raise ValueError(f"a rotation angle lies in [0, 180] degrees, got {angle_deg}")
    return max(
        0, min(int(np.searchsorted(BIN_EDGES_DEG, angle_deg, side="left")) - 1, len(BIN_EDGES_DEG) - 2)
    )


def bin_names() -> list[str]:
    """Names of the bins for tables: 0-30 and so on [degrees]."""
    return [f"{low:.0f}-{high:.0f}" for low, high in itertools.pairwise(BIN_EDGES_DEG)]


def largest_disagreement_deg(maps: Iterable[np.ndarray]) -> float:
    """Largest rotation between any two of several maps (4, 4) [degrees]; 0 for fewer than two."""
    stacked = np.array(list(maps), dtype=np.float64)
    if len(stacked) < 2:
        return 0.0
    return float(rotation_error_deg(stacked[:, None], stacked[None]).max())
