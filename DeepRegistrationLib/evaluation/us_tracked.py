"""Tracked sweeps: the angle within the image against the tracker, and against two guesses without any
image.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.evaluation.bootstrap import bootstrap_interval
from DeepRegistrationLib.evaluation.study_tables import in_order, table
from DeepRegistrationLib.evaluation.us_trials import in_chunks
from DeepRegistrationLib.geometry.in_plane import in_plane_part
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_plus_config import read_plus_configuration
from DeepRegistrationLib.images.us_sector import find_sector
from DeepRegistrationLib.images.us_working_frames import working_frames
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs
from DeepRegistrationLib.workflows.us_angles import WORKING_SIZE, evidence_of
from DeepRegistrationLib.workflows.us_confidence import confidence_values
from DeepRegistrationLib.workflows.us_result import REFUSED_BELOW

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
STEPS_OUT_OF_PLANE = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
LENGTHS = (1, 2, 4, 8)
"""Consecutive motions that are chained."""
DISTANCES_MM = (0.0, 0.75, 1.25, 1.75, 2.25, 2.75, 3.25, 4.0, 6.0)
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
        first: (N,) number of the first frame of each pair; where the tracker lost a tool, pairs are missing.
        confidence: (N,) as the program says it, 0 to 1.
    """

    sweep: str
    step: int
    method: str
    true_deg: np.ndarray
    found_deg: np.ndarray
    out_of_plane_mm: np.ndarray
    first: np.ndarray
    confidence: np.ndarray

    def errors(self) -> dict[str, np.ndarray]:
        """Absolute errors of the method and of the guesses [degrees]."""
        return self.chained_errors(1)

    def chained_errors(self, length: int) -> dict[str, np.ndarray]:
        """Absolute errors of the sum of angles over every part of the sweep with `length` motions [degrees].

        The mean motion is that of the rest of the sweep, from the tracker.
        """
        true, found, first = self.true_deg, self.found_deg, self.first
        starts = [
            k
            for k in range(len(true) - length + 1)
            if first[k + length - 1] - first[k] == (length - 1) * self.step
        ]
        windows = np.array(starts)[:, None] + np.arange(length)  # (W, length)
        summed = true[windows].sum(1)
        rest = (true.sum() - summed) / max(len(true) - length, 1)
        return {
            self.method: np.abs(found[windows].sum(1) - summed),
            "zero motion": np.abs(summed),
            "mean motion": np.abs(length * rest - summed),
        }


def tracked_sweeps(
    data: Path,
    methods: tuple[UsAnglesMethod, ...],
    network: UsAngleNet | None = None,
    steps: tuple[int, ...] = STEPS,
    only: str = "",
) -> list[TrackedSweep]:
    """Registers the tracked sweeps.

    Args:
        data: folder of the ultrasound.
        methods: to compare.
        network: instead of the installed one.
        steps: how far frames of a pair are apart.
        only: name of one sweep; all without it.
    """
    found = []
    for name, frames, calibration in calibrated_sweeps(data):
        if only not in ("", name):
            continue
        poses = frames.poses.reference_from_probe()
        world = poses.world_from_probe @ calibration.probe_from_image
        small = working_frames(frames, find_sector(frames).mask, WORKING_SIZE)
        point = np.array([*small.centre_mm.numpy(), 0.0, 1.0])
        for step in steps:
            motion = np.linalg.inv(world[step:]) @ world[:-step]
            valid = poses.valid[step:] & poses.valid[:-step]
            true = np.degrees(in_plane_part(motion)[0])[valid]
            pairs = FramePairs(small.values[:-step], small.values[step:], small.mask)
            for method in methods:
                answers = list(in_chunks(pairs, method, network))
                # registered is frame k from frame k + step; the tracker's motion is the other way round
                angle = -torch.cat([answer.fit.motion.angle for answer in answers]).rad2deg().double().numpy()
                evidence = np.array([of.numbers() for answer in answers for of in evidence_of(answer)])
                found.append(
                    TrackedSweep(
                        name,
                        step,
                        str(method),
                        true,
                        angle[valid],
                        (motion @ point)[valid, 2],
                        np.nonzero(valid)[0],
                        confidence_values(evidence)[valid],
                    )
                )
    return found


