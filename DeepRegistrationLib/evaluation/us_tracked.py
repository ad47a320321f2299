"""Tracked sweeps: the angle within the image against the tracker, and against two guesses without any
image.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.bootstrap import bootstrap_interval
from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.geometry.in_plane import in_plane_part
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.us_plus_config import read_plus_configuration
from DeepRegistrationLib.images.us_sector import find_sector
from DeepRegistrationLib.images.us_working_frames import working_frames
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs
from DeepRegistrationLib.workflows.us_angles import WORKING_SIZE
from DeepRegistrationLib.workflows.us_methods import register_pairs

SWEEPS = (
    ("bone, freehand", "BoneUltrasound_L14.igs.mha", "BoneUltrasound_L14_config.xml"),
    (
        "wires in water, freehand",
        "NwirePhantomFreehand.igs.mha",
        "PlusDeviceSet_NwirePhantomFreehand_vtkVolumeReconstructorTest2.xml",
    ),
)
STEPS = (1, 2, 4)
"""Frames apart: further apart there is more motion, and less of it in the image."""
_BLOCK = 4


@dataclass(frozen=True, eq=False)
class TrackedSweep:
    """One sweep registered at one distance of frames by one method.

    Attributes:
        sweep: name.
        step: frames apart.
        method: name.
        true_deg: (N,) in the image, from the tracker [degrees].
        found_deg: (N,) [degrees].
        out_of_plane_mm: (N,) motion out of the image [mm].
    """

    sweep: str
    step: int
    method: str
    true_deg: np.ndarray
    found_deg: np.ndarray
    out_of_plane_mm: np.ndarray

    def errors(self) -> dict[str, np.ndarray]:
        """Absolute errors of the method and of the guesses [degrees]."""
        true, count = self.true_deg, len(self.true_deg)
        others = (true.sum() - true) / (count - 1)
        return {
            self.method: np.abs(self.found_deg - true),
            "zero motion": np.abs(true),
            "mean motion": np.abs(others - true),
        }


def tracked_sweeps(
    data: Path, methods: tuple[UsAnglesMethod, ...], network: UsAngleNet | None = None
) -> list[TrackedSweep]:
    """Registers the tracked sweeps.

    Args:
        data: folder of the ultrasound.
        methods: to compare.
        network: instead of the installed one.
    """
    found = []
    for name, file, configuration in SWEEPS:
        path = data / "plus" / file
        if not path.is_file():
            continue
        calibration = read_plus_configuration(data / "plus" / configuration).calibration
        frames = read_ultrasound(path).with_spacing(calibration.scale_mm, "PLUS")
        poses = frames.poses.reference_from_probe()
        world = poses.world_from_probe @ calibration.probe_from_image
        small = working_frames(frames, find_sector(frames).mask, WORKING_SIZE)
        point = np.array([*small.centre_mm.numpy(), 0.0, 1.0])
        for step in STEPS:
            motion = np.linalg.inv(world[step:]) @ world[:-step]
            valid = poses.valid[step:] & poses.valid[:-step]
            true = np.degrees(in_plane_part(motion)[0])[valid]
            pairs = FramePairs(small.values[:-step], small.values[step:], small.mask)
            for method in methods:
                # registered is frame k from frame k + step; the tracker's motion is the other way round
                angle = -np.degrees(register_pairs(pairs, method, network=network).fit.motion.angle.numpy())
                found.append(
                    TrackedSweep(
                        name, step, str(method), true, angle.astype(float)[valid], (motion @ point)[valid, 2]
                    )
                )
    return found


def tracked_table(sweeps: list[TrackedSweep]) -> str:
    """Mean error with its 95 % interval, correlation with the tracker, and error of the sum."""
    rows = []
    for sweep in sweeps:
        errors = sweep.errors()
        correlation = np.corrcoef(sweep.true_deg, sweep.found_deg)[0, 1]
        block = min(_BLOCK, len(sweep.true_deg))
        better = min(("zero motion", "mean motion"), key=lambda name: errors[name].mean())
        gain = bootstrap_interval(errors[sweep.method] - errors[better], block=block)
        rows.append(
            [
                sweep.sweep,
                str(sweep.step),
                f"{np.abs(sweep.out_of_plane_mm).mean():.2f}",
                sweep.method,
                *(_with_interval(errors[name], block) for name in errors),
                f"{gain[0]:+.3f} to {gain[1]:+.3f}",
                f"{correlation:.2f}",
            ]
        )
    head = (
        "sweep",
        "frames apart",
        "out of plane [mm]",
        "method",
        "mean error [deg]",
        "zero motion",
        "mean motion",
        "method less the better guess, 95 %",
        "correlation with the tracker",
    )
    return table(head, rows)


def _with_interval(errors: np.ndarray, block: int) -> str:
    low, high = bootstrap_interval(errors, block=block)
    return f"{errors.mean():.3f} ({low:.3f} to {high:.3f})"
