"""Which weeks of the CRL atlas networks are trained on, chosen by, and measured on."""

from enum import StrEnum

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas


class Split(StrEnum):
    """Use of a subject; every subject has one only."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


_VALIDATION_WEEKS = (28.0,)
_TEST_WEEKS = (26.0, 31.0, 35.0)


def split_of(gestational_age_weeks: float) -> Split:
    """Use of a week of the atlas.

    Other subjects (a real fetus, newborns, the spina bifida atlas) are never trained on: they are in no
    folder that training reads.
    """
    if gestational_age_weeks in _VALIDATION_WEEKS:
        return Split.VALIDATION
    return Split.TEST if gestational_age_weeks in _TEST_WEEKS else Split.TRAIN


def entries_of(atlas: FetalAtlas, split: Split) -> tuple[AtlasFiles, ...]:
    """The weeks of an atlas that belong to a split, ascending."""
    return tuple(entry for entry in atlas.files if split_of(entry.gestational_age_weeks or 0) == split)
