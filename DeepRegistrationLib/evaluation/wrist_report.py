"""The tables and pictures of the study of the real wrist, from its trials."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.study_tables import in_order, table
from DeepRegistrationLib.evaluation.trials import matrix_of
from DeepRegistrationLib.evaluation.wrist_trials import WristTrial
from DeepRegistrationLib.geometry.rigid import rotation_error_deg

BOTH = "1+2"
_SAME_DEG, _SAME_MM = 2.0, 2.0
"""Answers nearer to the best one than this are the same answer."""


def write_wrist_report(trials: Sequence[WristTrial], output: Path) -> Path:
    """Writes `xray_wrist.md`.

    Args:
        trials: of any bones, moments and views.
        output: folder; pictures that are in it are shown.

    Returns:
        Path of `xray_wrist.md`.
    """
    cases = in_order((trial.bone, trial.frame) for trial in trials)
    sections = [
        "# Single bones of a real wrist",
        _INTRODUCTION,
        _case_table(trials, cases),
    ]
    for frame in in_order(frame for _, frame in cases):
        if (output / moment_name(frame)).is_file():
            sections.append(f"![all bones, frame {frame}]({moment_name(frame)})")
    for bone, frame in cases:
        files = [picture_name(bone, frame, view) for view in (1, 2)]
        sections += [
            f"![{bone}, frame {frame}, view {view}]({file})"
            for view, file in enumerate(files, 1)
            if (output / file).is_file()
        ]
    path = output / "xray_wrist.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def picture_name(bone: str, frame: int, view: int) -> str:
    """File of the picture of the best answer of both views."""
    return f"wrist_{bone}_{frame}_view{view}.png"


def moment_name(frame: int) -> str:
    """File of the picture of all bones at a moment."""
    return f"wrist_frame_{frame}.png"


def best_answers(trials: Sequence[WristTrial], frame: int) -> dict[str, np.ndarray]:
    """Bone -> pose (4, 4) of the most confident answer of both views at a moment."""
    found = {}
    for bone in in_order(trial.bone for trial in trials):
        best = _best([trial for trial in trials if (trial.bone, trial.frame) == (bone, frame)])
        if best is not None and best.world_from_bone:
            found[bone] = matrix_of(best.world_from_bone)
    return found


def _best(trials: Sequence[WristTrial]) -> WristTrial | None:
    return max((t for t in trials if t.views == BOTH), key=lambda t: t.confidence, default=None)


_INTRODUCTION = (
    "Fluoroscopy of a wrist from two sides (Autoscoper's sample data, 1760 x 1760 pixels, calibrated with "
    "XMALab), and CTs of single bones of the same arm. Each bone is registered alone, to the whole "
    "radiographs, by the workflow of `deepregistration xray-ct`, from starts N(0, 8 degrees) and "
    "N(0, 8 mm) on every axis about a pose that was looked at in both views. Nobody knows the true poses. "
    "*Outline* is the mean distance on the detector of the projected bone's edges from those of each "
    "radiograph, also of the one that it was not registered to; the partner of an edge is the steepest rise "
    "along its normal within 10 mm, not the nearest edge of anything, and the face at which the CT is cut "
    "off does not count. *3 mm wrong* is what it says where the answer is moved by 3 mm to the left and to "
    "the right on the detector. The detectors are taken to be 1400 mm from the sources. *Best* is the answer "
    f"of both views with the highest confidence: *same* counts answers within {_SAME_DEG:g} degrees and "
    f"{_SAME_MM:g} mm of it, the last columns are medians of how far all are from it."
)


def _case_table(trials: Sequence[WristTrial], cases: Sequence[tuple[str, int]]) -> str:
    rows = []
    for bone, frame in cases:
        of_case = [trial for trial in trials if (trial.bone, trial.frame) == (bone, frame)]
        best = _best(of_case)
        for views in in_order(trial.views for trial in of_case):
            chosen = [trial for trial in of_case if trial.views == views]
            rows.append([bone, str(frame), views, str(len(chosen)), *_cells(chosen, best)])
    head = ["bone", "frame", "registered to view", "starts", "trusted"]
    for view in (1, 2):
        head += [f"outline in view {view}, before [mm]", "after", "3 mm wrong"]
    return table([*head, "same as best", "rotation from best [deg]", "distance [mm]", "seconds"], rows)


def _cells(trials: Sequence[WristTrial], best: WristTrial | None) -> list[str]:
    cells = [str(sum(trial.trust not in ("low", "") for trial in trials))]
    for view in (1, 2):
        for name in (f"outline_start_{view}_mm", f"outline_{view}_mm", f"outline_moved_{view}_mm"):
            cells.append(_median([getattr(trial, name) for trial in trials]))
    apart = [_apart(trial, best) for trial in trials]
    same = sum(angle < _SAME_DEG and distance < _SAME_MM for angle, distance in apart)
    angles, distances = zip(*apart, strict=True)
    seconds = _median([trial.seconds for trial in trials])
    return [*cells, f"{same} of {len(trials)}", _median(angles), _median(distances), seconds]


def _apart(trial: WristTrial, best: WristTrial | None) -> tuple[float, float]:
    """Rotation [degrees] and distance of the bone's middle [mm] from the best answer; NaN without one."""
    if best is None or not best.world_from_bone or not trial.world_from_bone:
        return np.nan, np.nan
    one, other = matrix_of(trial.world_from_bone), matrix_of(best.world_from_bone)
    # the origin of the bone's frame is its middle
    return float(rotation_error_deg(one, other)), float(np.linalg.norm(one[:3, 3] - other[:3, 3]))


def _median(values: Sequence[float]) -> str:
    numbers = [value for value in values if np.isfinite(value)]
    return f"{np.median(numbers):.2f}" if numbers else "-"
