"""Angles between consecutive ultrasound frames.

frames --sector, square pixels--> working frames --pairs (k, k + 1)--> motions --pixels to mm--> image
space image space --triplets--> Euler angles of before and after --calibration--> the same in probe space
image space --chained--> every frame in the first one --tracker, if there is one--> drift
"""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
import torch

from DeepRegistrationLib.device import describe_device, torch_device
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.geometry.in_plane import about_point, image_space_matrix
from DeepRegistrationLib.images.us_sector import Sector, find_sector
from DeepRegistrationLib.images.us_working_frames import WorkingFrames, working_frames
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod, UsAnglesSettings
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion
from DeepRegistrationLib.progress import Progress, Report, keep_going
from DeepRegistrationLib.workflows.result import NamedTransform
from DeepRegistrationLib.workflows.us_confidence import PairEvidence, judge_frames, judge_pair
from DeepRegistrationLib.workflows.us_methods import PairAnswer, register_pairs, resolved
from DeepRegistrationLib.workflows.us_result import DriftReport, PairMotions, UsAnglesInputs, UsAnglesResult
from DeepRegistrationLib.workflows.us_sweep import chained, drift_report, triplet_angles

WORKING_SIZE = 256
"""About the grain of speckle in a frame of 5 cm: coarser pixels see the edges of organs alone, which drift
where the probe moves out of plane."""
_CHUNK = 16
"""Pairs at once: enough to keep the processor busy, few enough for its cache and for answering a cancel."""
_PREPARE, _REGISTER, _CHAIN = "Finding the sector", "Registering pairs of frames", "Chaining the motions"


def register(
    inputs: UsAnglesInputs,
    settings: UsAnglesSettings,
    report: Report = keep_going,
    sector: Sector | None = None,
) -> UsAnglesResult:
    """Registers three frames, or all consecutive frames of a sweep.

    Args:
        inputs: frames, calibration and mask.
        settings: choices.
        report: receives progress; False stops.
        sector: of the same probe at the same depth, found before; None finds it.

    Returns:
        Angles of every triplet, motions, chain, drift and confidence.

    Raises:
        InputError: fewer than three frames, or a mask that does not fit.
        RegistrationError: the method cannot be used here.
        Cancelled: `report` returned False.
    """
    frames = inputs.frames
    if len(frames) < 3:
        raise InputError(
            f"'{frames.name}' has {len(frames)} frames; three consecutive ones are needed at least. "
            "Choose a longer sequence."
        )
    device, method = torch_device(settings.device), resolved(settings.method)
    clock = _Clock(report)
    clock.enter(_PREPARE, 0.0)
    sector = sector or find_sector(frames, inputs.mask)
    working = working_frames(frames, sector.mask, WORKING_SIZE).to(device)
    clock.enter(_REGISTER, 0.1)
    with torch.no_grad():
        answer = register_consecutive(working, method, lambda part: clock.advance(0.1 + 0.8 * part))
    clock.enter(_CHAIN, 0.9)
    pairs = _in_image_space(answer, working)
    triplets = triplet_angles(pairs, inputs.calibration)
    middle = (len(frames) - 3) // 2
    confidence = judge_frames(pairs.confidence, (middle, middle + 1))
    clock.finish()
    return UsAnglesResult(
        job="us-angles",
        method=str(method),
        device=describe_device(device),
        transforms=_transforms(inputs, triplets.before_from_middle, triplets.after_from_middle, middle),
        similarity={"local correlation": float(np.mean(pairs.correlation))},
        confidence=confidence,
        warnings=_warnings(inputs, sector),
        seconds=clock.seconds,
        settings=_in_force(inputs, settings, method, sector),
        models=answer.models,
        frames=frames,
        calibration=inputs.calibration,
        sector=sector.mask,
        pairs=pairs,
        triplets=triplets,
        middle=middle,
        first_from_frame=chained(pairs),
        drift=_drift(inputs, settings, pairs, working),
    )


def register_consecutive(
    working: WorkingFrames,
    method: UsAnglesMethod,
    advance: Callable[[float], None] = lambda part: None,
    network: UsAngleNet | None = None,
) -> PairAnswer:
    """Registers frame k (moving) to frame k + 1 (fixed) for all k, a chunk of pairs at a time.

    Args:
        working: N frames.
        method: not "auto".
        advance: told the fraction done; raises to stop.
        network: instead of the installed one.

    Returns:
        N - 1 motions frame k from frame k + 1.
    """
    count = len(working.values) - 1
    parts = []
    for first in range(0, count, _CHUNK):
        last = min(first + _CHUNK, count)
        pairs = FramePairs.consecutive(working.values[first : last + 1], working.mask)

        def part(fraction: float, first: int = first, last: int = last) -> None:
            advance((first + fraction * (last - first)) / count)

        parts.append(register_pairs(pairs, method, part, network))
    return joined_answers(parts)


