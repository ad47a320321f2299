"""The tables and figures of the fetal volume study, from its trials."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.metrics import (
    FAILURE_DEG,
    bin_names,
    largest_disagreement_deg,
    summarize,
)
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.paper_tables import VOLUMES_MEAN_DEG
from DeepRegistrationLib.evaluation.study_figures import draw_boxes
from DeepRegistrationLib.evaluation.study_tables import (
    ERROR_HEAD,
    bin_table,
    confidence_table,
    error_cells,
    in_order,
    per_bin,
    table,
)
from DeepRegistrationLib.evaluation.trials import AS_IT_IS, KNOWN_POSE, Trial
from DeepRegistrationLib.evaluation.turned_subject import Draw
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod

FIGURE, AGE_FIGURE, CONTRAST_FIGURE = "rotation_errors.png", "errors_by_age.png", "errors_by_contrast.png"
_BASELINES = (FetalVolumeMethod.VVR_GC, FetalVolumeMethod.VVR_PAA)
_NETWORKS = (FetalVolumeMethod.POSE_NET, FetalVolumeMethod.CORRECTION_NET)
"""Methods whose answer is that of a network, without refinement."""


def write_study_report(trials: Sequence[Trial], output: Path) -> Path:
    """Writes `study.md` and its figures.

    Args:
        trials: of the study; those of the subject as it is are references and no results.
        output: folder.

    Returns:
        Path of `study.md`.
    """
    turned = [trial for trial in trials if trial.draw not in (AS_IT_IS, KNOWN_POSE)]
    uniform = [trial for trial in turned if trial.draw == Draw.UNIFORM]
    fetal = [trial for trial in turned if trial.group in _FETAL]
    unseen = [trial for trial in fetal if trial.unseen]
    figures = draw_volume_figures(turned, output)
    sections = [
        "# Fetal volume to atlas: the study",
        _INTRODUCTION,
        "## Per group and method, rotations uniform over SO(3)",
        _group_table(uniform, lambda trial: trial.group, "group"),
        "## By the size of the rotation",
        _BINS_NOTE,
        bin_table(errors_per_bin(unseen), VOLUMES_MEAN_DEG),
        _shown("Rotation errors", FIGURE, figures),
        "### All brains, also those that networks were trained on",
        bin_table(errors_per_bin(fetal)),
        "## By age",
        "Mean rotation error and standard deviation in degrees, failures; brains that networks never saw.",
        age_table(unseen),
        _shown("Errors by age", AGE_FIGURE, figures),
        "## Other contrast",
        _CONTRAST_NOTE,
        contrast_table(turned),
        _shown("Errors by contrast", CONTRAST_FIGURE, figures),
        "## Confidence",
        "Over every brain of the study. An alarm below a confidence that 5 % of the good results fall below.",
        _confidence(turned),
        "## The reconstructed fetus",
        "Neither mask nor age was given.",
        _fetus_text(turned),
        "## Per pair",
        _group_table(uniform, lambda trial: trial.pair, "pair"),
    ]
    path = output / "study.md"
    path.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    return path


_FETAL = (PairGroup.STA, PairGroup.SPINA_BIFIDA, PairGroup.FETUS)
_INTRODUCTION = (
    "Each subject is turned, moved by up to 15 mm along each axis, and resampled onto an oblique grid. The "
    "error is the difference from the known pose: the identity where subject and atlas share a space, else "
    "what `auto` finds for the subject as it is. *Change* is the difference from the same method's result "
    "for the subject as it is: how much the answer depends on the pose. Rotations are in degrees, "
    f"translations in mm at the brain's centre. A failure is more than {FAILURE_DEG:.0f} degrees; it is "
    "trusted if its confidence is not low. Means stand with their standard deviations."
)
_BINS_NOTE = (
    "Brains that no network was trained on or chosen by: weeks 26, 31 and 35, the spina bifida atlas, the "
    "reconstructed fetus. Rotations drawn per bin are counted beside the uniform ones, of which less than "
    "1 % are below 30 degrees. The paper's rows are the means of its Table 2 (400 samples of 40 fetuses, "
    "their poses checked by hand); its six bins hold roughly equal counts, so the columns correspond in "
    "order and not exactly in angle."
)
_CONTRAST_NOTE = (
    "The newborn templates T2 and T1, which share one space, and the T1 template made to look like T2 "
    "(`fetal-t1-to-t2`, trained without newborns), against the last week of the fetal atlas."
)


def errors_per_bin(trials: Sequence[Trial]) -> dict[str, list[list[float]]]:
    """Method -> rotation errors [degrees] in the six bins of the rotation's size."""
    found = {}
    for method in in_order(trial.method for trial in trials):
        chosen = [trial for trial in trials if trial.method == method]
        found[method] = per_bin(
            (trial.turned_deg for trial in chosen), (trial.rotation_error_deg for trial in chosen)
        )
    return found


def age_table(trials: Sequence[Trial]) -> str:
    """Rows: methods; columns: ages."""
    ages = _ages(trials)
    rows = []
    for method in in_order(trial.method for trial in trials):
        cells = []
        for age in ages:
            errors = [t.rotation_error_deg for t in trials if t.method == method and _age(t) == age]
            summary = summarize(errors)
            failed = error_cells(errors, errors)[-1] if errors else ""
            cells.append(
                f"{summary.mean:.2f} +- {summary.standard_deviation:.2f}; {failed} of {summary.count}"
                if errors
                else "-"
            )
        rows.append([method, *cells])
    return table(["method", *ages], rows)


