"""What the registration of ultrasound frames takes and returns, in memory."""

from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.workflows.result import Confidence, Result

REFUSED_BELOW = 0.5
"""Confidence below which the motion between two frames is refused."""


@dataclass(frozen=True, eq=False)
class UsAnglesInputs:
    """What the workflow needs in memory.

    Attributes:
        frames: three or more, in the order of time; pixel size as it shall be used.
        calibration: of the image to the probe; None reports image space only.
        mask: (rows, columns) bool; where frames show tissue; None finds it.
    """

    frames: UltrasoundFrames
    calibration: UltrasoundCalibration | None = None
    mask: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class PairMotions:
    """Motions between consecutive frames; entry k belongs to the frames k and k + 1.

    Attributes:
        next_from_frame: (N - 1, 4, 4) float64; image space of frame k + 1 from that of frame k [mm].
        angle_deg: (N - 1,); turn of the content of frame k + 1 against frame k [degrees];
            `geometry/in_plane.py` has the sign.
        shift_mm: (N - 1, 2); shift of the content in the middle of the sector, along u and v [mm].
        angle_sigma_deg: (N - 1,); expected error of the angle from the residual [degrees]; NaN where the
            method does not tell.
        correlation: (N - 1,); of the locally normalized frames, -1 to 1.
        confidence: one for each pair.
    """

    next_from_frame: np.ndarray
    angle_deg: np.ndarray
    shift_mm: np.ndarray
    angle_sigma_deg: np.ndarray
    correlation: np.ndarray
    confidence: tuple[Confidence, ...]

    @property
    def refused(self) -> np.ndarray:
        """(N - 1,) bool; True where the motion is not to be trusted."""
        return np.array([entry.value < REFUSED_BELOW for entry in self.confidence])


@dataclass(frozen=True, eq=False)
class TripletAngles:
    """Euler angles of the outer frames of triplets (k - 1, k, k + 1) against the middle frame k.

    Attributes:
        before_from_middle: (N - 2, 4, 4) float64; image space [mm].
        after_from_middle: (N - 2, 4, 4) float64.
        before_deg: (N - 2, 3); Euler angles in image space [degrees].
        after_deg: (N - 2, 3).
        before_probe_deg: (N - 2, 3); Euler angles in probe space; None without a calibration.
        after_probe_deg: (N - 2, 3).
        refused: (N - 2,) bool; True where one of the two motions is refused.
    """

    before_from_middle: np.ndarray
    after_from_middle: np.ndarray
    before_deg: np.ndarray
    after_deg: np.ndarray
    before_probe_deg: np.ndarray | None
    after_probe_deg: np.ndarray | None
    refused: np.ndarray


@dataclass(frozen=True, eq=False)
class DriftReport:
    """A sweep against its tracker.

    Attributes:
        true_deg: (N - 1,); turn within the image that the tracker saw [degrees]; NaN where it lost a tool.
        tilt_deg: (N - 1,); turn out of the image [degrees].
        out_of_plane_mm: (N - 1,); motion of the sector's middle out of the image [mm].
        mean_error_deg: name ("registration", "zero motion", "mean motion") -> mean error of the angle between
            consecutive frames [degrees].
        drift_deg: the same names -> error of the summed angle at the last frame [degrees].
    """

    true_deg: np.ndarray
    tilt_deg: np.ndarray
    out_of_plane_mm: np.ndarray
    mean_error_deg: dict[str, float]
    drift_deg: dict[str, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class UsAnglesResult(Result):
    """Result of the registration of ultrasound frames.

    `transforms` begins with `middle_from_before` and `middle_from_after` of the triplet that is reported:
    the only one of three frames, the one in the middle of a sweep.

    Attributes:
        frames: as registered, with the pixel size in force.
        calibration: as given.
        sector: (rows, columns) bool.
        pairs: motions between consecutive frames.
        triplets: angles of all consecutive triplets.
        middle: index of the triplet that is reported; its middle frame is `middle + 1`.
        first_from_frame: (N, 4, 4) float64; image space of the first frame from that of each, chained over
            the pairs; a refused pair counts as no motion.
        drift: against the tracker; None without poses or calibration.
    """

    frames: UltrasoundFrames
    calibration: UltrasoundCalibration | None
    sector: torch.Tensor
    pairs: PairMotions
    triplets: TripletAngles
    middle: int
    first_from_frame: np.ndarray
    drift: DriftReport | None
