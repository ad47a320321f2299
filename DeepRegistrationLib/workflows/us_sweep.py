"""What a whole sweep becomes: triplets, chained transforms, drift against a tracker."""

import numpy as np

from DeepRegistrationLib.geometry.in_plane import in_plane_part
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration, euler_deg
from DeepRegistrationLib.images.ultrasound_frames import ProbePoses
from DeepRegistrationLib.workflows.us_result import DriftReport, PairMotions, TripletAngles


def triplet_angles(pairs: PairMotions, calibration: UltrasoundCalibration | None) -> TripletAngles:
    """Angles of the outer frames of all consecutive triplets.

    Args:
        pairs: motions of N frames.
        calibration: to report probe space too.
    """
    before = np.linalg.inv(pairs.next_from_frame[:-1])  # frame k-1 from frame k
    after = pairs.next_from_frame[1:]  # frame k+1 from frame k
    probe = None
    if calibration is not None:
        probe = tuple(euler_deg(calibration.in_probe_space(motion)) for motion in (before, after))
    return TripletAngles(
        before_from_middle=before,
        after_from_middle=after,
        before_deg=euler_deg(before),
        after_deg=euler_deg(after),
        before_probe_deg=None if probe is None else probe[0],
        after_probe_deg=None if probe is None else probe[1],
        refused=pairs.refused[:-1] | pairs.refused[1:],
    )


def chained(pairs: PairMotions) -> np.ndarray:
    """(N, 4, 4) float64; first frame from each frame [mm]; a refused pair counts as no motion."""
    chain = [np.eye(4)]
    for motion, refused in zip(pairs.next_from_frame, pairs.refused, strict=True):
        chain.append(chain[-1] if refused else chain[-1] @ np.linalg.inv(motion))
    return np.stack(chain)


def tracked_motions(poses: ProbePoses, calibration: UltrasoundCalibration) -> tuple[np.ndarray, np.ndarray]:
    """What the tracker saw between consecutive frames.

    Args:
        poses: of N frames.
        calibration: image to probe.

    Returns:
        (N - 1, 4, 4) image space of frame k + 1 from that of frame k [mm], and (N - 1,) bool: both frames
        valid.
    """
    world_from_image = poses.world_from_probe @ calibration.probe_from_image
    motions = np.linalg.inv(world_from_image[1:]) @ world_from_image[:-1]
    return motions, poses.valid[1:] & poses.valid[:-1]


def drift_report(
    pairs: PairMotions, poses: ProbePoses, calibration: UltrasoundCalibration, middle_mm: np.ndarray
) -> DriftReport | None:
    """Compares the angles with a tracker, and with two guesses that need no image.

    The mean motion is the mean of the tracked angles of the other pairs of the same sweep: a guess that
    knows more than a user would.

    Args:
        pairs: motions of N frames.
        poses: of the probe.
        calibration: image to probe.
        middle_mm: (2,); middle of the sector in image space [mm].

    Returns:
        The report; None if fewer than three pairs were tracked.
    """
    motions, valid = tracked_motions(poses, calibration)
    if valid.sum() < 3:
        return None
    true, tilt = (np.degrees(part) for part in in_plane_part(motions))
    point = np.array([*middle_mm, 0.0, 1.0])
    out_of_plane = (motions @ point)[:, 2]
    true, tilt, out_of_plane = (np.where(valid, values, np.nan) for values in (true, tilt, out_of_plane))
    count = valid.sum()
    others = (np.nansum(true) - true) / (count - 1)
    measured = np.where(pairs.refused, 0.0, pairs.angle_deg)
    guesses = {"registration": measured, "zero motion": np.zeros(len(true)), "mean motion": others}
    errors = {name: guess - true for name, guess in guesses.items()}
    return DriftReport(
        true_deg=true,
        tilt_deg=tilt,
        out_of_plane_mm=out_of_plane,
        mean_error_deg={name: float(np.nanmean(np.abs(error))) for name, error in errors.items()},
        drift_deg={name: float(abs(np.nansum(error))) for name, error in errors.items()},
    )
