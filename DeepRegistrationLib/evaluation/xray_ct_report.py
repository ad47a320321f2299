"""The tables and figures of the study of CT and radiographs, from its trials."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.data.xray_split import XRAY_CTS
from DeepRegistrationLib.evaluation.metrics import FALSE_ALARMS, caught_share_of, summarize
from DeepRegistrationLib.evaluation.study_figures import draw_boxes
from DeepRegistrationLib.evaluation.study_tables import in_order, models_text, table
from DeepRegistrationLib.evaluation.xray_errors import SUCCESS_DEG, SUCCESS_MM, is_right
from DeepRegistrationLib.evaluation.xray_paper_table import FIGURE, SIMULATED
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.evaluation.xray_trials import XrayTrial
from DeepRegistrationLib.workflows.result import Trust

SHIFT_FIGURE, TURN_FIGURE = "xray_shifts.png", "xray_turns.png"
_TITLES = {
    XrayTarget.DRR: "DRR of the CT as target",
    XrayTarget.BONES: "DRR of the CT as target, the bones alone registered, as in the paper",
    XrayTarget.REALISTIC: "Realistic simulated radiograph as target",
    XrayTarget.TWO_VIEWS: "Two views, 90 degrees apart",
}
_STARTS_DEG = (0.0, 30.0, 45.0, 60.0, 180.0)
"""Edges of the bins of the start's distance: a quarter of the starts in each, roughly."""


def write_xray_report(trials: Sequence[XrayTrial], output: Path, left_out: Sequence[str] = ()) -> Path:
    """Writes `xray_ct.md` and its figures.

    Args:
        trials: of any targets and methods.
        output: folder.
        left_out: methods that were not measured because a model is not installed.

    Returns:
        Path of `xray_ct.md`.
    """
    pelves = {ct.name for ct in XRAY_CTS if ct.is_pelvis}
    as_in_paper = [trial for trial in trials if trial.target == XrayTarget.BONES and trial.ct in pelves]
    figures = draw_xray_figures(as_in_paper, output)
    sections = [
        "# CT to radiographs: the study",
        _INTRODUCTION,
        models_text(trials, left_out),
        "## The paper's Table 1",
        _PAPER_NOTE,
        _paper_table(as_in_paper),
        "\n".join(f"![Errors along and about the axes]({name})" for name in figures),
        FIGURE if figures else "",
        *(_of_target(target, trials) for target in XrayTarget),
        "## By how far the start was off",
        _start_table(trials),
        "## Confidence",
        _CONFIDENCE_NOTE,
        _confidence_table(trials),
    ]
    path = output / "xray_ct.md"
    path.write_text("\n\n".join(filter(None, sections)) + "\n", encoding="utf-8")
    return path


_INTRODUCTION = (
    "Public CTs that no network was trained on and no constant was chosen by (`data/xray_split.py`). Each is "
    "projected by the paper's C-arm: 1020 mm from source to detector, the middle of the bones 400 mm before "
    "it, 128 x 128 pixels of 2.328 mm (realistic radiographs: 512 x 512 of 0.582 mm). True pose and start "
    "pose are drawn independently, N(0, 20 degrees) and N(0, 37.5 mm) on every axis. The job gets CT, labels "
    "of the bones where there are any, radiograph and camera. "
    "*Rotation* is the angle between found and true pose, *distance* how far the middle of the bones is from "
    "its true place, *depth* its part along the beam, *mTRE* the mean distance of all points of the bones. A "
    f"registration succeeds below {SUCCESS_DEG:g} degrees and {SUCCESS_MM:g} mm."
)
_PAPER_NOTE = (
    "Here errors are the paper's: means over the three axes of the sizes of shift and turn (its starts show "
    "that these were averaged, see `evaluation/xray_paper_table.py`). The paper registers a bone "
    "segmentation of its own pelvic CTs to DRRs of the whole CTs; ours are the pelves of the tables below, "
    "registered in the same way."
)
_CONFIDENCE_NOTE = (
    "*Trusted* is what the program itself says: the confidence is not low. The last column asks how well the "
    "confidence could tell failures from successes: an alarm goes off below a value that "
    f"{100 * FALSE_ALARMS:.0f} % of the successes fall below, and the column is the share of the failures "
    "for which it goes off."
)


def draw_xray_figures(trials: Sequence[XrayTrial], output: Path) -> list[str]:
    """Box plots along and about the three axes, as figure 3 of the paper; names of the files drawn."""
    drawn = []
    for file, unit, parts in (
        (SHIFT_FIGURE, "shift left [mm]", lambda trial: trial.shifts_mm),
        (TURN_FIGURE, "turn left [degrees]", lambda trial: trial.turns_deg),
    ):
        boxes = {
            method: [
                [abs(parts(trial)[axis]) for trial in trials if trial.method == method] for axis in range(3)
            ]
            for method in in_order(trial.method for trial in trials)
        }
        places = ["columns (LR)", "rows (IS)", "depth (AP)"]
        title = _TITLES[XrayTarget.BONES]
        if draw_boxes({title: boxes}, places, output / file, "axis", unit, limits=(1e-3, 300.0)):
            drawn.append(file)
    return drawn


