"""Ultrasound frames as training needs them: small squares with their sector, all on one device."""

from dataclasses import dataclass
from pathlib import Path

import torch

from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.data.us_split import ultrasound_files
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.read_ultrasound import read_ultrasound
from DeepRegistrationLib.images.us_sector import find_sector
from DeepRegistrationLib.images.us_working_frames import working_frames

_SHARE = 1 / 3
"""A cine loop of 65 nearly equal frames counts as four stills."""


@dataclass(frozen=True, eq=False)
class FrameSet:
    """F frames of S subjects on n x n pixels.

    Attributes:
        values: (F, 1, n, n) float32; 0 to 1, 0 outside the sector.
        mask: (F, 1, n, n) float32; 1 in the sector.
        first: (S,) int64; index of the first frame of each subject; a subject's frames are consecutive.
        count: (S,) int64; frames of each subject.
        subjects: their names.
    """

    values: torch.Tensor
    mask: torch.Tensor
    first: torch.Tensor
    count: torch.Tensor
    subjects: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.values)

    def drawn(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """(count,) int64; random frames; a subject with many frames is drawn more often, but not as much."""
        device = generator.device
        weight = self.count.to(torch.float32).pow(_SHARE)
        subject = torch.multinomial(weight, count, replacement=True, generator=generator)
        part = torch.rand(count, generator=generator, device=device)
        return self.first[subject] + (part * self.count[subject]).long()


@dataclass(frozen=True, eq=False)
class UltrasoundSubjects:
    """Frames to train on and frames to choose by."""

    train: FrameSet
    validation: FrameSet


def load_frame_set(folder: Path, split: Split, size: int, device: torch.device) -> FrameSet:
    """Frames of all subjects of a split.

    Args:
        folder: of the ultrasound data (`data/us_split.py`).
        split: which subjects.
        size: pixels n along each edge; the longer edge of the sector fills it.
        device: of the result.

    Raises:
        InputError: there are none, or a file cannot be read.
    """
    frames: dict[str, list[tuple[torch.Tensor, torch.Tensor]]] = {}
    for subject, path in ultrasound_files(folder, split):
        read = read_ultrasound(path)
        small = working_frames(read, find_sector(read).mask, size)
        frames.setdefault(subject, []).append((small.values, small.mask.expand(len(read), -1, -1, -1)))
    if not frames:
        raise InputError(
            f"The folder '{folder}' holds no ultrasound frames. Name the folder that has the folders hip-us, "
            "busi, plus and dicom with --data."
        )
    count = torch.tensor([sum(len(values) for values, _ in parts) for parts in frames.values()])
    parts = [part for of_subject in frames.values() for part in of_subject]
    return FrameSet(
        values=torch.cat([values for values, _ in parts]).to(device),
        mask=torch.cat([mask for _, mask in parts]).to(device),
        first=(count.cumsum(0) - count).to(device),
        count=count.to(device),
        subjects=tuple(frames),
    )


def load_ultrasound_subjects(folder: Path, size: int, device: torch.device) -> UltrasoundSubjects:
    """Training and validation frames; see `load_frame_set`."""
    return UltrasoundSubjects(
        load_frame_set(folder, Split.TRAIN, size, device),
        load_frame_set(folder, Split.VALIDATION, size, device),
    )
