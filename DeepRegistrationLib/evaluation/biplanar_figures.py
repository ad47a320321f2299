"""Figures 3 and 4 of the paper from the trials of the study: a wrong angle, and any two angles."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from DeepRegistrationLib.evaluation.biplanar_trials import BiplanarSetup, BiplanarTrial

ERROR_FIGURE, MAP_FIGURE = "biplanar_wrong_angle.png", "biplanar_angles.png"
ERROR_BINS_DEG = (0.0, 2.5, 5.0, 7.5, 10.0)
_PAPER = {0.0: 0.94, 5.0: 0.90}
_CURVES = {
    BiplanarSetup.DRAWN_ERROR: ("not corrected", "C3"),
    BiplanarSetup.DRAWN_ERROR_CORRECTED: ("corrected", "C0"),
}


def error_deg(trial: BiplanarTrial) -> float:
    """By how much the second camera was off what the method was told [degrees]."""
    return abs(trial.second_deg - 90.0)


def draw_biplanar_figures(trials: Sequence[BiplanarTrial], output: Path) -> list[str]:
    """Draws what there are trials for.

    Args:
        trials: of one method, with results.
        output: folder.

    Returns:
        Names of the files.
    """
    drawn = []
    curves = [trial for trial in trials if trial.setup in tuple(_CURVES)]
    if curves:
        _save(lambda axes: _draw_errors(axes, curves), output / ERROR_FIGURE)
        drawn.append(ERROR_FIGURE)
    pairs = [trial for trial in trials if trial.setup == BiplanarSetup.ANY_ANGLES]
    if pairs:
        _save(lambda axes: _draw_map(axes, pairs), output / MAP_FIGURE)
        drawn.append(MAP_FIGURE)
    return drawn


def _draw_errors(axes: Axes, trials: Sequence[BiplanarTrial]) -> None:
    for setup, (name, colour) in _CURVES.items():
        chosen = [trial for trial in trials if trial.setup == setup]
        if not chosen:
            continue
        errors = np.array([error_deg(trial) for trial in chosen])
        dice = np.array([trial.dice for trial in chosen])
        axes.plot(errors, dice, ".", color=colour, alpha=0.5)
        bins = [
            ((low + high) / 2, (errors >= low) & (errors < high)) for low, high in pairwise(ERROR_BINS_DEG)
        ]
        means = [(middle, dice[within].mean()) for middle, within in bins if within.any()]
        axes.plot(*np.array(means).T, "-o", color=colour, label=f"{name}, mean of each 2.5 degrees")
    axes.plot(list(_PAPER), list(_PAPER.values()), "kx", label="paper, not corrected")
    axes.set_xlabel("second view off by [degrees]")
    axes.set_ylabel("Dice")
    axes.legend(frameon=False, fontsize=8)


def _draw_map(axes: Axes, trials: Sequence[BiplanarTrial]) -> None:
    shown = axes.scatter(
        [trial.first_deg for trial in trials],
        [trial.second_deg - 90 for trial in trials],
        c=[trial.dice for trial in trials],
        cmap="viridis",
        s=60,
    )
    axes.plot([-30, 30], [-30, 30], "k--", linewidth=1, label="90 degrees between the views")
    axes.set_xlabel("first view from the front [degrees]")
    axes.set_ylabel("second view from the side [degrees]")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.figure.colorbar(shown, ax=axes, label="Dice")


def _save(draw: Callable[[Axes], None], path: Path) -> None:
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    draw(figure.subplots())
    figure.savefig(path, dpi=110)
