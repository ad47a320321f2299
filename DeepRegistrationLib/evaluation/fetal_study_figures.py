"""The figures of the fetal volume study, like figures 4, 5, 7 and 8 of the paper."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.metrics import bin_names
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.paper_tables import VOLUMES_MEAN_DEG
from DeepRegistrationLib.evaluation.study_figures import Boxes, draw_boxes
from DeepRegistrationLib.evaluation.study_tables import in_order, per_bin
from DeepRegistrationLib.evaluation.trials import Trial
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod

FIGURE, SHIFT_FIGURE = "rotation_errors.png", "translation_errors.png"
AGE_FIGURE, CONTRAST_FIGURE = "errors_by_age.png", "errors_by_contrast.png"
_REFINED, _ALONE, _BASELINES = "searched or refined", "networks alone", "baselines of the paper"
_FAMILY = {
    FetalVolumeMethod.VVR_GC: _BASELINES,
    FetalVolumeMethod.VVR_PAA: _BASELINES,
    FetalVolumeMethod.POSE_NET: _ALONE,
    FetalVolumeMethod.CORRECTION_NET: _ALONE,
}
"""Panels of a figure; every other method is searched or refined."""
_PAPERS = {
    _REFINED: ("paper: VVR-Deep",),
    _ALONE: ("paper: Pose-Net, geodesic", "paper: Correction-Net"),
    _BASELINES: ("paper: VVR-GC", "paper: VVR-PAA"),
}
_SHIFTS = {
    FetalVolumeMethod.POSE_NET: "pose-net: centres of gravity meet",
    FetalVolumeMethod.CORRECTION_NET: "correction-net",
    FetalVolumeMethod.VVR_DEEP: "vvr-deep",
}
_ERROR_DEG, _ERROR_MM = "rotation error [degrees]", "translation error [mm]"


def draw_volume_figures(
    fetal: Sequence[Trial], newborn: Sequence[Trial], every_age: Sequence[Trial], output: Path
) -> set[str]:
    """Box plots by the size of the rotation, of the translation, by age and by contrast.

    Args:
        fetal: trials of turned brains that networks never saw.
        newborn: trials of the turned newborn templates against the fetal atlas.
        every_age: those of both in the atlas's contrast.
        output: folder.

    Returns:
        Names of the files that were written: what is not part of the run has no figure.
    """
    size = "size of the rotation [degrees]"
    papers = {title: {name: VOLUMES_MEAN_DEG[name] for name in names} for title, names in _PAPERS.items()}
    ages = ages_of(every_age)
    pairs = in_order(trial.pair for trial in newborn)
    drawn = {
        FIGURE: draw_boxes(
            _families(errors_per_bin(fetal)), bin_names(), output / FIGURE, size, marks=papers
        ),
        SHIFT_FIGURE: draw_boxes(
            {"in brains that networks never saw": _shifts_per_bin(fetal)},
            bin_names(),
            output / SHIFT_FIGURE,
            size,
            _ERROR_MM,
            limits=(0.01, 20.0),
        ),
        AGE_FIGURE: draw_boxes(
            _families(_errors_at(every_age, age_of, ages)),
            ages,
            output / AGE_FIGURE,
            "gestational age [weeks]",
        ),
        CONTRAST_FIGURE: draw_boxes(
            _families(_errors_at(newborn, lambda trial: trial.pair, pairs)),
            pairs,
            output / CONTRAST_FIGURE,
            "image and atlas",
        ),
    }
    return {name for name, done in drawn.items() if done}


def errors_per_bin(trials: Sequence[Trial]) -> dict[str, list[list[float]]]:
    """Method -> rotation errors [degrees] in the six bins of the rotation's size."""
    found = {}
    for method in in_order(trial.method for trial in trials):
        chosen = [trial for trial in trials if trial.method == method]
        found[method] = per_bin((t.turned_deg for t in chosen), (t.rotation_error_deg for t in chosen))
    return found


def age_of(trial: Trial) -> str:
    """Age of the subject for a table [weeks]."""
    return "not told" if np.isnan(trial.gestational_age_weeks) else f"{trial.gestational_age_weeks:g}"


def ages_of(trials: Sequence[Trial]) -> list[str]:
    """All ages, ascending."""
    return sorted({age_of(trial) for trial in trials}, key=lambda age: (age == "not told", age))


def unseen_fetal(turned: Sequence[Trial]) -> list[Trial]:
    """Trials of fetal brains that no network was trained on or chosen by."""
    return [trial for trial in turned if trial.unseen and trial.group in FETAL]


FETAL = (PairGroup.STA, PairGroup.SPINA_BIFIDA, PairGroup.FETUS)
"""Groups of fetal brains of the atlas's contrast."""


def _shifts_per_bin(trials: Sequence[Trial]) -> Boxes:
    found = {}
    for method, name in _SHIFTS.items():
        chosen = [trial for trial in trials if trial.method == method]
        found[name] = per_bin((t.turned_deg for t in chosen), (t.translation_error_mm for t in chosen))
    return found


def _errors_at(
    trials: Sequence[Trial], place_of: Callable[[Trial], str], places: Sequence[str]
) -> dict[str, list[list[float]]]:
    return {
        method: [
            [t.rotation_error_deg for t in trials if t.method == method and place_of(t) == place]
            for place in places
        ]
        for method in in_order(trial.method for trial in trials)
    }


def _families(by_method: Mapping[str, list[list[float]]]) -> dict[str, Boxes]:
    """One panel for what is refined, one for networks alone, one for the baselines."""
    return {
        family: {name: boxes for name, boxes in by_method.items() if _FAMILY.get(name, _REFINED) == family}
        for family in (_REFINED, _ALONE, _BASELINES)
    }
