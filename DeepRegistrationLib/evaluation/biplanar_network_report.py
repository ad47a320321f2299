"""The tables and figures of the study of the biplanar networks, from its trials."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import ttest_rel

from DeepRegistrationLib.evaluation.biplanar_figures import draw_errors, draw_maps
from DeepRegistrationLib.evaluation.biplanar_measures import FAILED_DICE
from DeepRegistrationLib.evaluation.biplanar_network_answers import NetworkVariant
from DeepRegistrationLib.evaluation.biplanar_network_trials import BiplanarNetworkTrial
from DeepRegistrationLib.evaluation.biplanar_report import ERROR_TITLE, MAP_TITLE, TITLES, fitted
from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup, BiplanarStudyMethod, BiplanarTrial
from DeepRegistrationLib.evaluation.study_tables import in_order, table

ERROR_FIGURE, MAP_FIGURE = "biplanar_networks_wrong_angle.png", "biplanar_networks_angles.png"
_ABLATIONS = {
    NetworkVariant.NOT_TOGETHER: "affine part significantly worse, result unaffected",
    NetworkVariant.NO_SKIPS: "worse (p = 1e-3)",
    NetworkVariant.ONE_DECODER: "affine part and result worse, highly significantly",
    NetworkVariant.NO_INVERSE_PROJECTION: "worse (p < 1e-16)",
}
_PAPER = {
    (BiplanarSetup.ORTHOGONAL, NetworkVariant.BOTH): "0.94, ASSD 0.84 mm",
    (BiplanarSetup.ORTHOGONAL, NetworkVariant.SDM): "less than both modules (p = 1e-30)",
    (BiplanarSetup.ORTHOGONAL, NetworkVariant.LABELS): "more than both modules (p = 4e-4)",
    (BiplanarSetup.ANY_ANGLES, NetworkVariant.BOTH): "0.923 +- 0.033",
    (BiplanarSetup.WRONG_ANGLE, NetworkVariant.BOTH): "0.90",
}
_HEAD = (
    "patients",
    "network",
    "n",
    "Dice mean",
    "median",
    "Jaccard",
    "ASSD mean [mm]",
    "median",
    "HD95 median [mm]",
    "SSIM",
    "failed",
    "folded voxels",
    "time [s]",
    "paper's Dice",
)
_INTRODUCTION = (
    "The same patients and radiographs as in the study of the fit (`evaluate biplanar`). A network answers "
    "in one pass; nothing is refined, and no camera is corrected. *SSIM* is the structural similarity of the "
    "warped atlas and the true CT, both masked to the bone (2000 HU). *Failed* is a Dice below "
    f"{FAILED_DICE:g}. The paper's figures are those of its text."
)
_POSE = (
    "*Against the best map*: the similarity map that fits the atlas best to the true CT, by the correlation "
    "that the networks are trained with. *Against the turn*: the rotation with which the synthetic patient "
    "was made; bones of different people are not parallel in the same frame, so the best map differs from it."
)


def write_biplanar_network_report(
    trials: Sequence[BiplanarNetworkTrial], fits: Sequence[BiplanarTrial], output: Path
) -> Path:
    """Writes `biplanar_networks.md`.

    Args:
        trials: of any networks and setups.
        fits: of the study of the fit, drawn beside; may be empty.
        output: folder.

    Returns:
        Path of `biplanar_networks.md`.
    """
    sections = ["# Biplanar networks: the study", _INTRODUCTION]
    for setup in BiplanarSetup:
        chosen = [
            trial for trial in trials if trial.setup == setup and trial.variant not in tuple(_ABLATIONS)
        ]
        if chosen:
            sections += [f"## {TITLES[setup]}", _table(setup, chosen)]
    orthogonal = [trial for trial in trials if trial.setup == BiplanarSetup.ORTHOGONAL]
    sections += ["## Affine part", _POSE, _pose_table(orthogonal)]
    sections += ["## Ablations", _ablations(orthogonal), *_figures(trials, fits, output)]
    path = output / "biplanar_networks.md"
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return path


def _table(setup: BiplanarSetup, trials: Sequence[BiplanarNetworkTrial]) -> str:
    rows = []
    for group in in_order(trial.group for trial in trials):
        for method in in_order(trial.method for trial in trials):
            chosen = [trial for trial in trials if (trial.group, trial.method) == (group, method)]
            if chosen:
                paper = _PAPER.get((setup, NetworkVariant(chosen[0].variant)), "-")
                rows.append([group, method, *_cells(chosen), paper])
    return table(list(_HEAD), rows)


def _cells(trials: Sequence[BiplanarNetworkTrial]) -> list[str]:
    dice = _values(trials, "dice")
    return [
        str(len(trials)),
        f"{dice.mean():.3f}",
        f"{np.median(dice):.3f}",
        _mean(trials, "jaccard"),
        _mean(trials, "assd_mm", 2),
        f"{np.median(_values(trials, 'assd_mm')):.2f}",
        f"{np.median(_values(trials, 'hausdorff_mm')):.2f}",
        _mean(trials, "ssim"),
        str(int((dice < FAILED_DICE).sum())),
        str(sum(trial.folded for trial in trials)),
        f"{np.median(_values(trials, 'seconds')):.2f}",
    ]


def _pose_table(trials: Sequence[BiplanarNetworkTrial]) -> str:
    rows = []
    posed = [trial for trial in trials if np.isfinite(trial.rotation_deg)]
    for group in in_order(trial.group for trial in posed):
        for method in in_order(trial.method for trial in posed):
            chosen = [trial for trial in posed if (trial.group, trial.method) == (group, method)]
            if chosen:
                errors = _values(chosen, "rotation_deg")
                numbers = [f"{value:.2f}" for value in (errors.mean(), np.median(errors), errors.max())]
                cells = [_mean(chosen, "affine_dice"), *numbers, _mean(chosen, "turn_deg", 2)]
                rows.append([group, method, str(len(chosen)), *cells])
    head = ["patients", "network", "n", "Dice", "against the best map: mean [deg]", "median", "worst"]
    return table([*head, "against the turn: mean [deg]"], rows)


def _ablations(trials: Sequence[BiplanarNetworkTrial]) -> str:
    """Each ablation against the first network of both modules, on the same patients, by a paired t-test."""
    both = [trial for trial in trials if trial.variant == NetworkVariant.BOTH]
    whole = {trial.case: trial for trial in both if trial.method == both[0].method}
    rows = []
    if whole:
        chosen = list(whole.values())
        cells = [_mean(chosen, "dice"), _mean(chosen, "affine_dice")]
        rows.append([f"{both[0].method}: {NetworkVariant.BOTH}", str(len(chosen)), *cells, "-", "-", "0.94"])
    for variant, paper in _ABLATIONS.items():
        chosen = [trial for trial in trials if trial.variant == variant and trial.case in whole]
        if chosen:
            paired = [np.array([t.dice, whole[t.case].dice]) for t in chosen]
            found, reference = np.array(paired).T
            p = f"{ttest_rel(found, reference).pvalue:.1g}" if len(chosen) > 2 else "-"
            cells = [_mean(chosen, "dice"), _mean(chosen, "affine_dice")]
            rows.append([variant, str(len(chosen)), *cells, f"{(found - reference).mean():+.3f}", p, paper])
    return table(["network", "n", "Dice", "affine part", "change of Dice", "p", "paper"], rows)


def _figures(
    trials: Sequence[BiplanarNetworkTrial], fits: Sequence[BiplanarTrial], output: Path
) -> list[str]:
    """The fit, and the networks of both modules."""
    names = in_order(trial.method for trial in trials if trial.variant == NetworkVariant.BOTH)

    def of_networks(setup: BiplanarSetup) -> dict[str, list[BiplanarNetworkTrial]]:
        return {name: [t for t in trials if (t.method, t.setup) == (name, setup)] for name in names}

    curves = {
        **of_networks(BiplanarSetup.DRAWN_ERROR),
        "auto": fitted(fits, BiplanarSetup.DRAWN_ERROR, BiplanarStudyMethod.AUTO),
        "auto, corrected": fitted(fits, BiplanarSetup.DRAWN_ERROR_CORRECTED, BiplanarStudyMethod.AUTO),
    }
    by_fit = fitted(fits, BiplanarSetup.ANY_ANGLES, BiplanarStudyMethod.AUTO)
    maps = {**of_networks(BiplanarSetup.ANY_ANGLES), "auto": by_fit}
    drawn = []
    if draw_errors(curves, output / ERROR_FIGURE):
        drawn.append(f"![{ERROR_TITLE}]({ERROR_FIGURE})")
    if draw_maps(maps, output / MAP_FIGURE):
        drawn.append(f"![{MAP_TITLE}]({MAP_FIGURE})")
    return ["## Angles", *drawn] if drawn else []


def _values(trials: Sequence[BiplanarNetworkTrial], name: str) -> np.ndarray:
    """(N,) without what is not known."""
    values = np.array([getattr(trial, name) for trial in trials], dtype=np.float64)
    return values[np.isfinite(values)]


def _mean(trials: Sequence[BiplanarNetworkTrial], name: str, digits: int = 3) -> str:
    values = _values(trials, name)
    return f"{values.mean():.{digits}f}" if len(values) else "-"
