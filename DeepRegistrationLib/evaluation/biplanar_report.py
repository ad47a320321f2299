"""The tables of the study of an atlas bent to two radiographs, from its trials."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.biplanar_figures import (
    ERROR_FIGURE,
    MAP_FIGURE,
    draw_errors,
    draw_maps,
)
from DeepRegistrationLib.evaluation.biplanar_measures import FAILED_DICE
from DeepRegistrationLib.evaluation.biplanar_trials import (
    BiplanarSetup,
    BiplanarStudyMethod,
    BiplanarTrial,
)
from DeepRegistrationLib.evaluation.study_tables import in_order, table

TITLES = {
    BiplanarSetup.ORTHOGONAL: "Front and side, masked",
    BiplanarSetup.ANY_ANGLES: "Any two angles within 30 degrees of front and side",
    BiplanarSetup.WRONG_ANGLE: "Second view 5 degrees off, not corrected",
    BiplanarSetup.WRONG_ANGLE_CORRECTED: "Second view 5 degrees off, corrected",
    BiplanarSetup.DRAWN_ERROR: "Second view off by 0 to 10 degrees, not corrected",
    BiplanarSetup.DRAWN_ERROR_CORRECTED: "Second view off by 0 to 10 degrees, corrected",
    BiplanarSetup.NO_MASKS: "Front and side, no masks",
    BiplanarSetup.OTHER_SIDE: "Left bones, bent from the right one of the atlas",
}
_PAPER = {
    BiplanarSetup.ORTHOGONAL: ("0.94", "0.84"),
    BiplanarSetup.ANY_ANGLES: ("0.923", "-"),
    BiplanarSetup.WRONG_ANGLE: ("0.90", "-"),
}
_DRAWN = (BiplanarStudyMethod.AUTO, BiplanarStudyMethod.OPTIMIZE, BiplanarStudyMethod.NETWORK)
ERROR_TITLE = "Dice against the error of the second view's angle, as in figure 3 of the paper"
MAP_TITLE = "Dice for each pair of angles, as in figure 4 of the paper"
_HEAD = (
    "patients",
    "method",
    "n",
    "Dice mean",
    "median",
    "worst",
    "ASSD mean [mm]",
    "median",
    "HD95 median [mm]",
    "landmarks [mm]",
    "failed",
    "folded voxels",
    "round trip [mm]",
    "processor [s]",
)
_INTRODUCTION = (
    "Patients whose bones nothing was trained on (`data/biplanar_split.py`), cameras of the paper (1000 mm "
    "from source to detector, 925 mm to the patient, 160 x 224 pixels of 1 mm). Radiographs are those of the "
    "whole CT with noise, masked by the projected labels but where it says so; what lies before and behind "
    "the bone stays visible in its shadow. Every method gets atlas and shape model of the program. *ASSD* is "
    "the average symmetric surface distance, *HD95* the 95 % Hausdorff distance, *round trip* the largest "
    "distance of a point of the bone from itself after both saved maps. *Failed* is a Dice below "
    f"{FAILED_DICE:g}, or no result. *Processor* is the median time that one core works on a fit."
)


def write_biplanar_report(trials: Sequence[BiplanarTrial], output: Path) -> Path:
    """Writes `biplanar.md`.

    Args:
        trials: of any setups and methods.
        output: folder.

    Returns:
        Path of `biplanar.md`.
    """
    sections = ["# Atlas bent to two radiographs: the study", _INTRODUCTION]
    for setup in BiplanarSetup:
        chosen = [trial for trial in trials if trial.setup == setup]
        if chosen:
            sections += [f"## {TITLES[setup]}", _table(setup, chosen)]
    sections += _figures(trials, output)
    sections += ["## Confidence", _confidence(trials)]
    path = output / "biplanar.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def fitted(
    trials: Sequence[BiplanarTrial], setup: BiplanarSetup, method: BiplanarStudyMethod
) -> list[BiplanarTrial]:
    """Results of one method in one setup."""
    return [t for t in trials if (t.method, t.setup) == (method, setup) and not t.error]


def _figures(trials: Sequence[BiplanarTrial], output: Path) -> list[str]:
    drawn = []
    curves = {
        f"{method}, {word}": fitted(trials, setup, method)
        for method in _DRAWN
        for setup, word in (
            (BiplanarSetup.DRAWN_ERROR, "not corrected"),
            (BiplanarSetup.DRAWN_ERROR_CORRECTED, "corrected"),
        )
    }
    if draw_errors(curves, output / ERROR_FIGURE):
        drawn.append(f"![{ERROR_TITLE}]({ERROR_FIGURE})")
    maps = {str(method): fitted(trials, BiplanarSetup.ANY_ANGLES, method) for method in _DRAWN}
    if draw_maps(maps, output / MAP_FIGURE):
        drawn.append(f"![{MAP_TITLE}]({MAP_FIGURE})")
    return ["## Angles", *drawn] if drawn else []


def _table(setup: BiplanarSetup, trials: Sequence[BiplanarTrial]) -> str:
    rows = []
    for group in in_order(trial.group for trial in trials):
        for method in in_order(trial.method for trial in trials):
            chosen = [trial for trial in trials if (trial.group, trial.method) == (group, method)]
            if chosen:
                rows.append([group, method, *_cells(chosen)])
    if setup in _PAPER:
        dice, assd = _PAPER[setup]
        rows.append(["paper's 40 CTs", "network of the paper", "40", dice, "-", "-", assd, *["-"] * 7])
    return table(list(_HEAD), rows)


def _cells(trials: Sequence[BiplanarTrial]) -> list[str]:
    done = [trial for trial in trials if not trial.error]
    failed = len(trials) - sum(trial.dice >= FAILED_DICE for trial in done)
    if not done:
        return [str(len(trials)), *["-"] * 7, str(failed), "-", "-", "-"]

    def values(name: str) -> np.ndarray:
        return np.array([getattr(trial, name) for trial in done], dtype=np.float64)

    marks = values("landmark_mm")
    marks = marks[np.isfinite(marks)]
    return [
        str(len(trials)),
        f"{values('dice').mean():.3f}",
        f"{np.median(values('dice')):.3f}",
        f"{values('dice').min():.3f}",
        f"{values('assd_mm').mean():.2f}",
        f"{np.median(values('assd_mm')):.2f}",
        f"{np.median(values('hausdorff_mm')):.2f}",
        f"{marks.mean():.2f}" if len(marks) else "-",
        str(failed),
        str(int(values("folded").sum())),
        f"{values('consistency_mm').max():.3f}",
        f"{np.median(values('cpu_seconds')):.0f}",
    ]


def _confidence(trials: Sequence[BiplanarTrial]) -> str:
    """How often what the program trusts is right."""
    rows = []
    for trust in in_order(trial.trust or "no result" for trial in trials):
        chosen = [trial for trial in trials if (trial.trust or "no result") == trust]
        good = sum(not trial.error and trial.dice >= FAILED_DICE for trial in chosen)
        rows.append([trust, str(len(chosen)), str(good)])
    return table(["confidence", "fits", f"of them with a Dice of {FAILED_DICE:g} or more"], rows)
