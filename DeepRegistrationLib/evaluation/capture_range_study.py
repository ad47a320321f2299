"""The study of the capture range: report CTs, three measures, a table and a figure."""

import inspect
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from safetensors import SafetensorError, safe_open

from DeepRegistrationLib.data.xray_split import XraySplit, cts_of
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.capture_range import (
    SHARES,
    SHIFT_MM,
    TURN_DEG,
    WITHIN_DEG,
    CaptureTrial,
    capture_trials,
)
from DeepRegistrationLib.evaluation.study_tables import in_order, table
from DeepRegistrationLib.evaluation.xray_study_cts import load_study_ct
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.models.catalog import Network
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.models.registry import build_network
from DeepRegistrationLib.models.state_dict import misfit, read_state_dict
from DeepRegistrationLib.networks.xray_deep_net import XrayDeepNet
from DeepRegistrationLib.progress import Progress, Report, keep_going

MODEL = "xray-deep-net"
PAGE = "capture_range.md"
_FIGURE, _NUMBERS = "capture_range.png", "capture_range.json"


def trained_network(weights: Path | None) -> XrayDeepNet:
    """DeepNet in evaluation mode.

    Args:
        weights: of a training, or one of its checkpoints; None takes the model of the catalogue.

    Raises:
        InputError: the file is none of these, or the catalogue has no such model.
        RegistrationError: the weights of the catalogue are missing or damaged.
    """
    if weights is None:
        return load_model(MODEL, "cpu")
    network = build_network(Network.XRAY_DEEP_NET, _settings_of(weights))
    state = read_state_dict(weights)
    mistake = misfit(network, state)
    if mistake:
        raise InputError(f"The weights '{weights}' do not fit DeepNet: {mistake}. Name those of a DeepNet.")
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


def run_capture_range(
    data: Path,
    output: Path,
    target: XrayTarget,
    targets: int,
    starts: int,
    seed: int,
    network: XrayDeepNet,
    names: Sequence[str] = (),
    report: Report = keep_going,
) -> Path:
    """Measures every report CT and writes the page.

    Args:
        data: folder of the CTs (`ct-bone`).
        output: folder for the page, its figure and its numbers.
        target: what the radiographs are.
        targets: true poses per CT.
        starts: start poses around each of them at each distance.
        seed: of the poses.
        network: in evaluation mode.
        names: of CTs; empty takes all report CTs.
        report: receives progress; returns False to stop.

    Returns:
        Path of the page.

    Raises:
        InputError: a CT is missing.
        Cancelled: `report` returned False.
    """
    entries = [ct for ct in cts_of(XraySplit.REPORT) if not names or ct.name in names]
    trials: list[CaptureTrial] = []
    for number, entry in enumerate(entries):

        def advance(fraction: float, number: int = number, name: str = entry.name) -> None:
            if not report(Progress((number + fraction) / len(entries), name)):
                raise Cancelled

        study = load_study_ct(entry, data)
        trials += capture_trials(study, network, target, targets, starts, seed, advance)
    return write_capture_range(trials, target, output)


def write_capture_range(trials: Sequence[CaptureTrial], target: XrayTarget, output: Path) -> Path:
    """Page, figure and numbers of trials that were made.

    Args:
        trials: at least one.
        target: what the radiographs were.
        output: folder; made if it is missing.

    Returns:
        Path of the page.
    """
    output.mkdir(parents=True, exist_ok=True)
    (output / _NUMBERS).write_text(
        json.dumps({"figures": figures(trials), "trials": [trial.to_json() for trial in trials]}),
        encoding="utf-8",
    )
    _draw(trials, output / _FIGURE)
    cts = in_order(trial.ct for trial in trials)
    measures = in_order(trial.measure for trial in trials)
    count = len({(trial.ct, trial.target) for trial in trials})
    at_one = [trial for trial in trials if trial.share == 1]
    rows = []
    for ct in (*cts, "all"):
        for measure in measures:
            chosen = [t for t in at_one if t.measure == measure and ct in (t.ct, "all")]
            rows.append([ct, measure, *(f"{100 * f(chosen):.1f}" for f in (_both, _turn, _shift))])
    heads = ["CT", "measure", "both [%]", "turn [%]", "shift [%]"]
    per_distance = [
        [
            f"{SHIFT_MM * share:.0f} mm, {TURN_DEG * share:.0f} deg",
            *(f"{100 * _both(_at(trials, measure, share)):.1f}" for measure in measures),
        ]
        for share in SHARES
    ]
    page = output / PAGE
    page.write_text(
        "\n".join(
            [
                "# Capture range of the learned similarity\n",
                f"Radiographs: {target}. {len(cts)} CTs that nothing was trained on, {count} true poses "
                "N(0, 20 degrees), N(0, 37.5 mm); start poses around each of them in random directions. "
                "The bones of the CT are projected.\n",
                f"## Gradients within {WITHIN_DEG:.0f} degrees of the geodesic one, "
                f"{SHIFT_MM:.0f} mm and {TURN_DEG:.0f} degrees away\n",
                "By chance 25 % of the turns, 25 % of the shifts and 6 % of both would be.\n",
                table(heads, rows),
                "\n## Turn and shift both within 60 degrees, by distance [%]\n",
                table(["distance", *measures], per_distance),
                f"\n![Mean loss and direction against distance]({_FIGURE})\n",
                "Losses are between 0 at the true pose and 1 at the largest mean.\n",
            ]
        ),
        encoding="utf-8",
    )
    return page


