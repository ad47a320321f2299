"""Which ultrasound subjects networks are trained on, which constants are chosen by, and which are measured
on.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from DeepRegistrationLib.data.fetal_split import Split

_SAME_SUBJECT = (
    ("hip-us/167854", "hip-us/167855"),
    ("hip-us/171554", "hip-us/171555"),
    ("busi/malignant_004", "busi/malignant_005", "busi/malignant_007", "busi/malignant_008"),
)
"""Cases published one after the other, and pictures that show one lesion (correlation 0.95 and more): taken
for one subject."""
_VALIDATION = {
    "hip-us/167854",
    "busi/benign_011",
    "busi/benign_013",
    "busi/malignant_004",
    "busi/normal_004",
    "plus/Prostate10_video",
}
_TEST = {
    "hip-us/172533",
    "hip-us/56568",
    "busi/benign_014",
    "busi/benign_016",
    "busi/benign_017",
    "busi/malignant_010",
    "busi/malignant_011",
    "busi/normal_005",
    "plus/BoneUltrasound_L14",
    "plus/NwirePhantomFreehand",
}
_FRAMES = re.compile(r"(.+?)(\.igs)?\.(mha|mhd|dcm|png)")
_NO_IMAGE = ("_tracker",)


def subject_of(path: Path) -> str:
    """The subject that a file shows, such as "hip-us/171554": folder and name, the first of a subject's
    cases.
    """
    match = _FRAMES.fullmatch(path.name)
    name = f"{path.parent.name}/{match[1] if match else path.stem}"
    return next((group[0] for group in _SAME_SUBJECT if name in group), name)


def split_of_subject(subject: str) -> Split:
    """Use of a subject; one that is not named here is trained on."""
    if subject in _VALIDATION:
        return Split.VALIDATION
    return Split.TEST if subject in _TEST else Split.TRAIN


def ultrasound_files(folder: Path, split: Split) -> Iterator[tuple[str, Path]]:
    """Subjects and their files under a folder, in the order of their names.

    Args:
        folder: with one folder per collection: hip-us, busi, plus, dicom.
        split: which use.

    Yields:
        (subject, file with frames).
    """
    for path in sorted(folder.glob("*/*")):
        match = _FRAMES.fullmatch(path.name)
        if match is None or match[1].endswith(_NO_IMAGE):
            continue
        subject = subject_of(path)
        if split_of_subject(subject) == split:
            yield subject, path
