"""Registrations of ultrasound frames whose motion is known, on subjects that nothing was trained on or
tuned by.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

import torch

from DeepRegistrationLib.data.us_subjects import FrameSet
from DeepRegistrationLib.data.us_synthesis import Triplets, TripletSynthesis, synthesize_triplets
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs
from DeepRegistrationLib.workflows.us_angles import evidence_of
from DeepRegistrationLib.workflows.us_confidence import PairEvidence, judge_pair
from DeepRegistrationLib.workflows.us_methods import PairAnswer, register_pairs

SOURCE_SIZE, FRAME_SIZE = 384, 256
"""Pixels of the frames of the files, brought onto squares, and of the frames made of them."""
FAILED_DEG = 1.0
_CHUNK = 12


class UsProtocol(StrEnum):
    """What differs between the frames of a triplet, beside angles up to 10 degrees of their own."""

    CONTINUOUS = "continuous"
    """Shift up to 2 pixels, noise, some speckle of their own, changed gain and depth gain."""
    CLEAN = "clean"
    """Shift up to 2 pixels, nothing else."""
    HARD = "hard"
    """Shift up to 6 % of the image, much speckle of their own, changed gain, depth gain and dynamic range."""
    SMALL = "small"
    """As continuous, with angles up to 1 degree: what consecutive frames of a sweep have."""


_CONTINUOUS = {
    "small_share": 0.0,
    "shift": 2 / FRAME_SIZE,
    "whole_picture": 0.0,
    "speckle": 0.15,
    "noise": 0.03,
    "gain": 0.2,
    "depth_gain": 0.1,
    "gamma": 0.1,
}
_CLEAN = {"speckle": 0.0, "noise": 0.0, "gain": 0.0, "depth_gain": 0.0, "gamma": 0.0}
SETTINGS = {
    UsProtocol.CONTINUOUS: TripletSynthesis(**{**_CONTINUOUS, "angle_deg": 10.0}),
    UsProtocol.CLEAN: TripletSynthesis(**{**_CONTINUOUS, **_CLEAN, "angle_deg": 10.0}),
    UsProtocol.HARD: TripletSynthesis(angle_deg=10.0, small_share=0.0, whole_picture=0.0),
    UsProtocol.SMALL: TripletSynthesis(**{**_CONTINUOUS, "angle_deg": 1.0}),
}


@dataclass(frozen=True)
class UsTrial:
    """One pair that was registered.

    Attributes:
        protocol: what differed between the frames.
        subject: name.
        number: of the pair.
        method: that registered it.
        true_deg: angle that was to be found [degrees].
        error_deg: found less true angle [degrees].
        shift_error_px: distance of found and true shift [pixels of the frames].
        confidence: as the program says it.
    """

    protocol: str
    subject: str
    number: int
    method: str
    true_deg: float
    error_deg: float
    shift_error_px: float
    confidence: float


def subject_triplets(
    frames: FrameSet, subject: int, count: int, settings: TripletSynthesis, generator: torch.Generator
) -> Triplets:
    """Triplets of one subject, from its frames in turn.

    Args:
        frames: of all subjects, on squares of `SOURCE_SIZE`.
        subject: index.
        count: number of triplets.
        settings: how they are made.
        generator: source of randomness.
    """
    chosen = frames.first[subject] + torch.arange(count) % frames.count[subject]
    return synthesize_triplets(frames, chosen, FRAME_SIZE, settings, generator)


def pairs_of_triplets(triplets: Triplets) -> FramePairs:
    """Both neighbours with the middle frame: all (before, middle), then all (after, middle)."""
    before, middle, after = (triplets.frames[:, k : k + 1] for k in range(3))
    return FramePairs(
        torch.cat([before, after]), torch.cat([middle, middle]), torch.cat([triplets.mask, triplets.mask])
    )


def run_trials(
    frames: FrameSet,
    protocol: UsProtocol,
    methods: tuple[UsAnglesMethod, ...],
    triplets: int,
    seed: int,
    network: UsAngleNet | None,
) -> Iterator[UsTrial]:
    """Registers triplets of every subject by every method.

    Args:
        frames: of the test subjects.
        protocol: what differs between frames.
        methods: to compare.
        triplets: per subject.
        seed: of motions and noise.
        network: instead of the installed one.

    Yields:
        Two trials for each triplet and method.
    """
    for index, subject in enumerate(frames.subjects):
        generator = torch.Generator().manual_seed(1000 * seed + index)
        made = subject_triplets(frames, index, triplets, SETTINGS[protocol], generator)
        angle = torch.cat([made.angle[:, 0], made.angle[:, 1]]).rad2deg()
        shift = torch.cat([made.shift[:, 0], made.shift[:, 1]])
        pairs = pairs_of_triplets(made)
        for method in methods:
            number = 0
            for answer in in_chunks(pairs, method, network):
                motion, part = answer.fit.motion, slice(number, number + len(answer.fit.motion.angle))
                errors = motion.angle.rad2deg() - angle[part]
                moved = FRAME_SIZE * (motion.shift - shift[part]).norm(dim=1)
                for k, evidence in enumerate(evidence_of(answer)):
                    yield UsTrial(
                        str(protocol),
                        subject,
                        number + k,
                        str(method),
                        float(angle[number + k]),
                        float(errors[k]),
                        float(moved[k]),
                        judge_pair(evidence).value,
                    )
                number = part.stop


def in_chunks(pairs: FramePairs, method: UsAnglesMethod, network: UsAngleNet | None) -> Iterator[PairAnswer]:
    """Registers pairs some at a time; the mask is that of each pair."""
    for first in range(0, len(pairs), _CHUNK):
        part = slice(first, first + _CHUNK)
        mask = pairs.mask if len(pairs.mask) == 1 else pairs.mask[part]
        with torch.no_grad():
            yield register_pairs(
                FramePairs(pairs.moving[part], pairs.fixed[part], mask), method, network=network
            )


def pair_evidence(
    pairs: FramePairs, method: UsAnglesMethod, network: UsAngleNet | None
) -> tuple[list[PairEvidence], torch.Tensor]:
    """Evidence of every pair, and (P,) the angles that were found [degrees]."""
    evidence, angles = [], []
    for answer in in_chunks(pairs, method, network):
        evidence += evidence_of(answer)
        angles.append(answer.fit.motion.angle.rad2deg())
    return evidence, torch.cat(angles)
