"""The image pairs of the fetal study, found in a folder with the public images."""

import re
from dataclasses import dataclass
from pathlib import Path

from DeepRegistrationLib.atlases.fetal_atlas import AtlasFiles, FetalAtlas
from DeepRegistrationLib.data.fetal_split import Split, split_of
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.pair_group import AS_T2, PairGroup

NEWBORN_T2 = "newborn T2"
"""How the name of the pair of the newborn T2 template begins."""
NEWBORN_WEEKS = 40.0
"""Age that the growth of the brain tells from the volume of the newborn templates, 492 mL [weeks]."""


@dataclass(frozen=True)
class StudyPair:
    """One subject and what it is registered to.

    Attributes:
        name: for tables.
        group: kind of pair.
        moving: image of the subject.
        mask: brain mask of the subject; None if there is none.
        masked_already: the image is zero outside the brain, which then is the mask.
        atlas: atlas to register to.
        gestational_age_weeks: told to the registration; None if it has to find out.
        unseen: no network was trained on the subject.
        aligned_with_atlas: subject and atlas share one space, so the right map is the identity.
        as_t2: the image is T1-weighted and made to look T2-weighted before it is registered.
        labels: tissue labels on the grid of `moving`; None if there are none.
        twin: image of the same brain in the same space, whose registration tells the pose better; None if
            the subject's own does.
    """

    name: str
    group: PairGroup
    moving: Path
    mask: Path | None
    masked_already: bool
    atlas: FetalAtlas
    gestational_age_weeks: float | None
    unseen: bool = True
    aligned_with_atlas: bool = False
    as_t2: bool = False
    labels: Path | None = None
    twin: Path | None = None

    @property
    def source(self) -> AtlasFiles:
        """The subject as if it were an atlas of its own."""
        return AtlasFiles(self.moving, self.mask, self.labels, self.gestational_age_weeks)


def find_pairs(data: Path, groups: tuple[PairGroup, ...] = tuple(PairGroup)) -> list[StudyPair]:
    """Pairs of the wanted groups.

    Args:
        data: folder with `sta`, `spina-bifida-atlas`, `infant` and `mial-sub01`, as far as needed.
        groups: which pairs.

    Returns:
        The pairs, in the order of the groups.

    Raises:
        InputError: a folder or image is missing.
    """
    finders = {
        PairGroup.STA: _atlas_weeks,
        PairGroup.SPINA_BIFIDA: _spina_bifida,
        PairGroup.NEWBORN: _newborn,
        PairGroup.NEWBORN_TO_FETAL: _newborn_to_fetal,
        PairGroup.FETUS: _fetus,
    }
    return [pair for group in groups for pair in finders[group](data)]


def _atlas_weeks(data: Path) -> list[StudyPair]:
    entries = FetalAtlas.from_folder(data / "sta").files
    if len(entries) < 2:
        raise InputError(f"'{data / 'sta'}' holds one atlas week; the study needs at least two.")
    pairs = []
    for entry in entries:
        others = tuple(other for other in entries if other is not entry)
        neighbour = _nearest(others, entry.gestational_age_weeks)
        pairs.append(
            StudyPair(
                name=f"STA{entry.gestational_age_weeks:.0f} to STA{neighbour.gestational_age_weeks:.0f}",
                group=PairGroup.STA,
                moving=entry.image,
                mask=entry.mask,
                masked_already=False,
                atlas=_atlas_of(neighbour),
                gestational_age_weeks=entry.gestational_age_weeks,
                labels=entry.labels,
                unseen=split_of(entry.gestational_age_weeks) == Split.TEST,
            )
        )
    return pairs


def _spina_bifida(data: Path) -> list[StudyPair]:
    entries = FetalAtlas.from_folder(data / "sta").files
    pairs = []
    for image in sorted((data / "spina-bifida-atlas").glob("SB_GA*_T2w.nii.gz")):
        week = float(re.search(r"GA(\d+)", image.name).group(1))
        nearest = _nearest(entries, week)
        pairs.append(
            StudyPair(
                name=f"{image.name.removesuffix('_T2w.nii.gz')} to STA{nearest.gestational_age_weeks:.0f}",
                group=PairGroup.SPINA_BIFIDA,
                moving=image,
                mask=existing_image(image.with_name(image.name.replace("_T2w", "_mask"))),
                masked_already=False,
                atlas=_atlas_of(nearest),
                gestational_age_weeks=week,
            )
        )
    if not pairs:
        raise InputError(
            f"'{data / 'spina-bifida-atlas'}' holds no image named like SB_GA25_operated_T2w.nii.gz. "
            "Choose the folder with the public images (--data), or leave this group out (--pairs)."
        )
    return pairs


def _newborn(data: Path) -> list[StudyPair]:
    t1, t2 = _newborn_templates(data)
    atlas = FetalAtlas.from_files(t2)
    return [
        StudyPair("newborn T1 to T2", PairGroup.NEWBORN, t1, None, True, atlas, None, aligned_with_atlas=True)
    ]


def _newborn_to_fetal(data: Path) -> list[StudyPair]:
    t1, t2 = _newborn_templates(data)
    last = FetalAtlas.from_folder(data / "sta").files[-1]
    week = f"STA{last.gestational_age_weeks:.0f}"

    def pair(name: str, moving: Path, as_t2: bool, twin: Path | None) -> StudyPair:
        return StudyPair(
            f"{name} to {week}",
            PairGroup.NEWBORN_TO_FETAL,
            moving,
            None,
            True,
            _atlas_of(last),
            NEWBORN_WEEKS,
            as_t2=as_t2,
            twin=twin,
        )

    return [
        pair(NEWBORN_T2, t2, False, None),
        pair("newborn T1", t1, False, t2),
        pair(f"newborn T1{AS_T2}", t1, True, t2),
    ]


def _newborn_templates(data: Path) -> tuple[Path, Path]:
    t1, t2 = (existing_image(data / "infant" / f"Template-Month0-{kind}.nii.gz") for kind in ("T1w", "T2w"))
    return t1, t2


def _fetus(data: Path) -> list[StudyPair]:
    image = existing_image(data / "mial-sub01" / "sub-01_rec-SR_T2w.nii.gz")
    atlas = FetalAtlas.from_folder(data / "sta")
    return [StudyPair("reconstructed fetus to STA", PairGroup.FETUS, image, None, False, atlas, None)]


def _nearest(entries: tuple[AtlasFiles, ...], week: float) -> AtlasFiles:
    return min(entries, key=lambda entry: abs(entry.gestational_age_weeks - week))


def _atlas_of(entry: AtlasFiles) -> FetalAtlas:
    """Atlas of one week only, which therefore is the one that is taken."""
    return FetalAtlas((entry,), entry.image.name.split(".")[0])


def existing_image(path: Path, option: str = "--pairs") -> Path:
    """The path of an image of a study, which is there.

    Args:
        path: of the image.
        option: leaves its group out.

    Raises:
        InputError: there is no such file.
    """
    if not path.is_file():
        raise InputError(
            f"The study needs the image '{path}', which is not there. Choose the folder with the public "
            f"images (--data), or leave its group out ({option})."
        )
    return path
