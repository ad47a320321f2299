"""Brains that no network was trained on, in poses that are known."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas
from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.evaluation.fetal_pairs import StudyPair, find_pairs
from DeepRegistrationLib.evaluation.pair_group import PairGroup, SliceGroup
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import Device, FetalVolumeSettings, MovingContrast
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.workflows.fetal_volume import FetalVolumeInputs, register
from DeepRegistrationLib.workflows.result import Trust


@dataclass(frozen=True, eq=False)
class KnownSubject:
    """A brain whose place in the atlas is known.

    Attributes:
        name: for tables.
        group: kind of subject.
        source: file of the image; of a week of the atlas all its files.
        image: as it was acquired or reconstructed.
        mask: brain mask on the grid of `image`.
        atlas: the one image of the atlas that it is registered to; never made of the subject itself.
        gestational_age_weeks: age that a registration is told.
        atlas_from_subject: (4, 4) float64; rigid with one scale, RAS [mm]: the registration of the whole
            volume by the fetal volume job, which no pose misleads (`docs/evaluation/fetal-volume.md`).
    """

    name: str
    group: SliceGroup
    source: AtlasFiles
    image: Volume
    mask: Volume
    atlas: FetalAtlas
    gestational_age_weeks: float
    atlas_from_subject: np.ndarray

    @property
    def contrast(self) -> MovingContrast:
        """What a registration does about its contrast."""
        return _contrast(self.group)


@dataclass(frozen=True)
class SubjectFiles:
    """A brain before its pose is known.

    Attributes:
        name: for tables.
        group: kind of subject.
        pair: its image, and the atlas that it is registered to.
    """

    name: str
    group: SliceGroup
    pair: StudyPair

    @property
    def contrast(self) -> MovingContrast:
        """What a registration does about its contrast."""
        return _contrast(self.group)


def _contrast(group: SliceGroup) -> MovingContrast:
    return MovingContrast.T1_TO_T2 if group == SliceGroup.NEWBORN_T1_AS_T2 else MovingContrast.AS_IT_IS


def find_subjects(data: Path, groups: tuple[SliceGroup, ...]) -> list[SubjectFiles]:
    """Subjects of the wanted groups, not read yet.

    Args:
        data: folder with the public images: `sta`, `mial-sub01`, `infant`, as far as needed.
        groups: which subjects; stacks are none.

    Returns:
        The subjects, in the order of the groups.

    Raises:
        InputError: an image is missing.
    """
    return [
        SubjectFiles(pair.name.partition(" to ")[0], group, pair)
        for group in groups
        for pair in _pairs(data, group)
    ]


def _pairs(data: Path, group: SliceGroup) -> list[StudyPair]:
    if group == SliceGroup.STACKS:
        return []
    if group == SliceGroup.FETUS:
        return find_pairs(data, (PairGroup.FETUS,))
    if group == SliceGroup.ATLAS:
        pairs = [pair for pair in find_pairs(data, (PairGroup.STA,)) if pair.unseen]
        if not pairs:
            raise InputError(
                f"'{data / 'sta'}' holds none of the weeks that networks are tested on (26, 31, 35). Choose "
                "the folder with the public images (--data), or leave this group out (--brains)."
            )
        return pairs
    newborns = (SliceGroup.NEWBORN_T2, SliceGroup.NEWBORN_T1, SliceGroup.NEWBORN_T1_AS_T2)
    return [find_pairs(data, (PairGroup.NEWBORN_TO_FETAL,))[newborns.index(group)]]


def with_pose(subject: SubjectFiles, device: Device, report: Report = keep_going) -> KnownSubject:
    """Reads a subject and registers it to its atlas; takes some seconds.

    Args:
        subject: which one.
        device: where torch computes.
        report: receives progress; returns False to stop.

    Raises:
        InputError: an image cannot be read.
        RegistrationError: the pose is not certain, so slices of the subject would be compared with nothing.
        Cancelled: `report` returned False.
    """
    pair = subject.pair
    image, mask = read_subject(pair)
    twin = image if pair.twin is None else read_volume(pair.twin)
    settings = FetalVolumeSettings(gestational_age_weeks=pair.gestational_age_weeks, device=device)
    found = register(FetalVolumeInputs(twin, mask, pair.atlas), settings, report)
    if found.confidence.trust == Trust.LOW:
        raise RegistrationError(
            f"The pose of '{subject.name}' in the atlas is not certain: {found.confidence.reason} "
            "Nothing can be measured against it; leave its group out (--brains)."
        )
    atlas_week = found.settings["atlas_age_weeks"]
    return KnownSubject(
        name=subject.name,
        group=subject.group,
        source=pair.source,
        image=image,
        mask=find_brain_mask(image) if mask is None else mask,
        atlas=FetalAtlas(pair.atlas.nearest(atlas_week), pair.atlas.name),
        gestational_age_weeks=pair.gestational_age_weeks or atlas_week,
        atlas_from_subject=found.transforms["atlas_from_subject_with_scale"].matrix,
    )


def read_subject(pair: StudyPair) -> tuple[Volume, Volume | None]:
    """Image and brain mask of a pair; no mask if the registration has to find it."""
    image = read_volume(pair.moving)
    if pair.mask is not None:
        return image, read_volume(pair.mask, labels=True)
    if pair.masked_already:
        return image, image.with_values(image.values != 0, f"{image.name} mask")
    return image, None
