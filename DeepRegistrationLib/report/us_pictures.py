"""Pictures of ultrasound frames: laid over each other before and after, and the angle along the sweep."""

import io
from collections.abc import Callable

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from DeepRegistrationLib.report.canvas import BACKGROUND, FAINT, TEXT, Board
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.workflows.us_aligned import aligned_frames
from DeepRegistrationLib.workflows.us_result import UsAnglesResult

_PANEL_PX, _GAP_PX, _TOP_PX = 330, 10, 34
_REGISTERED, _TRACKED, _REFUSED = "#59c2ff", "#aad94c", "#ff6b6b"


def us_pictures(result: UsAnglesResult, keep_going: Callable[[], object]) -> list[Picture]:
    """The pictures of the report, in reading order.

    Args:
        result: of the job `us-angles`.
        keep_going: may raise to stop.
    """
    pictures = [_overlay(result)]
    keep_going()
    pictures.append(_angles(result))
    return pictures


def _overlay(result: UsAnglesResult) -> Picture:
    at = result.middle
    chosen = slice(at, at + 3)
    given, aligned = result.frames.values[chosen], aligned_frames(result)[chosen]
    inside = torch.nonzero(result.sector)
    (top, left), (bottom, right) = inside.amin(0).tolist(), inside.amax(0).tolist()
    cut = (slice(top, bottom + 1), slice(left, right + 1))
    low, high = given.amin(), given.amax()
    panels = []
    for frames in (given, aligned):
        for other in (0, 2):
            pair = [((frames[index][cut] - low) / (high - low)) for index in (1, other)]
            panels.append(_colours(_resized(pair[0]), _resized(pair[1])))
    height, width = panels[0].shape[:2]
    board = Board(2 * (width + _GAP_PX) + 50, 2 * (height + _GAP_PX) + _TOP_PX)
    for number, panel in enumerate(panels):
        row, column = divmod(number, 2)
        board.paste(panel, 45 + column * (width + _GAP_PX), _TOP_PX + row * (height + _GAP_PX))
    for column, name in enumerate(("frame before", "frame after")):
        board.write(45 + column * (width + _GAP_PX) + width / 2, _TOP_PX / 2, name, FAINT, 11)
    for row, name in enumerate(("as they are", "aligned")):
        board.write(20, _TOP_PX + row * (height + _GAP_PX) + height / 2, name, TEXT, 12, rotation=90)
    before, after = result.triplets.before_deg[at, 2], result.triplets.after_deg[at, 2]
    return Picture(
        "overlay",
        f"Frames {at}, {at + 1}, {at + 2}",
        "The middle frame in green, its neighbours in magenta; what fits is grey. The frame before is "
        f"turned by {before:+.2f} degrees against the middle one, the frame after by {after:+.2f} (clockwise "
        "is positive).",
        board.to_png(),
    )


def _resized(image: torch.Tensor) -> np.ndarray:
    factor = _PANEL_PX / max(image.shape)
    size = [max(round(n * factor), 1) for n in image.shape]
    shown = torch.nn.functional.interpolate(image[None, None], size=size, mode="area")
    return shown[0, 0].clamp(0, 1).numpy() ** 0.7


def _colours(fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    return np.stack([moving, fixed, moving], -1)


def _angles(result: UsAnglesResult) -> Picture:
    pairs = result.pairs
    kept = ~pairs.refused
    summed = np.concatenate([[0.0], np.cumsum(np.where(kept, pairs.angle_deg, 0.0))])
    figure = Figure(figsize=(10.3, 3.4), dpi=100, facecolor=BACKGROUND)
    each, whole = figure.subplots(1, 2)
    number = np.arange(len(pairs.angle_deg)) + 0.5
    each.errorbar(
        number[kept],
        pairs.angle_deg[kept],
        pairs.angle_sigma_deg[kept],
        color=_REGISTERED,
        fmt="o-",
        markersize=3,
        linewidth=1.2,
        elinewidth=0.7,
        label="registered",
    )
    if (~kept).any():
        each.plot(number[~kept], pairs.angle_deg[~kept], "x", color=_REFUSED, label="refused")
    whole.plot(np.arange(len(summed)), summed, color=_REGISTERED, linewidth=1.8, label="registered")
    if result.drift is not None:
        true = result.drift.true_deg
        each.plot(number, true, color=_TRACKED, linewidth=1.2, label="tracker")
        whole.plot(
            np.arange(len(summed)),
            np.concatenate([[0.0], np.nancumsum(true)]),
            color=_TRACKED,
            linewidth=1.8,
            label="tracker",
        )
    for axes, other in ((each, "next"), (whole, "first")):
        axes.set_facecolor(BACKGROUND)
        axes.set_title(f"angle to the {other} frame [degrees]", color=TEXT, fontsize=10, loc="left")
        axes.set_xlabel("frame", color=FAINT, fontsize=9)
        axes.tick_params(colors=FAINT, labelsize=8)
        axes.grid(color=FAINT, alpha=0.25, linewidth=0.5)
        for spine in axes.spines.values():
            spine.set_color(FAINT)
        axes.legend(fontsize=8, facecolor=BACKGROUND, edgecolor=FAINT, labelcolor=TEXT)
    figure.tight_layout()
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    told = "; refused pairs count as no motion in the sum" if (~kept).any() else ""
    return Picture(
        "angles",
        "Angle along the sweep",
        f"Left: turn from each frame to the next, with the expected error. Right: their sum{told}.",
        out.getvalue(),
    )