def figures(trials: Sequence[CaptureTrial]) -> dict[str, float]:
    """What a model card tells of the network, by name with unit."""
    chosen = [t for t in trials if t.measure == in_order(t.measure for t in trials)[0] and t.share == 1]
    where = f"{SHIFT_MM:.0f} mm and {TURN_DEG:.0f} degrees away"
    return {
        f"{where}: turn and shift within {WITHIN_DEG:.0f} degrees of the geodesic gradient [%]": round(
            100 * _both(chosen), 1
        ),
        f"{where}: turn within {WITHIN_DEG:.0f} degrees [%]": round(100 * _turn(chosen), 1),
        f"{where}: shift within {WITHIN_DEG:.0f} degrees [%]": round(100 * _shift(chosen), 1),
    }


def _settings_of(weights: Path) -> dict[str, object]:
    """Arguments of the network: written into the weights, or in the recipe beside a checkpoint."""
    recipe = weights.with_name("recipe.json")
    try:
        if weights.suffix == ".safetensors":
            with safe_open(weights, "pt") as file:
                return json.loads((file.metadata() or {})["settings"])
        known = inspect.signature(XrayDeepNet).parameters
        return {
            key: value
            for key, value in json.loads(recipe.read_text(encoding="utf-8")).items()
            if key in known
        }
    except (OSError, SafetensorError, KeyError, ValueError) as err:
        raise InputError(
            f"What network the weights '{weights}' belong to is not known ({err}). Name weights.safetensors "
            "or last.ckpt in the folder of a training."
        ) from err


def _at(trials: Sequence[CaptureTrial], measure: str, share: float) -> list[CaptureTrial]:
    return [trial for trial in trials if trial.measure == measure and trial.share == share]


def _both(trials: Sequence[CaptureTrial]) -> float:
    return float(np.mean([max(t.turn_deg, t.shift_deg) < WITHIN_DEG for t in trials]))


def _turn(trials: Sequence[CaptureTrial]) -> float:
    return float(np.mean([t.turn_deg < WITHIN_DEG for t in trials]))


def _shift(trials: Sequence[CaptureTrial]) -> float:
    return float(np.mean([t.shift_deg < WITHIN_DEG for t in trials]))


def _draw(trials: Sequence[CaptureTrial], path: Path) -> None:
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    for measure in in_order(trial.measure for trial in trials):
        at = [_at(trials, measure, share) for share in SHARES]
        losses = [0.0, *(float(np.mean([t.loss - t.loss_at_target for t in group])) for group in at)]
        left.plot([0.0, *SHARES], np.array(losses) / max(losses), marker=".", label=measure)
        right.plot(SHARES, [100 * _both(group) for group in at], marker=".", label=measure)
    left.set_ylabel("mean loss")
    right.set_ylabel(f"turn and shift within {WITHIN_DEG:.0f} degrees [%]")
    right.set_ylim(0, 100)
    for axes in (left, right):
        _label_distances(axes)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


def _label_distances(axes: Axes) -> None:
    shown = (0.0, 0.5, 1.0, 1.5, 2.0)
    axes.set_xticks(shown, [f"{SHIFT_MM * s:.0f} mm\n{TURN_DEG * s:.0f} deg" for s in shown])
    axes.set_xlabel("distance from the true pose")
