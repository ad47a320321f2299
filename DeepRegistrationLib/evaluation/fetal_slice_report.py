"""The tables and figures of the fetal slice study, from its trials."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.metrics import FAILURE_DEG, bin_names, summarize
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.paper_tables import FIGURES, SLICES_MEAN_DEG
from DeepRegistrationLib.evaluation.slice_trials import SliceTrial, StackTrial
from DeepRegistrationLib.evaluation.study_figures import draw_boxes
from DeepRegistrationLib.evaluation.study_stacks import ACQUIRED, UNTOLD
from DeepRegistrationLib.evaluation.study_tables import (
    CONFIDENCE_NOTE,
    ERROR_HEAD,
    bin_table,
    confidence_table,
    error_cells,
    in_order,
    models_text,
    per_bin,
    table,
    time_table,
)
from DeepRegistrationLib.evaluation.trials import matrix_of
from DeepRegistrationLib.evaluation.turned_subject import Draw
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod

FIGURE = "slice_errors.png"
_REFINED, _ALONE, _BASELINE = "searched or refined", "network alone", "baseline of the paper"
_PANEL = {FetalSliceMethod.SVR_GC: _BASELINE, FetalSliceMethod.SLICE_NET: _ALONE}
"""Panels of the figure; every other method is searched or refined."""
_PAPERS = {
    _REFINED: ("paper: SVR-Deep",),
    _ALONE: ("paper: slice net, geodesic",),
    _BASELINE: ("paper: SVR-GC",),
}

_T1 = (SliceGroup.NEWBORN_T1, SliceGroup.NEWBORN_T1_AS_T2)
"""Brains of another contrast than the atlas and the paper's."""


def write_slice_report(
    trials: Sequence[SliceTrial],
    stacks: Sequence[StackTrial],
    output: Path,
    left_out: Sequence[str] = (),
) -> Path:
    """Writes `slice_study.md` and its figure.

    Args:
        trials: of single slices.
        stacks: of whole stacks.
        output: folder.
        left_out: methods that were not measured because a model is not installed.

    Returns:
        Path of `slice_study.md`.
    """
    uniform = [trial for trial in trials if trial.draw == Draw.UNIFORM]
    of_t2 = [trial for trial in trials if trial.group not in _T1]
    drawn = draw_slice_figure(of_t2, output)
    sections = [
        "# Fetal slice to atlas: the study",
        _INTRODUCTION,
        models_text([*trials, *stacks], left_out),
        "## Half space known, T2, by the size of the rotation",
        _BINS_NOTE,
        bin_table(errors_per_bin(of_t2, lambda trial: trial.known_deg), SLICES_MEAN_DEG),
        f"![Rotation errors]({FIGURE})\n\n{FIGURES['3']}" if drawn else "",
        "## Half space known, by brain, orientations uniform",
        _group_table(uniform, lambda trial: (trial.known_deg, trial.known_mm)),
        _CONTRAST_NOTE if any(trial.group in _T1 for trial in uniform) else "",
        "## Half space unknown: the place that is called the more probable one",
        _group_table(uniform, lambda trial: (trial.unknown_deg, trial.unknown_mm)),
        _probability_text(uniform),
        "## Up to the mirror image",
        _EITHER_NOTE,
        bin_table(errors_per_bin(of_t2, lambda trial: trial.either_deg)),
        _group_table(uniform, lambda trial: (trial.either_deg, trial.either_mm)),
        "## Confidence",
        "The confidence speaks of the place up to its mirror image, and so do the failures here. "
        + CONFIDENCE_NOTE,
        _confidence(trials),
        "## Time",
        time_table(trials, "slice"),
        "## Stacks",
        _STACKS_NOTE,
        _stack_table(stacks),
        _agreement_text(stacks),
    ]
    path = output / "slice_study.md"
    path.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    return path


_INTRODUCTION = (
    "Slices cut from brains that no network was trained on: weeks 26, 31 and 35 of the CRL atlas, a "
    "reconstructed fetus, the newborn T2 and T1 templates. Poses as in the paper: half of all orientations, "
    "the middle 66 % of the brain. Pixels of 1.2 mm, 3 mm thick, with noise (4 % of the brightest tissue), "
    "uneven coil sensitivity, off centre, in a patient that lies anyhow. Mask and age are given. The right "
    "place is that of the whole volume, found by `fetal-volume`; no slice is compared with an atlas made of "
    "itself. Errors are rotations in degrees and the mean distance of the brain's pixels from where "
    f"they belong in mm. A failure is more than {FAILURE_DEG:.0f} degrees."
)
_BINS_NOTE = (
    "Slices drawn per bin are counted beside those with uniform orientations, of which few are turned by "
    "less than 60 degrees. The paper's rows are the means of its Table 1 (400 slices of 40 fetuses, half "
    "of all orientations); its six bins hold roughly equal counts, so the columns correspond in order and "
    "not exactly in angle."
)
_CONTRAST_NOTE = (
    "`newborn-t1-as-t2` are the slices of `newborn-t1`, made to look like T2 by the contrast transfer first "
    "(`--contrast t1-to-t2`)."
)
_EITHER_NOTE = (
    "Of the more probable place and its mirror image the nearer one counts: what is left is how well the "
    "slice was found, whether or not left and right are told apart."
)
_STACKS_NOTE = (
    "Medians over the slices of which it is known where they belong. *Simulated* stacks are cut from "
    "brains in known poses that turn and shift between slices (3 degrees and 1.5 mm standard deviation "
    "per axis, every second slice first). The *acquired* ones show one real fetus; where a slice belongs "
    "is found by registering it to the reconstruction of the same brain. Of the last ones the motion is "
    "*not told*. *Motion* is what no single pose of the stack can follow, *as one* the error with every "
    "slice at the pose of its stack, *moved* with the motion that was found."
)


