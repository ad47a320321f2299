"""Brains on which the constants of the slice job's confidence are fitted; none of them is reported on.

Weeks of the atlas that networks learned from or were chosen by, also as T1 would show them and stripped to
the cerebrum, as masks that end at the cortex leave them; a fetal template of another group; two brains with
spina bifida.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas, load_atlas_image
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.fetal_pairs import StudyPair, find_pairs
from DeepRegistrationLib.evaluation.known_subjects import KnownSubject, SubjectFiles, with_pose
from DeepRegistrationLib.evaluation.pair_group import PairGroup, SliceGroup
from DeepRegistrationLib.evaluation.t1_like import t1_like
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.jobs.fetal_volume import Device
from DeepRegistrationLib.progress import Report, keep_going
from DeepRegistrationLib.workflows.prepared_atlas import prepare_atlas
from DeepRegistrationLib.workflows.slice_atlas import cerebrum_of

_WEEKS, _WEEKS_T1, _WEEKS_STRIPPED = (23, 28, 30, 34), (25, 28, 32, 36), (30, 34)
_SPINA_BIFIDA = ("SB_GA27_operated", "SB_GA30_operated")
_TEMPLATE = "Template-Fetal-T2w.nii.gz"
_T1_SEED = 7


@dataclass(frozen=True, eq=False)
class TuningBrain:
    """One brain, not read yet.

    Attributes:
        name: for tables.
        files: image and atlas.
        seen_as: makes of the brain as it is what slices are cut from.
    """

    name: str
    files: SubjectFiles
    seen_as: Callable[[KnownSubject], KnownSubject]

    def read(self, device: Device, report: Report = keep_going) -> KnownSubject:
        """The brain in its known pose; takes some seconds.

        Raises:
            InputError: an image cannot be read.
            RegistrationError: the pose is not certain.
            Cancelled: `report` returned False.
        """
        return replace(self.seen_as(with_pose(self.files, device, report)), name=self.name)


def find_tuning_brains(data: Path) -> list[TuningBrain]:
    """The brains in a folder with the public images.

    Args:
        data: folder with `sta`, `spina-bifida-atlas` and `infant`.

    Raises:
        InputError: an image is missing.
    """
    atlas_pairs = _by_name(find_pairs(data, (PairGroup.STA,)))
    bifida_pairs = _by_name(find_pairs(data, (PairGroup.SPINA_BIFIDA,)))
    template = data / "infant" / _TEMPLATE
    if not template.is_file():
        raise InputError(f"'{template}' is not there. Choose the folder with the public images (--data).")
    any_age = FetalAtlas.from_folder(data / "sta")
    other_group = StudyPair("fetal template", PairGroup.STA, template, None, True, any_age, None)
    return [
        *(_brain(f"week {week}", _found(atlas_pairs, f"STA{week}"), _as_it_is) for week in _WEEKS),
        *(_brain(f"week {week}, T1-like", _found(atlas_pairs, f"STA{week}"), _as_t1) for week in _WEEKS_T1),
        *(
            _brain(f"week {week}, cerebrum", _found(atlas_pairs, f"STA{week}"), _stripped)
            for week in _WEEKS_STRIPPED
        ),
        _brain("fetal template", other_group, _as_it_is),
        *(_brain(name, _found(bifida_pairs, name), _as_it_is) for name in _SPINA_BIFIDA),
    ]


def _by_name(pairs: list[StudyPair]) -> dict[str, StudyPair]:
    return {pair.name.partition(" to ")[0]: pair for pair in pairs}


def _found(pairs: dict[str, StudyPair], name: str) -> StudyPair:
    if name not in pairs:
        raise InputError(
            f"The image of '{name}' is not there; there are {', '.join(pairs)}. Choose the folder with the "
            "public images (--data)."
        )
    return pairs[name]


def _brain(name: str, pair: StudyPair, seen_as: Callable[[KnownSubject], KnownSubject]) -> TuningBrain:
    return TuningBrain(name, SubjectFiles(name, SliceGroup.ATLAS, pair), seen_as)


def _as_it_is(subject: KnownSubject) -> KnownSubject:
    return subject


def _as_t1(subject: KnownSubject) -> KnownSubject:
    return replace(subject, image=t1_like(load_atlas_image(subject.source), _T1_SEED))


def _stripped(subject: KnownSubject) -> KnownSubject:
    """As a mask shows it that ends at the surface of the cortex, and image and mask end there."""
    cerebrum = cerebrum_of(prepare_atlas(subject.source, torch.device("cpu")))
    if cerebrum is None:
        raise InputError(f"'{subject.source.image}' has no labels of the fluid around the brain.")
    inside = resample(cerebrum.brain.mask, subject.image.geometry).values > 0.5
    return replace(
        subject,
        image=subject.image.with_values(subject.image.values * inside),
        mask=subject.mask.with_values(inside),
    )
