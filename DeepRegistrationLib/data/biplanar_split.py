"""Which source subjects the biplanar atlas fitting is trained on, chosen by and measured on.

A synthetic femur belongs to the split of the real subject it was made from, whatever was varied. Shape modes,
the atlas and the neighbouring bones of the training come from training subjects only. The two femora of one
person, and two scans of one person, are one subject.
"""

from enum import StrEnum

from DeepRegistrationLib.errors import InputError


class BiplanarSplit(StrEnum):
    """Use of a source subject; every subject has one only."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SUBJECT_SPLIT = {
    "MC22": BiplanarSplit.TRAIN,
    "VAKHUM": BiplanarSplit.TRAIN,
    "LHDL": BiplanarSplit.TRAIN,
    "ICL": BiplanarSplit.VALIDATION,
    "TLEM2": BiplanarSplit.TEST,
    "ts0561": BiplanarSplit.TEST,
}
"""Meshes of msk-STAPLE by the name before `_CT` or `_MRI`; `ts0561` is a CT (`data/xray_split.py`)."""

_SCANNERS = ("_CT", "_MRI")


def subject_name(stem: str) -> str:
    """The person behind a name such as `TLEM2_CT`, `TLEM2_MRI` or `TLEM2`."""
    for scanner in _SCANNERS:
        stem = stem.removesuffix(scanner)
    return stem


def split_of(subject: str) -> BiplanarSplit:
    """The one use of a subject.

    Args:
        subject: as `subject_name` gives it.

    Raises:
        InputError: the subject is in no split.
    """
    split = SUBJECT_SPLIT.get(subject)
    if split is None:
        raise InputError(
            f"The subject '{subject}' belongs to no split; known are {', '.join(SUBJECT_SPLIT)}. Say which "
            f"with --assign {subject}=train (or {', '.join(BiplanarSplit)})."
        )
    return split
