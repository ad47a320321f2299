"""The tables of the fetal volume study, from its trials; the paper's tables 2 and 3 beside them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.fetal_pairs import NEWBORN_T2
from DeepRegistrationLib.evaluation.fetal_study_figures import (
    AGE_FIGURE,
    CONTRAST_FIGURE,
    FETAL,
    FIGURE,
    SHIFT_FIGURE,
    age_of,
    ages_of,
    draw_volume_figures,
    errors_per_bin,
    unseen_fetal,
)
from DeepRegistrationLib.evaluation.metrics import FAILURE_DEG, largest_disagreement_deg, summarize
from DeepRegistrationLib.evaluation.pair_group import PairGroup
from DeepRegistrationLib.evaluation.paper_tables import FIGURES, VOLUMES_MEAN_DEG
from DeepRegistrationLib.evaluation.study_tables import (
    CONFIDENCE_NOTE,
    ERROR_HEAD,
    bin_table,
    confidence_table,
    error_cells,
    in_order,
    models_text,
    shown,
    table,
    time_table,
)
from DeepRegistrationLib.evaluation.trials import AS_IT_IS, KNOWN_POSE, Trial
from DeepRegistrationLib.evaluation.turned_subject import Draw
from DeepRegistrationLib.geometry.rigid import rotation_error_deg


def write_study_report(trials: Sequence[Trial], output: Path, left_out: Sequence[str] = ()) -> Path:
    """Writes `study.md` and its figures.

    Args:
        trials: of the study; those of the subject as it is are references and no results.
        output: folder.
        left_out: methods and pairs that were not measured because a model is not installed.

    Returns:
        Path of `study.md`.
    """
    turned = [trial for trial in trials if trial.draw not in (AS_IT_IS, KNOWN_POSE)]
    uniform = [trial for trial in turned if trial.draw == Draw.UNIFORM]
    unseen = unseen_fetal(turned)
    newborn = [trial for trial in turned if trial.group == PairGroup.NEWBORN_TO_FETAL]
    every_age = [*unseen, *(trial for trial in newborn if trial.pair.startswith(NEWBORN_T2))]
    figures = draw_volume_figures(unseen, newborn, every_age, output)
    sections = [
        "# Fetal volume to atlas: the study",
        _INTRODUCTION,
        models_text(turned, left_out),
        "## Per group and method, rotations uniform over SO(3)",
        _group_table(uniform, _group, "group"),
        "## By the size of the rotation",
        _BINS_NOTE,
        bin_table(errors_per_bin(unseen), VOLUMES_MEAN_DEG),
        _figure("Rotation errors", FIGURE, figures, "4"),
        "### Translation",
        "Error at the brain's centre, before and after Correction-Net and after the refinement.",
        _figure("Translation errors", SHIFT_FIGURE, figures, "5") or "Not part of this run.",
        "### All brains, also those that networks were trained on",
        bin_table(errors_per_bin([trial for trial in turned if trial.group in FETAL])),
        "## By age",
        "Mean rotation error and standard deviation in degrees, failures; brains that networks never saw; "
        "the newborn T2 template at 40 weeks.",
        age_table(every_age),
        _figure("Errors by age", AGE_FIGURE, figures, "7"),
        "## Other contrast",
        _CONTRAST_NOTE,
        _group_table(newborn, lambda trial: trial.pair, "pair"),
        _figure("Errors by contrast", CONTRAST_FIGURE, figures, "8"),
        "## Confidence",
        "Brains that networks never saw, newborns included. " + CONFIDENCE_NOTE,
        _confidence([trial for trial in turned if trial.unseen]),
        "## Time",
        time_table(turned, "volume"),
        "## The reconstructed fetus",
        "Neither mask nor age was given.",
        _fetus_text(turned),
        "## The known poses",
        _KNOWN_NOTE,
        known_table(trials),
        "## Per pair",
        _group_table(uniform, lambda trial: trial.pair, "pair"),
    ]
    path = output / "study.md"
    path.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    return path


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
_KNOWN_NOTE = (
    "What the errors refer to, where subject and atlas do not share a space. The weeks of the CRL atlas and "
    "the spina bifida atlas lie upright in their files, so their known poses must be near the identity, "
    "some degrees for a brain of another shape: a reference that is turned further would be a mistake."
)


def age_table(trials: Sequence[Trial]) -> str:
    """Rows: methods; columns: ages."""
    ages = ages_of(trials)
    rows = []
    for method in in_order(trial.method for trial in trials):
        cells = []
        for age in ages:
            errors = [t.rotation_error_deg for t in trials if t.method == method and age_of(t) == age]
            summary = summarize(errors)
            failed = error_cells(errors, errors)[-1] if errors else ""
            cells.append(
                f"{summary.mean:.2f} +- {summary.standard_deviation:.2f}; {failed} of {summary.count}"
                if errors
                else "-"
            )
        rows.append([method, *cells])
    return table(["method", *ages], rows)


def _figure(title: str, file: str, figures: set[str], number: str) -> str:
    picture = shown(title, file, figures)
    return f"{picture}\n\n{FIGURES[number]}" if picture else ""


def known_table(trials: Sequence[Trial]) -> str:
    """How far each reference is turned from the identity."""
    rows = []
    for trial in trials:
        if trial.draw == KNOWN_POSE:
            matrix = trial.matrix
            angle = "-" if matrix is None else f"{float(rotation_error_deg(matrix, np.eye(4))):.1f}"
            rows.append([trial.pair, trial.group, angle, trial.trust or "no result"])
    return table(["pair", "group", "turned from the identity [deg]", "trust"], rows)


def _group(trial: Trial) -> str:
    """The kind of pair; weeks of the atlas that networks were trained on or chosen by stand apart."""
    return trial.group if trial.unseen else f"{trial.group}, weeks of the training"


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
