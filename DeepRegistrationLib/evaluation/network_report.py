"""The tables of the networks alone, and their figures for the model cards."""

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from DeepRegistrationLib.evaluation.metrics import BIN_EDGES_DEG, failures, summarize
from DeepRegistrationLib.evaluation.network_trials import NetworkTrial
from DeepRegistrationLib.evaluation.pair_group import SliceGroup
from DeepRegistrationLib.evaluation.paper_tables import FIGURES, SLICES_MEAN_DEG, VOLUMES_MEAN_DEG
from DeepRegistrationLib.evaluation.study_figures import draw_boxes
from DeepRegistrationLib.evaluation.study_tables import in_order, models_text, table
from DeepRegistrationLib.models.catalog import Network

CHAIN = "pose-net, then correction-net"
REPORT, NUMBERS, FIGURE = "networks.md", "networks.json", "correction_net_shifts.png"
_CORRECTION_EDGES_DEG = (0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0)
_PAPERS = {
    Network.POSE_NET: (VOLUMES_MEAN_DEG, ("paper: Pose-Net, MSE", "paper: Pose-Net, geodesic")),
    CHAIN: (VOLUMES_MEAN_DEG, ("paper: Correction-Net",)),
    Network.SLICE_NET: (SLICES_MEAN_DEG, ("paper: slice net, MSE", "paper: slice net, geodesic")),
}
_NOTES = {
    Network.POSE_NET: "As many poses in each bin; centres of gravity meet.",
    Network.CORRECTION_NET: "Beside the atlas, after made-up first estimates: rotations up to 30 degrees and "
    "shifts up to 0.3 brain radii along each axis, both uniform, as in the training.",
    CHAIN: "As the volume job asks them, without refinement. The paper's Correction-Net is this chain.",
    Network.SLICE_NET: "Slices of half of all orientations from the middle 66 % of the brain, 3 mm thick. "
    "With the half space known, as in the paper: of the answer and its mirror image the one counts whose "
    "normal points upwards.",
}


def write_network_report(trials: Sequence[NetworkTrial], output: Path) -> Path:
    """Writes `networks.md`, `networks.json` and the figure.

    Args:
        trials: of the study.
        output: folder.

    Returns:
        Path of `networks.md`.
    """
    sections = ["# The networks alone", _INTRODUCTION, models_text(trials, ())]
    numbers = {}
    for network in in_order(trial.network for trial in trials):
        chosen = [trial for trial in trials if trial.network == network]
        numbers[network] = _numbers(network, chosen)
        sections += [f"## {network}", _NOTES[network], _table(network, chosen)]
        if network == Network.SLICE_NET:
            sections += ["Up to the mirror image:", _table(network, chosen, mirrored=True)]
        if any(math.isfinite(trial.translation_mm) for trial in chosen):
            sections.append(_shift_table(chosen))
        if network == Network.CORRECTION_NET and _draw_shifts(chosen, output / FIGURE):
            sections += [f"![Shifts of Correction-Net]({FIGURE})", FIGURES["5"]]
    (output / NUMBERS).write_text(json.dumps(numbers, indent=1), encoding="utf-8")
    path = output / REPORT
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


_INTRODUCTION = (
    "What the networks answer, without search and without refinement, for brains that they were never "
    "trained on. Each was registered to its atlas by `fetal-volume` before, which gives the right answer; "
    "then the grid that the network sees is turned. Errors are rotations in degrees: mean +- standard "
    "deviation, median; failures are beyond 10 degrees. *T1-like* are the weeks of the atlas with the "
    "signals that tissues have on T1, *as T2* is after the contrast transfer. The paper's rows are means "
    "over its 40 fetuses; its bins hold roughly equal counts, so they correspond in order and not exactly "
    "in angle."
)


def _label(trial: NetworkTrial) -> str:
    return f"{trial.group}, {trial.contrast}"


def _edges_deg(network: str) -> tuple[float, ...]:
    return _CORRECTION_EDGES_DEG if network == Network.CORRECTION_NET else BIN_EDGES_DEG


def _per_bin(network: str, sizes_deg: Sequence[float], errors: Sequence[float]) -> dict[str, list[float]]:
    edges = _edges_deg(network)
    bins: dict[str, list[float]] = {f"{low:g}-{high:g}": [] for low, high in itertools.pairwise(edges)}
    names = list(bins)
    for size, error in zip(sizes_deg, errors, strict=True):
        index = int(np.searchsorted(edges, size, side="left")) - 1
        bins[names[min(max(index, 0), len(names) - 1)]].append(error)
    return bins


def _rotation_deg(trial: NetworkTrial, mirrored: bool) -> float:
    return trial.either_deg if mirrored else trial.rotation_deg


def _table(network: str, trials: Sequence[NetworkTrial], mirrored: bool = False) -> str:
    """Rows: kinds of brains; columns: bins of the rotation."""
    rows = []
    for label in in_order(map(_label, trials)):
        chosen = [trial for trial in trials if _label(trial) == label]
        errors = [_rotation_deg(trial, mirrored) for trial in chosen]
        bins = _per_bin(network, [trial.size_deg for trial in chosen], errors)
        rows.append([label, str(len(errors)), *map(_cell, bins.values()), _cell(errors)])
    values, names = _PAPERS.get(network, ({}, ()))
    rows += [] if mirrored else [[name, "", *(f"{v:.2f}" for v in values[name]), ""] for name in names]
    return table(["brains", "n", *_per_bin(network, (), ()), "all"], rows)


