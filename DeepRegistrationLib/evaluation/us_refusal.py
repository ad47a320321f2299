"""Pairs of frames that show the same place, and pairs that do not: what refusal is fitted and measured on.

Good are frames with known motion, and consecutive frames of a sweep. Bad are frames of two subjects, two
stills of one subject taken at different places, and frames of a sweep that lie millimetres apart.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.data.us_split import ultrasound_files
from DeepRegistrationLib.data.us_subjects import FrameSet, load_frame_set
from DeepRegistrationLib.evaluation.us_trials import (
    FRAME_SIZE,
    SETTINGS,
    SOURCE_SIZE,
    UsProtocol,
    pair_evidence,
    pairs_of_triplets,
    subject_triplets,
)
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.us_sector import find_sector
from DeepRegistrationLib.images.us_working_frames import working_frames
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs

_SIZE = FRAME_SIZE // 2
RIGHT_DEG = 0.5
"""An angle further off is not right."""
_APART = (6, 7, 8)
"""Frames of a sweep so far apart are three millimetres or more out of plane."""


@dataclass(frozen=True, eq=False)
class JudgedPairs:
    """Pairs with what their registration found out.

    Attributes:
        kind: "known motion", "known motion, hard", "other subject", "other still", "out of plane", "next
        frame". subject: of the fixed frame.
        evidence: (N, D); as the confidence takes it.
        right: (N,) bool; same place, and the angle is right within `RIGHT_DEG`.
    """

    kind: tuple[str, ...]
    subject: tuple[str, ...]
    evidence: np.ndarray
    right: np.ndarray


def judged_pairs(
    data: Path, split: Split, per_subject: int, method: UsAnglesMethod, seed: int, network: UsAngleNet | None
) -> JudgedPairs:
    """Registers good and bad pairs of the subjects of a split.

    Args:
        data: folder of the ultrasound.
        split: which subjects.
        per_subject: triplets of known motion, and pairs with another subject, for each subject.
        method: that registers them.
        seed: of motions, noise and partners.
        network: instead of the installed one.
    """
    frames = load_frame_set(data, split, SOURCE_SIZE, torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    kinds, subjects, evidence, right = [], [], [], []

    def add(kind: str, subject: str, pairs: FramePairs, true_deg: torch.Tensor | None) -> None:
        found, angle = pair_evidence(pairs, method, network)
        kinds.extend([kind] * len(found))
        subjects.extend([subject] * len(found))
        evidence.extend(entry.numbers() for entry in found)
        good = torch.zeros(len(found), dtype=torch.bool)
        right.extend((good if true_deg is None else (angle - true_deg).abs() < RIGHT_DEG).tolist())

    for index, subject in enumerate(frames.subjects):
        known = {"known motion": UsProtocol.CONTINUOUS, "known motion, hard": UsProtocol.HARD}
        for kind, protocol in known.items():
            made = subject_triplets(frames, index, per_subject, SETTINGS[protocol], generator)
            true = torch.cat([made.angle[:, 0], made.angle[:, 1]]).rad2deg()
            add(kind, subject, pairs_of_triplets(made).of_size(_SIZE), true)
        add("other subject", subject, _with_others(frames, index, 2 * per_subject, generator), None)
        stills = _other_stills(frames, index, per_subject)
        if stills is not None:
            add("other still", subject, stills, None)
    for subject, pairs, kind in _of_sweeps(data, split):
        add(kind, subject, pairs, None)
        if kind == "next frame":  # at video rate: the same place, and angles of tenths of a degree
            right[-len(pairs) :] = [True] * len(pairs)
    return JudgedPairs(tuple(kinds), tuple(subjects), np.array(evidence), np.array(right))


def joined_pairs(parts: list[JudgedPairs]) -> JudgedPairs:
    """Pairs of several methods one after the other."""
    return JudgedPairs(
        tuple(kind for part in parts for kind in part.kind),
        tuple(subject for part in parts for subject in part.subject),
        np.concatenate([part.evidence for part in parts]),
        np.concatenate([part.right for part in parts]),
    )


def _with_others(frames: FrameSet, subject: int, count: int, generator: torch.Generator) -> FramePairs:
    """Frames of the subject as fixed, of others as moving, in the sector that both fill."""
    own = frames.first[subject] + torch.arange(count) % frames.count[subject]
    first, last = int(frames.first[subject]), int(frames.first[subject] + frames.count[subject])
    others = torch.tensor([k for k in range(len(frames)) if not first <= k < last])
    other = others[torch.randint(len(others), (count,), generator=generator)]
    return _pairs(frames.values[other], frames.values[own], frames.mask[other] * frames.mask[own])


def _other_stills(frames: FrameSet, subject: int, count: int) -> FramePairs | None:
    """Stills of one exam against each other; they show other planes or the other side."""
    number = int(frames.count[subject])
    if not frames.subjects[subject].startswith("hip-us") or number < 2:
        return None
    pairs = [(i, j) for step in range(1, number) for i in range(number) for j in [(i + step) % number]]
    moving, fixed = (frames.first[subject] + torch.tensor(of) for of in zip(*pairs[:count], strict=True))
    return _pairs(frames.values[moving], frames.values[fixed], frames.mask[moving] * frames.mask[fixed])


def _of_sweeps(data: Path, split: Split) -> list[tuple[str, FramePairs, str]]:
    found = []
    for subject, path in ultrasound_files(data, split):
        # wires in water show nothing else; the beating heart returns to where it was
        if not subject.startswith("plus/") or "Nwire" in subject:
            continue
        read = read_ultrasound(path)
        small = working_frames(read, find_sector(read).mask, _SIZE)
        for step, kind in (*((step, "out of plane") for step in _APART), (1, "next frame")):
            if len(read) > step:
                pairs = FramePairs(small.values[:-step], small.values[step:], small.mask)
                found.append((subject, pairs, kind))
    return found


def _pairs(moving: torch.Tensor, fixed: torch.Tensor, mask: torch.Tensor) -> FramePairs:
    """Squares of `SOURCE_SIZE`, three working pixels for each, averaged."""

    def smaller(images: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(images, SOURCE_SIZE // _SIZE)

    return FramePairs(smaller(moving), smaller(fixed), (smaller(mask) > 0.99).float())
