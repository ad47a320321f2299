"""Box plots of errors, one colour per method."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from DeepRegistrationLib.evaluation.metrics import FAILURE_DEG

_SMALLEST_SHOWN_DEG = 0.01
Boxes = Mapping[str, Sequence[Sequence[float]]]
"""Name of a method -> errors in each place along the horizontal axis."""


def draw_boxes(
    panels: Mapping[str, Boxes],
    places: Sequence[str],
    path: Path,
    horizontal: str,
    vertical: str = "rotation error [degrees]",
    marks: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    limits: tuple[float, float] = (_SMALLEST_SHOWN_DEG, 200.0),
) -> bool:
    """Draws one panel below the other, with a logarithmic axis.

    Boxes reach from quartile to quartile, whiskers at most 1.5 times that length further; the line is the
    median.

    Args:
        panels: title -> boxes; a panel without errors is left out.
        places: names along the horizontal axis.
        path: PNG file to write.
        horizontal: title of the horizontal axis.
        vertical: title of the vertical axis.
        marks: title -> name -> one value for each place, drawn as crosses: the paper's means.
        limits: of the vertical axis.

    Returns:
        False if there was no error to draw; the file is not written then.
    """
    shown = {
        title: {name: boxes for name, boxes in panel.items() if any(len(box) for box in boxes)}
        for title, panel in panels.items()
    }
    shown = {title: panel for title, panel in shown.items() if panel}
    if not shown:
        return False
    figure = Figure(figsize=(9, 0.8 + 3.8 * len(shown)), layout="constrained")
    colours = list(dict.fromkeys(name for panel in shown.values() for name in panel))
    for axes, (title, panel) in zip(
        figure.subplots(len(shown), squeeze=False)[:, 0], shown.items(), strict=True
    ):
        _draw_panel(axes, panel, {name: f"C{colours.index(name)}" for name in panel}, limits)
        for number, (name, values) in enumerate((marks or {}).get(title, {}).items()):
            marker = "x+1234"[number % 6]
            axes.plot(range(len(values)), values, marker, color="black", markersize=6, label=name)
        if "deg" in vertical:
            axes.axhline(FAILURE_DEG, color="grey", linestyle=":", linewidth=1)
        axes.set_xticks(range(len(places)), places)
        axes.set_xlim(-0.5, len(places) - 0.5)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel(horizontal)
        axes.set_ylabel(vertical)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)
    return True


def _draw_panel(axes: Axes, panel: Boxes, colours: Mapping[str, str], limits: tuple[float, float]) -> None:
    width = 0.8 / max(len(panel), 1)
    for index, (name, boxes) in enumerate(panel.items()):
        axes.boxplot(
            [np.maximum([error for error in box if np.isfinite(error)], limits[0]) for box in boxes],
            positions=np.arange(len(boxes)) + (index - (len(panel) - 1) / 2) * width,
            widths=0.85 * width,
            patch_artist=True,
            boxprops={"facecolor": colours[name], "alpha": 0.5},
            medianprops={"color": "black"},
            flierprops={"marker": ".", "markeredgecolor": colours[name], "markersize": 4},
            manage_ticks=False,
        )
        axes.plot([], [], color=colours[name], linewidth=8, alpha=0.5, label=name)
    # limits first: without a single box the scale could not find any by itself
    axes.set_ylim(*limits)
    axes.set_yscale("log")
    ticks = [tick for tick in (0.01, 0.1, 1, 10, 100) if limits[0] <= tick <= limits[1]]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