def _cell(errors: Sequence[float]) -> str:
    if not errors:
        return "-"
    found = summarize(errors)
    return (
        f"{found.mean:.2f} +- {found.standard_deviation:.2f}, median {found.median:.2f}; "
        f"{failures(errors)} failed"
    )


def _shift_table(trials: Sequence[NetworkTrial]) -> str:
    rows = []
    for label in in_order(map(_label, trials)):
        chosen = [trial for trial in trials if _label(trial) == label]
        before = summarize(trial.initial_mm for trial in chosen)
        after = summarize(trial.translation_mm for trial in chosen)
        first = "-" if math.isnan(before.mean) else f"{before.mean:.2f} +- {before.standard_deviation:.2f}"
        rows.append(
            [label, first, f"{after.mean:.2f} +- {after.standard_deviation:.2f}", f"{after.median:.2f}"]
        )
    return table(["brains", "shift before [mm]", "error of the shift or plane [mm]", "median [mm]"], rows)


def _draw_shifts(trials: Sequence[NetworkTrial], path: Path) -> bool:
    """Shifts before and after Correction-Net by the size of the rotation: figure 5 of the paper."""
    sizes = [trial.size_deg for trial in trials]
    network = str(Network.CORRECTION_NET)
    boxes = {
        "before": _per_bin(network, sizes, [trial.initial_mm for trial in trials]),
        "after Correction-Net": _per_bin(network, sizes, [trial.translation_mm for trial in trials]),
    }
    return draw_boxes(
        {"every brain": {name: list(bins.values()) for name, bins in boxes.items()}},
        list(boxes["before"]),
        path,
        "size of the rotation [degrees]",
        "error of the translation [mm]",
        limits=(0.01, 50.0),
    )


def _numbers(network: str, trials: Sequence[NetworkTrial]) -> dict[str, object]:
    """Figures of each kind of brains and of each bin; beside them those for the model card."""
    found: dict[str, object] = {
        "models": ", ".join(in_order(trial.models for trial in trials)),
        "figures for the model card": _card(network, trials),
    }
    for label in in_order(map(_label, trials)):
        chosen = [trial for trial in trials if _label(trial) == label]
        sizes = [trial.size_deg for trial in chosen]
        content = {
            "rotation [deg]": _of_bins(network, sizes, [trial.rotation_deg for trial in chosen]),
            "rotation up to the mirror image [deg]": _of_bins(
                network, sizes, [trial.either_deg for trial in chosen]
            ),
            "shift before [mm]": _of_bins(network, sizes, [trial.initial_mm for trial in chosen]),
            "error of the shift [mm]": _of_bins(network, sizes, [trial.translation_mm for trial in chosen]),
        }
        found[label] = {name: figures for name, figures in content.items() if figures["all"]}
    return found


def _of_bins(network: str, sizes_deg: Sequence[float], errors: Sequence[float]) -> dict[str, dict]:
    bins = _per_bin(network, sizes_deg, errors)
    return {"all": _figures(errors), **{name: _figures(part) for name, part in bins.items()}}


def _figures(errors: Sequence[float]) -> dict[str, float | int]:
    """Rounded to three digits after the point; empty if the network tells nothing of the kind."""
    found = summarize(errors)
    if math.isnan(found.mean):
        return {}
    return {
        "count": found.count,
        "mean": round(found.mean, 3),
        "sd": round(found.standard_deviation, 3),
        "median": round(found.median, 3),
        "max": round(found.maximum, 3),
    }


def _card(network: str, trials: Sequence[NetworkTrial]) -> dict[str, float]:
    """Name with unit -> value, for weeks 26, 31 and 35 in T2 and for the other brains."""
    found: dict[str, float] = {}
    for label in in_order(map(_label, trials)):
        chosen = [trial for trial in trials if _label(trial) == label]
        errors = [trial.rotation_deg for trial in chosen]
        name = label.replace(str(SliceGroup.ATLAS), "weeks 26, 31, 35")
        bins = _per_bin(network, [trial.size_deg for trial in chosen], errors)
        means = [float(np.mean(part)) for part in bins.values() if part]
        found[f"{name}: mean error [deg]"] = round(float(np.mean(errors)), 2)
        found[f"{name}: median error [deg]"] = round(float(np.median(errors)), 2)
        found[f"{name}: mean error in the worst bin [deg]"] = round(max(means), 2)
        found[f"{name}: failures, beyond 10 degrees [%]"] = round(100 * failures(errors) / len(errors), 1)
        if network == Network.SLICE_NET:
            either = [trial.either_deg for trial in chosen]
            found[f"{name}: mean error up to the mirror image [deg]"] = round(float(np.mean(either)), 2)
        if math.isfinite(chosen[0].translation_mm):
            shifts = [trial.translation_mm for trial in chosen]
            what = "plane" if network == Network.SLICE_NET else "shift"
            found[f"{name}: mean error of the {what} [mm]"] = round(float(np.mean(shifts)), 2)
    return found