def contrast_table(trials: Sequence[Trial]) -> str:
    """Rows: contrast and method; the newborn templates against the fetal atlas."""
    chosen = [trial for trial in trials if trial.group == PairGroup.NEWBORN_TO_FETAL]
    return _group_table(chosen, lambda trial: trial.pair, "pair")


def _shown(title: str, file: str, figures: set[str]) -> str:
    return f"![{title}]({file})" if file in figures else ""


def draw_volume_figures(turned: Sequence[Trial], output: Path) -> set[str]:
    """Box plots by the size of the rotation, by age and by contrast; like figures 4, 7 and 8 of the paper.

    Args:
        turned: trials of turned subjects.
        output: folder.

    Returns:
        Names of the files that were written: what is not part of the run has no figure.
    """
    unseen = [trial for trial in turned if trial.unseen and trial.group in _FETAL]
    errors = errors_per_bin(unseen)
    drawn = {
        FIGURE: draw_boxes(_families(errors), bin_names(), output / FIGURE, "size of the rotation [degrees]")
    }
    ages = _ages(unseen)
    by_age = {
        method: [
            [t.rotation_error_deg for t in unseen if t.method == method and _age(t) == age] for age in ages
        ]
        for method in errors
    }
    drawn[AGE_FIGURE] = draw_boxes(_families(by_age), ages, output / AGE_FIGURE, "gestational age [weeks]")
    newborn = [trial for trial in turned if trial.group == PairGroup.NEWBORN_TO_FETAL]
    pairs = in_order(trial.pair for trial in newborn)
    by_contrast = {
        method: [
            [t.rotation_error_deg for t in newborn if t.method == method and t.pair == pair] for pair in pairs
        ]
        for method in in_order(trial.method for trial in newborn)
    }
    drawn[CONTRAST_FIGURE] = draw_boxes(
        _families(by_contrast), pairs, output / CONTRAST_FIGURE, "image and atlas"
    )
    return {name for name, done in drawn.items() if done}


def _families(by_method: dict[str, list[list[float]]]) -> dict[str, dict[str, list[list[float]]]]:
    """One panel for networks alone, one for what is refined, one for the baselines."""
    networks = {name: boxes for name, boxes in by_method.items() if name in _NETWORKS}
    baselines = {name: boxes for name, boxes in by_method.items() if name in _BASELINES}
    refined = {name: boxes for name, boxes in by_method.items() if name not in {**networks, **baselines}}
    return {"searched or refined": refined, "networks alone": networks, "baselines of the paper": baselines}


def _age(trial: Trial) -> str:
    return "not told" if np.isnan(trial.gestational_age_weeks) else f"{trial.gestational_age_weeks:g}"


def _ages(trials: Sequence[Trial]) -> list[str]:
    return sorted({_age(trial) for trial in trials}, key=lambda age: (age == "not told", age))


def _group_table(trials: Sequence[Trial], name_of: Callable[[Trial], str], title: str) -> str:
    rows = []
    for name in in_order(map(name_of, trials)):
        for method in in_order(trial.method for trial in trials):
            chosen = [t for t in trials if name_of(t) == name and t.method == method]
            if chosen:
                rows.append([name, method, *_cells(chosen)])
    head = [
        title,
        "method",
        *ERROR_HEAD,
        "trusted failures",
        "low trust",
        "change median [deg]",
        "max",
        "seconds",
    ]
    return table(head, rows)


def _cells(trials: Sequence[Trial]) -> list[str]:
    errors = [trial.rotation_error_deg for trial in trials]
    low = [trial.trust in ("low", "") for trial in trials]
    trusted_failures = sum(
        not error <= FAILURE_DEG and not caught for error, caught in zip(errors, low, strict=True)
    )
    change = summarize(trial.change_deg for trial in trials)
    return [
        *error_cells(errors, [trial.translation_error_mm for trial in trials]),
        str(trusted_failures),
        str(sum(low)),
        f"{change.median:.2f}",
        f"{change.maximum:.2f}",
        f"{np.median([trial.seconds for trial in trials]):.1f}",
    ]


def _confidence(trials: Sequence[Trial]) -> str:
    methods = in_order(trial.method for trial in trials)
    errors = {
        method: [trial.rotation_error_deg for trial in trials if trial.method == method] for method in methods
    }
    return confidence_table(trials, errors)


def _fetus_text(trials: Sequence[Trial]) -> str:
    lines = []
    for method in in_order(trial.method for trial in trials):
        chosen = [trial for trial in trials if trial.group == PairGroup.FETUS and trial.method == method]
        maps = [trial.matrix for trial in chosen if trial.matrix is not None]
        if not maps:
            continue
        weeks = sorted({f"{trial.atlas_age_weeks:.0f}" for trial in chosen if trial.matrix is not None})
        lines.append(
            f"- `{method}`: {len(maps)} of {len(chosen)} poses registered; the two that differ most are "
            f"{largest_disagreement_deg(maps):.2f} degrees apart; atlas weeks chosen: {', '.join(weeks)}."
        )
    return "\n".join(lines) or "Not part of this run."
