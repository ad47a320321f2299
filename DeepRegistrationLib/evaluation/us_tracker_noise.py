"""How exactly the tracker itself tells the angles that ultrasound is measured against.

A tool that lies still, such as the reference on the patient's table, is told to move all the same. What this
does to the angle within the image is the least error that any method can have; the probe's own sensor adds as
much again.
"""

from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.geometry.in_plane import in_plane_part
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames

_REFERENCE, _PROBE = "ReferenceToTracker", "ProbeToTracker"


@dataclass(frozen=True)
class TrackerNoise:
    """One sweep.

    Attributes:
        sweep: name.
        pairs: of consecutive frames with both tools seen.
        reference_deg: mean absolute angle within the image by which the reference alone seems to turn between
            two frames [degrees].
        probe_deg: the same for the whole motion, of probe against reference [degrees].
    """

    sweep: str
    pairs: int
    reference_deg: float
    probe_deg: float

    @property
    def floor_deg(self) -> float:
        """Mean error that a faultless method would show, if the reference lay still and the probe's sensor is
        as noisy as that of the reference [degrees].
        """
        return float(np.sqrt(2) * self.reference_deg)


def tracker_noise(
    name: str, frames: UltrasoundFrames, calibration: UltrasoundCalibration
) -> TrackerNoise | None:
    """Compares the motion that is told of the reference with that of the probe.

    Args:
        name: of the sweep.
        frames: with poses.
        calibration: of the probe.

    Returns:
        None where the reference was not tracked.
    """
    poses = frames.poses
    if poses is None or _REFERENCE not in poses.transforms or _PROBE not in poses.transforms:
        return None
    tracker_from_reference = poses.transforms[_REFERENCE]
    tracker_from_image = poses.transforms[_PROBE] @ calibration.probe_from_image
    seen = poses.valid[_REFERENCE] & poses.valid[_PROBE]
    both = seen[1:] & seen[:-1]
    reference_from_image = np.linalg.inv(tracker_from_reference) @ tracker_from_image
    # the image as if the probe stood where it was at the first of each two frames
    standing = np.linalg.inv(tracker_from_reference[1:]) @ tracker_from_image[:-1]
    by_reference = _angles(standing, reference_from_image[:-1])[both]
    whole = _angles(reference_from_image[1:], reference_from_image[:-1])[both]
    return TrackerNoise(
        name, int(both.sum()), float(np.abs(by_reference).mean()), float(np.abs(whole).mean())
    )


def noise_table(noises: list[TrackerNoise]) -> str:
    """What the tracker allows to measure."""
    rows = [
        [
            noise.sweep,
            str(noise.pairs),
            f"{noise.probe_deg:.3f}",
            f"{noise.reference_deg:.3f}",
            f"{noise.floor_deg:.3f}",
        ]
        for noise in noises
    ]
    head = ("sweep", "pairs", "angle of the probe [deg]", "angle of the reference alone [deg]")
    return table([*head, "error of a faultless method [deg]"], rows)


def _angles(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """(N,) turn within the image between two poses [degrees]."""
    return np.degrees(in_plane_part(np.linalg.inv(after) @ before)[0])