def calibrated_sweeps(data: Path) -> Iterator[tuple[str, UltrasoundFrames, UltrasoundCalibration]]:
    """Names, frames and calibrations of the tracked sweeps that are there.

    Args:
        data: folder of the ultrasound.
    """
    for name, file, configuration in SWEEPS:
        path = data / "plus" / file
        if path.is_file():
            calibration = read_plus_configuration(data / "plus" / configuration).calibration
            yield name, read_ultrasound(path).with_spacing(calibration.scale_mm, "PLUS"), calibration


def tracked_table(sweeps: list[TrackedSweep]) -> str:
    """Mean error with its 95 % interval, correlation with the tracker, and error of the sum."""
    rows = []
    for sweep in sweeps:
        errors = sweep.errors()
        correlation = np.corrcoef(sweep.true_deg, sweep.found_deg)[0, 1]
        block = min(_BLOCK, len(sweep.true_deg))
        rows.append(
            [
                sweep.sweep,
                str(sweep.step),
                f"{np.abs(sweep.out_of_plane_mm).mean():.2f}",
                sweep.method,
                *(_with_interval(errors[name], block) for name in errors),
                _against_the_better_guess(errors, sweep.method, block),
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


def drift_table(sweeps: list[TrackedSweep]) -> str:
    """Errors of the summed angle over all parts of a sweep, motions of consecutive frames chained."""
    rows = []
    for sweep in sweeps:
        for length in LENGTHS if sweep.step == 1 else ():
            errors = sweep.chained_errors(length)
            count = len(errors["zero motion"])
            # parts that overlap are alike: they are drawn together
            block = max(_BLOCK, length)
            if count < block:
                continue
            rows.append(
                [
                    sweep.sweep,
                    str(length),
                    str(count),
                    sweep.method,
                    *(_with_interval(errors[name], block) for name in errors),
                    _against_the_better_guess(errors, sweep.method, block),
                ]
            )
    head = (
        "sweep",
        "motions chained",
        "parts",
        "method",
        "mean error of the sum [deg]",
        "zero motion",
        "mean motion",
        "method less the better guess, 95 %",
    )
    return table(head, rows)


def distance_table(sweeps: list[TrackedSweep], name: str = SWEEPS[0][0]) -> str:
    """How often motions are refused, and how wrong they are, by how far the probe moved out of the image."""
    rows = []
    for method in in_order(sweep.method for sweep in sweeps):
        chosen = [sweep for sweep in sweeps if (sweep.sweep, sweep.method) == (name, method)]
        distance, error, confidence = (
            np.concatenate([np.abs(part(sweep)) for sweep in chosen])
            for part in (
                lambda sweep: sweep.out_of_plane_mm,
                lambda sweep: sweep.found_deg - sweep.true_deg,
                lambda sweep: sweep.confidence,
            )
        )
        for low, high in pairwise(DISTANCES_MM):
            inside = (distance >= low) & (distance < high)
            if inside.any():
                rows.append(
                    [
                        method,
                        f"{low:g} to {high:g}",
                        str(inside.sum()),
                        f"{np.median(error[inside]):.2f}",
                        f"{np.quantile(error[inside], 0.9):.2f}",
                        f"{100 * (confidence[inside] < REFUSED_BELOW).mean():.0f} %",
                        f"{np.median(confidence[inside]):.3f}",
                    ]
                )
    head = ("method", "out of plane [mm]", "pairs", "median error of the angle [deg]", "90 % below")
    return table([*head, "refused", "median confidence"], rows)


def _against_the_better_guess(errors: dict[str, np.ndarray], method: str, block: int) -> str:
    better = min(("zero motion", "mean motion"), key=lambda name: errors[name].mean())
    gain = errors[method] - errors[better]
    if len(gain) < 2 * block:
        return f"{gain.mean():+.3f}, too short for an interval"
    low, high = bootstrap_interval(gain, block=block)
    return f"{low:+.3f} to {high:+.3f}"


def _with_interval(errors: np.ndarray, block: int) -> str:
    if len(errors) < 2 * block:
        return f"{errors.mean():.3f}"
    low, high = bootstrap_interval(errors, block=block)
    return f"{errors.mean():.3f} ({low:.3f} to {high:.3f})"