def errors_per_bin(
    trials: Sequence[SliceTrial], error_of: Callable[[SliceTrial], float]
) -> dict[str, list[list[float]]]:
    """Method -> errors in six bins of the rotation's size."""
    found = {}
    for method in in_order(trial.method for trial in trials):
        chosen = [trial for trial in trials if trial.method == method]
        found[method] = per_bin((trial.turned_deg for trial in chosen), map(error_of, chosen))
    return found


def draw_slice_figure(trials: Sequence[SliceTrial], output: Path) -> bool:
    """Box plots by the size of the rotation, as figure 3 of the paper; False if there is nothing to draw."""
    errors = errors_per_bin(trials, lambda trial: trial.known_deg)
    panels = {
        title: {name: boxes for name, boxes in errors.items() if _PANEL.get(name, _REFINED) == title}
        for title in _PAPERS
    }
    marks = {title: {name: SLICES_MEAN_DEG[name] for name in names} for title, names in _PAPERS.items()}
    horizontal = "size of the rotation [degrees]"
    return draw_boxes(panels, bin_names(), output / FIGURE, horizontal, marks=marks, limits=(0.1, 200.0))


def _group_table(trials: Sequence[SliceTrial], errors_of: Callable[[SliceTrial], tuple[float, float]]) -> str:
    groups = {group: (group,) for group in in_order(trial.group for trial in trials)}
    of_t2 = tuple(group for group in groups if group not in _T1)
    if len(of_t2) > 1:
        groups["all of T2"] = of_t2
    rows = []
    for name, members in groups.items():
        for method in in_order(trial.method for trial in trials):
            chosen = [trial for trial in trials if trial.group in members and trial.method == method]
            if chosen:
                angles_deg, distances_mm = zip(*map(errors_of, chosen), strict=True)
                rows.append([name, method, *error_cells(angles_deg, distances_mm)])
    return table(["brain", "method", *ERROR_HEAD], rows)


def _probability_text(trials: Sequence[SliceTrial]) -> str:
    """Do the probabilities of the two places mean what they say?"""
    lines = []
    for method in (FetalSliceMethod.AUTO, FetalSliceMethod.BANK):
        found = [trial for trial in trials if trial.method == method and trial.either_deg <= FAILURE_DEG]
        if not found:
            continue
        said = np.mean([trial.probability for trial in found])
        right = np.mean([trial.unknown_deg <= FAILURE_DEG for trial in found])
        lines.append(
            f"- `{method}`: of {len(found)} slices found up to their mirror image, {100 * right:.0f} % had "
            f"the right place first; the probabilities said {100 * said:.0f} %."
        )
    return "\n".join(lines)


def _confidence(trials: Sequence[SliceTrial]) -> str:
    methods = in_order(trial.method for trial in trials)
    return confidence_table(
        trials, {m: [trial.either_deg for trial in trials if trial.method == m] for m in methods}
    )


def _stack_table(stacks: Sequence[StackTrial]) -> str:
    rows = [
        [
            trial.stack,
            trial.kind,
            trial.method,
            str(trial.slices) if trial.slices else "-",
            *map(
                _number,
                (
                    trial.motion_deg,
                    trial.motion_mm,
                    trial.as_one_deg,
                    trial.as_one_mm,
                    trial.moved_deg,
                    trial.moved_mm,
                ),
            ),
            trial.trust or "no result",
            f"{trial.seconds:.1f}",
        ]
        for trial in stacks
    ]
    head = [
        "stack",
        "kind",
        "method",
        "slices",
        "motion [deg]",
        "[mm]",
        "as one [deg]",
        "[mm]",
        "moved [deg]",
    ]
    return table([*head, "[mm]", "trust", "seconds"], rows)


def _agreement_text(stacks: Sequence[StackTrial]) -> str:
    """How well the stacks of one fetus agree with each other, whatever the reconstruction says."""
    lines = []
    for method in in_order(trial.method for trial in stacks):
        for kind in (ACQUIRED, UNTOLD):
            chosen = [t for t in stacks if t.method == method and t.kind == kind and t.atlas_from_stack]
            maps = [matrix_of(trial.atlas_from_stack) for trial in chosen]
            if len(maps) > 1:
                apart = summarize(float(rotation_error_deg(a, b)) for a, b in itertools.combinations(maps, 2))
                lines.append(
                    f"- `{method}`, {kind}: any two of {len(maps)} stacks differ by {apart.mean:.1f} degrees "
                    f"in the mean, {apart.maximum:.1f} at most, the fetus's own motion included."
                )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "-"
