"""Figures 3 and 4 of the paper from the trials of the study: a wrong angle, and any two angles."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

ERROR_FIGURE, MAP_FIGURE = "biplanar_wrong_angle.png", "biplanar_angles.png"
ERROR_BINS_DEG = (0.0, 2.5, 5.0, 7.5, 10.0)
_PAPER = {0.0: 0.94, 5.0: 0.90}


class AngledTrial(Protocol):
    """What the figures need of a trial."""

    first_deg: float
    second_deg: float
    dice: float


def error_deg(trial: AngledTrial) -> float:
    """By how much the second camera was off what the method was told [degrees]."""
    return abs(trial.second_deg - 90.0)


def draw_errors(curves: Mapping[str, Sequence[AngledTrial]], path: Path) -> bool:
    """Dice against the error of the second view's angle: figure 3.

    Args:
        curves: name -> trials with results.
        path: PNG file.

    Returns:
        False if there was nothing to draw; the file is not written then.
    """
    shown = {name: trials for name, trials in curves.items() if trials}
    if not shown:
        return False
    figure = _figure(1)
    axes = figure.subplots()
    for number, (name, trials) in enumerate(shown.items()):
        errors = np.array([error_deg(trial) for trial in trials])
        dice = np.array([trial.dice for trial in trials])
        axes.plot(errors, dice, ".", color=f"C{number}", alpha=0.4)
        bins = [
            ((low + high) / 2, (errors >= low) & (errors < high)) for low, high in pairwise(ERROR_BINS_DEG)
        ]
        means = [(middle, dice[within].mean()) for middle, within in bins if within.any()]
        axes.plot(*np.array(means).T, "-o", color=f"C{number}", label=f"{name}, mean of each 2.5 degrees")
    axes.plot(list(_PAPER), list(_PAPER.values()), "kx", label="paper, not corrected")
    axes.set_xlabel("second view off by [degrees]")
    axes.set_ylabel("Dice")
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=110)
    return True


def draw_maps(maps: Mapping[str, Sequence[AngledTrial]], path: Path) -> bool:
    """Dice for each pair of angles, one panel for each method: figure 4.

    Args:
        maps: name -> trials with results.
        path: PNG file.

    Returns:
        False if there was nothing to draw; the file is not written then.
    """
    shown = {name: trials for name, trials in maps.items() if trials}
    if not shown:
        return False
    dice = [trial.dice for trials in shown.values() for trial in trials]
    figure = _figure(len(shown))
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (name, trials) in zip(panels, shown.items(), strict=True):
        points = axes.scatter(
            [trial.first_deg for trial in trials],
            [trial.second_deg - 90 for trial in trials],
            c=[trial.dice for trial in trials],
            cmap="viridis",
            vmin=min(dice),
            vmax=max(dice),
            s=60,
        )
        axes.plot([-30, 30], [-30, 30], "k--", linewidth=1, label="90 degrees between the views")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("first view from the front [degrees]")
        axes.set_ylabel("second view from the side [degrees]")
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.colorbar(points, ax=panels, label="Dice")
    figure.savefig(path, dpi=110)
    return True


def _figure(panels: int) -> Figure:
    figure = Figure(figsize=(1.2 + 4.8 * panels, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