def joined_answers(parts: list[PairAnswer]) -> PairAnswer:
    """Answers of several chunks of pairs as one."""

    def motion(of: list[PairMotion]) -> PairMotion:
        return PairMotion(torch.cat([m.angle for m in of]), torch.cat([m.shift for m in of]))

    fits = [part.fit for part in parts]
    fit = dataclasses.replace(
        fits[0],
        motion=motion([fit.motion for fit in fits]),
        **{
            name: torch.cat([getattr(fit, name) for fit in fits])
            for name in ("correlation", "overlap", "angle_sigma", "texture", "patch_motion")
        },
    )
    return PairAnswer(fit, motion([part.start for part in parts]), parts[0].models)


def evidence_of(answer: PairAnswer) -> list[PairEvidence]:
    """What each pair's registration found out about itself."""
    fit, start = answer.fit, answer.start
    turned = (fit.motion.angle - start.angle).abs().rad2deg()
    moved = 100 * (fit.motion.shift - start.shift).norm(dim=1)
    columns = (fit.correlation, fit.texture, fit.angle_sigma.rad2deg(), fit.overlap, turned, moved)
    columns += (100 * fit.patch_motion,)
    rows = torch.stack([column.cpu().double() for column in columns], 1).tolist()
    return [PairEvidence(*row) for row in rows]


def _in_image_space(answer: PairAnswer, working: WorkingFrames) -> PairMotions:
    """Motions in mm; frame k + 1 from frame k is the inverse of what was registered."""
    fit = answer.fit
    onward = fit.motion.inverse()
    edge_mm = working.size * working.pitch_mm
    onward = PairMotion(onward.angle.cpu().double(), onward.shift.cpu().double() * edge_mm)
    matrices = image_space_matrix(about_point(onward.matrix(), working.centre_mm))
    return PairMotions(
        next_from_frame=matrices,
        angle_deg=onward.angle.rad2deg().numpy(),
        shift_mm=onward.shift.numpy(),
        angle_sigma_deg=fit.angle_sigma.rad2deg().cpu().double().numpy(),
        correlation=fit.correlation.cpu().double().numpy(),
        confidence=tuple(judge_pair(evidence) for evidence in evidence_of(answer)),
    )


def _transforms(
    inputs: UsAnglesInputs, before: np.ndarray, after: np.ndarray, middle: int
) -> dict[str, NamedTransform]:
    """middle_from_before and middle_from_after in RAS, and what they are in probe space."""
    ras = inputs.frames.ras_from_image
    found = {}
    for name, motion, number in (("before", before[middle], middle), ("after", after[middle], middle + 2)):
        back = np.linalg.inv(motion)
        source = f"frame {number} ({name}) RAS"
        found[f"middle_from_{name}"] = NamedTransform(
            ras @ back @ np.linalg.inv(ras), source, f"frame {middle + 1} (middle) RAS"
        )
        if inputs.calibration is not None:
            found[f"middle_from_{name}_probe"] = NamedTransform(
                inputs.calibration.in_probe_space(back),
                f"frame {number} ({name}) in probe space",
                f"frame {middle + 1} (middle) in probe space",
            )
    # the two of the images first: the first one is the job's answer
    return dict(sorted(found.items(), key=lambda entry: entry[0].endswith("_probe")))


def _warnings(inputs: UsAnglesInputs, sector: Sector) -> tuple[str, ...]:
    warnings = [sector.warning] if sector.warning else []
    if inputs.frames.spacing_mm is None:
        warnings.append(
            "The size of the pixels is not known: angles are right if pixels are square, shifts are in "
            "pixels. Give the pixel size or a PLUS configuration."
        )
    return tuple(warnings)


def _in_force(
    inputs: UsAnglesInputs, settings: UsAnglesSettings, method: UsAnglesMethod, sector: Sector
) -> dict[str, object]:
    chosen = {entry.name: getattr(settings, entry.name) for entry in dataclasses.fields(settings)}
    return {
        **chosen,
        "method": method,
        "pixel_size_mm": inputs.frames.spacing_mm,
        "pixel_size_from": inputs.frames.spacing_source if inputs.frames.spacing_mm else "unknown",
        "calibration": None if inputs.calibration is None else inputs.calibration.name,
        "sector": sector.shape,
        "frames": len(inputs.frames),
    }


def _drift(
    inputs: UsAnglesInputs, settings: UsAnglesSettings, pairs: PairMotions, working: WorkingFrames
) -> DriftReport | None:
    poses = inputs.frames.poses
    if poses is None or inputs.calibration is None:
        return None
    probe = poses.reference_from_probe(settings.probe, settings.reference)
    if probe is None:
        return None
    return drift_report(pairs, probe, inputs.calibration, working.centre_mm.numpy())


class _Clock:
    """Progress and time of the stages."""

    def __init__(self, report: Report) -> None:
        self._report, self._stage, self._started = report, "", time.perf_counter()
        self._begun = self._started
        self.seconds: dict[str, float] = {}

    def enter(self, stage: str, fraction: float) -> None:
        self.finish()
        self._stage, self._started = stage, time.perf_counter()
        self.advance(fraction)

    def advance(self, fraction: float) -> None:
        elapsed = time.perf_counter() - self._begun
        left = elapsed * (1 - fraction) / fraction if fraction > 0.15 else None
        if not self._report(Progress(min(fraction, 1.0), self._stage, left)):
            raise Cancelled(self._stage)

    def finish(self) -> None:
        if self._stage:
            self.seconds[self._stage] = time.perf_counter() - self._started
