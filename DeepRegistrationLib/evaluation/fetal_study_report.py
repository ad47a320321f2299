"""The tables and the figure of the fetal study, from its trials."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from DeepRegistrationLib.evaluation.metrics import (
    FAILURE_DEG,
    bin_names,
    bin_of,
    failures,
    largest_disagreement_deg,
    summarize,
)
from DeepRegistrationLib.evaluation.trials import AS_IT_IS, Trial
from DeepRegistrationLib.evaluation.turned_subject import Draw
from DeepRegistrationLib.geometry.rigid import rotation_error_deg

PAPER_TABLE_2_DEG = {
    "paper: VVR-GC": (2.42, 45.39, 149.91, 177.0, 174.87, 177.2),
    "paper: VVR-PAA": (95.54, 131.1, 128.44, 129.68, 131.15, 141.44),
    "paper: Pose-Net, geodesic": (10.08, 11.44, 12.43, 13.46, 16.46, 34.19),
    "paper: Correction-Net": (4.54, 4.45, 4.83, 4.82, 6.33, 19.42),
    "paper: VVR-Deep": (2.42, 2.35, 2.43, 2.36, 4.84, 20.44),
}
"""Mean errors [degrees] in six bins of the size of the rotation; Salehi et al., 2018, table 2."""
_SMALLEST_SHOWN_DEG = 0.01


def write_study_report(trials: Sequence[Trial], output: Path) -> Path:
    """Writes `study.md` and `rotation_errors.png`.

    Args:
        trials: of the study; those of the subject as it is are references and no results.
        output: folder.

    Returns:
        Path of `study.md`.
    """
    turned = [trial for trial in trials if trial.draw != AS_IT_IS]
    sections = [
        "# Fetal volume to atlas: the study",
        _INTRODUCTION,
        "## Per group and method, rotations uniform over SO(3)",
        _table("group", [trial for trial in turned if trial.draw == Draw.UNIFORM]),
        "## Mean rotation error in degrees, by the size of the rotation",
        _BINS_NOTE,
        _bin_table(turned),
        "![Rotation errors](rotation_errors.png)",
        "## The reconstructed fetus",
        "Neither mask nor age was given.",
        _fetus_text(turned),
        "## The newborn templates",
        _newborn_text(trials),
        "## Per pair",
        _table("pair", [trial for trial in turned if trial.draw == Draw.UNIFORM]),
    ]
    _draw_boxes(turned, output / "rotation_errors.png")
    path = output / "study.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


_INTRODUCTION = (
    "Each subject is turned, moved by up to 15 mm along each axis, and resampled onto an oblique grid. The "
    "error is the difference between its registration and that of the subject as it is, by the same method: "
    "rotation in degrees, translation in mm at the brain's centre. A failure is more than "
    f"{FAILURE_DEG:.0f} degrees; it is trusted if its confidence is not low. Means stand with their standard "
    "deviations."
)
_BINS_NOTE = (
    "CRL atlas and spina bifida pairs. Rotations drawn per bin are counted beside the uniform ones, of which "
    "less than 1 % are below 30 degrees. The paper's rows are its Table 2 (400 samples of 40 fetuses, their "
    "poses checked by hand); its six bins hold roughly equal counts, so the columns correspond in order and "
    "not exactly in angle."
)


def _table(attribute: str, trials: Sequence[Trial]) -> str:
    rows = [
        f"| {attribute} | method | n | rotation mean [deg] | median | max "
        "| translation mean [mm] | median | max | failures | trusted failures | low trust | seconds |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name in _in_order(getattr(trial, attribute) for trial in trials):
        for method in _in_order(trial.method for trial in trials):
            chosen = [t for t in trials if getattr(t, attribute) == name and t.method == method]
            if chosen:
                rows.append(f"| {name} | {method} | {_cells(chosen)} |")
    return "\n".join(rows)


def _cells(trials: Sequence[Trial]) -> str:
    rotation = summarize(trial.rotation_error_deg for trial in trials)
    translation = summarize(trial.translation_error_mm for trial in trials)
    low = [trial for trial in trials if trial.trust in ("low", "")]
    failed = failures(trial.rotation_error_deg for trial in trials)
    caught = failures(trial.rotation_error_deg for trial in low)
    cells = [
        str(rotation.count),
        f"{rotation.mean:.2f} +- {rotation.standard_deviation:.2f}",
        f"{rotation.median:.2f}",
        f"{rotation.maximum:.2f}",
        f"{translation.mean:.2f} +- {translation.standard_deviation:.2f}",
        f"{translation.median:.2f}",
        f"{translation.maximum:.2f}",
        str(failed),
        str(failed - caught),
        str(len(low)),
        f"{np.median([trial.seconds for trial in trials]):.1f}",
    ]
    return " | ".join(cells)


def _bin_table(trials: Sequence[Trial]) -> str:
    rows = ["| method | " + " | ".join(bin_names()) + " |", "|---" * (1 + len(bin_names())) + "|"]
    for method in _in_order(trial.method for trial in trials):
        cells = []
        for errors in _errors_per_bin(trials, method):
            summary = summarize(errors)
            text = (
                f"{summary.mean:.2f}, max {summary.maximum:.2f}; {failures(errors)} of {summary.count} failed"
            )
            cells.append(text if errors else "-")
        rows.append(f"| {method} | " + " | ".join(cells) + " |")
    for name, values in PAPER_TABLE_2_DEG.items():
        rows.append(f"| {name} | " + " | ".join(f"{value:.2f}" for value in values) + " |")
    return "\n".join(rows)


def _errors_per_bin(trials: Sequence[Trial], method: str) -> list[list[float]]:
    errors: list[list[float]] = [[] for _ in bin_names()]
    for trial in trials:
        if trial.method == method and trial.group in ("sta", "spina-bifida"):
            errors[bin_of(trial.turned_deg)].append(trial.rotation_error_deg)
    return errors


def _fetus_text(trials: Sequence[Trial]) -> str:
    lines = []
    for method in _in_order(trial.method for trial in trials):
        chosen = [trial for trial in trials if trial.group == "fetus" and trial.method == method]
        maps = [trial.matrix for trial in chosen if trial.matrix is not None]
        if not maps:
            continue
        weeks = sorted({f"{trial.atlas_age_weeks:.0f}" for trial in chosen if trial.matrix is not None})
        lines.append(
            f"- `{method}`: {len(maps)} of {len(chosen)} poses registered; the two that differ most are "
            f"{largest_disagreement_deg(maps):.2f} degrees apart; atlas weeks chosen: {', '.join(weeks)}."
        )
    return "\n".join(lines) or "Not part of this run."


def _newborn_text(trials: Sequence[Trial]) -> str:
    lines = ["The T1 and T2 templates share one space, so the correct map is known: the identity."]
    for method in _in_order(trial.method for trial in trials):
        maps = [
            trial.matrix
            for trial in trials
            if trial.group == "newborn" and trial.method == method and trial.matrix is not None
        ]
        if maps:
            errors = summarize(float(rotation_error_deg(found, np.eye(4))) for found in maps)
            lines.append(
                f"- `{method}`: median {errors.median:.2f}, largest {errors.maximum:.2f} degrees off."
            )
    return "\n".join(lines) if len(lines) > 1 else "Not part of this run."


def _draw_boxes(trials: Sequence[Trial], path: Path) -> None:
    methods = _in_order(trial.method for trial in trials)
    figure = Figure(figsize=(9, 4.8), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    width = 0.8 / max(len(methods), 1)
    for index, method in enumerate(methods):
        colour = f"C{index}"
        boxes = [
            np.maximum([error for error in errors if np.isfinite(error)], _SMALLEST_SHOWN_DEG)
            for errors in _errors_per_bin(trials, method)
        ]
        axes.boxplot(
            boxes,
            positions=np.arange(len(boxes)) + (index - (len(methods) - 1) / 2) * width,
            widths=0.85 * width,
            patch_artist=True,
            boxprops={"facecolor": colour, "alpha": 0.5},
            medianprops={"color": "black"},
            flierprops={"marker": ".", "markeredgecolor": colour, "markersize": 4},
            manage_ticks=False,
        )
        axes.plot([], [], color=colour, linewidth=8, alpha=0.5, label=method)
    axes.axhline(FAILURE_DEG, color="grey", linestyle=":", linewidth=1, label="failure")
    axes.set_xticks(range(len(bin_names())), bin_names())
    axes.set_xlim(-0.5, len(bin_names()) - 0.5)
    # limits first: without a single box the scale could not find any by itself
    axes.set_ylim(_SMALLEST_SHOWN_DEG, 200)
    axes.set_yscale("log")
    axes.set_yticks([0.01, 0.1, 1, 10, 100], ["0.01", "0.1", "1", "10", "100"])
    axes.set_xlabel("size of the rotation [degrees]")
    axes.set_ylabel("rotation error [degrees]")
    figure.legend(loc="outside upper center", ncols=len(methods) + 1, frameon=False)
    figure.savefig(path, dpi=120)


def _in_order(names: Iterable[str]) -> list[str]:
    """Different names, in the order in which they come first."""
    return list(dict.fromkeys(names))