def _paper_table(trials: Sequence[XrayTrial]) -> str:
    rows = []
    if trials:
        # every method begins at the same starts
        first = [trial for trial in trials if trial.method == trials[0].method]
        rows.append(
            [
                "start",
                str(len(first)),
                *_paper_cells([t.start_paper_mm for t in first], [t.start_paper_deg for t in first]),
            ]
        )
    for method in in_order(trial.method for trial in trials):
        chosen = [trial for trial in trials if trial.method == method]
        shifts, turns = (
            [float(np.abs(parts).mean()) for parts in both]
            for both in ([t.shifts_mm for t in chosen], [t.turns_deg for t in chosen])
        )
        rows.append([method, str(len(chosen)), *_paper_cells(shifts, turns)])
    if rows:
        rows += [[name, "150", *cells] for name, cells in SIMULATED.items()]
    head = ["method", "n", "translation mean [mm]", "median", "rotation mean [deg]", "median"]
    return table(head, rows)


def _paper_cells(shifts_mm: Sequence[float], turns_deg: Sequence[float]) -> list[str]:
    cells = []
    for errors in (shifts_mm, turns_deg):
        summary = summarize(errors)
        cells += [f"{summary.mean:.2f} +- {summary.standard_deviation:.2f}", f"{summary.median:.2f}"]
    return cells


def _of_target(target: XrayTarget, trials: Sequence[XrayTrial]) -> str:
    """Errors of one target: all CTs together, then each."""
    chosen = [trial for trial in trials if trial.target == target]
    rows = []
    for method in in_order(trial.method for trial in chosen):
        of_method = [trial for trial in chosen if trial.method == method]
        rows.append(["all", method, *_error_cells(of_method)])
        cts = in_order(trial.ct for trial in of_method)
        if len(cts) > 1:
            rows += [[name, method, *_error_cells([t for t in of_method if t.ct == name])] for name in cts]
    head = ["CT", "method", "n", "success", "rotation mean [deg]", "median", "distance mean [mm]", "median"]
    head += ["depth mean [mm]", "median", "mTRE mean [mm]", "median", "seconds, median"]
    return f"## {_TITLES[target]}\n\n{table(head, rows)}"


def _error_cells(trials: Sequence[XrayTrial]) -> list[str]:
    """Count, share of successes, means and medians; the time."""
    cells = [str(len(trials)), _share([_is_success(trial) for trial in trials])]
    value_of: tuple[Callable[[XrayTrial], float], ...] = (
        lambda trial: trial.error_deg,
        lambda trial: trial.error_mm,
        lambda trial: abs(trial.shift_depth_mm),
        lambda trial: trial.tre_mm,
    )
    for value in value_of:
        summary = summarize(map(value, trials))
        cells += [f"{summary.mean:.2f}", f"{summary.median:.2f}"]
    return [*cells, f"{np.median([trial.seconds for trial in trials]):.1f}"]


def _start_table(trials: Sequence[XrayTrial]) -> str:
    """Share of successes by the angle between start and truth."""
    bins = list(itertools.pairwise(_STARTS_DEG))
    rows = []
    for target in in_order(trial.target for trial in trials):
        for method in in_order(trial.method for trial in trials if trial.target == target):
            of_method = [trial for trial in trials if (trial.target, trial.method) == (target, method)]
            row = [target, method]
            for low, high in bins:
                found = [_is_success(trial) for trial in of_method if low <= trial.start_deg < high]
                row.append(f"{_share(found)} of {len(found)}" if found else "-")
            rows.append(row)
    return table(["target", "method", *(f"{low:.0f} to {high:.0f} degrees" for low, high in bins)], rows)


def _confidence_table(trials: Sequence[XrayTrial]) -> str:
    rows = []
    for target in in_order(trial.target for trial in trials):
        for method in in_order(trial.method for trial in trials if trial.target == target):
            chosen = [trial for trial in trials if (trial.target, trial.method) == (target, method)]
            good = np.array([_is_success(trial) for trial in chosen])
            judged = [trial.judged for trial in chosen]
            trusted = np.array([bool(one and one.trust != Trust.LOW) for one in judged])
            share = caught_share_of([one.value if one else 0.0 for one in judged], good)
            rows.append(
                [
                    target,
                    method,
                    str(len(chosen)),
                    str(int((~good).sum())),
                    str(int((~good & trusted).sum())),
                    str(int((good & ~trusted).sum())),
                    "-" if np.isnan(share) else f"{100 * share:.1f} %",
                ]
            )
    caught = f"failures caught at {100 * FALSE_ALARMS:.0f} % false alarms"
    head = ["target", "method", "n", "failures", "of them trusted", "successes not trusted", caught]
    return table(head, rows)


def _is_success(trial: XrayTrial) -> bool:
    return is_right(trial.error_deg, trial.error_mm)


def _share(found: Sequence[bool]) -> str:
    return f"{100 * np.mean(found):.1f} %"
