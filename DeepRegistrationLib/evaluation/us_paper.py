"""The triplet paper's tables, and what its network and ours reach by its protocol on other frames."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter

from DeepRegistrationLib.data.us_paper_triplets import PaperTriplets, paper_triplets
from DeepRegistrationLib.data.us_subjects import FrameSet
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.evaluation.study_tables import table
from DeepRegistrationLib.evaluation.us_trials import in_chunks
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.networks.us_triplet_net import UsTripletNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs

ANGLES_DEG = (1.0, 3.0, 5.0)
BETWEEN_DEG = (0.5, 2.0, 4.0)
"""Angles that no network of the paper was trained on."""
COLUMNS = ("-1", "+1", "-3", "+3", "-5", "+5")
TABLE_1: Mapping[str, tuple[float, ...]] = {
    "paper, 2e-4, 128 x 64": (-63.39, 65.93, -2.63, 16.02, -20.75, 22.96),
    "paper, 2e-4, 64 x 32": (-15.38, 15.57, -1.41, 17.80, -16.44, 17.55),
    "paper, 2e-5, 64 x 32": (-3.79, 4.52, -9.26, 10.31, -6.21, 5.74),
}
"""One angle per training; mean error [% of the angle]. Source: triplet paper (2020), table 1."""
TABLE_2: Mapping[str, tuple[float, ...]] = {
    "paper, 2e-4, 64 x 32": (-74.70, 59.37, -10.8, 9.38, -11.51, 10.79),
    "paper, 2e-5, 64 x 32": (-32.35, 24.95, -9.44, 30.81, -10.49, 6.86),
}
"""Angles mixed. Source: triplet paper (2020), table 2."""
_SQUARE, PAPER_SIZE = (128, 128), (64, 32)
"""Columns and rows of the frames that ours see, and of those in the paper's best rows."""
_ALIASES = 0.7
"""Deviation of the smoothing of frames that are filled in [their own pixels]; by the validation subjects."""


@dataclass(frozen=True, eq=False)
class PaperErrors:
    """Errors of one network or method in the paper's protocol.

    Attributes:
        name: for the tables.
        mixed: trained on all angles, or made for all.
        percent: column such as "-1" -> errors [% of the angle], found less true.
    """

    name: str
    mixed: bool
    percent: dict[str, np.ndarray]


def errors_of_training(
    folder: Path, frames: FrameSet, angles_deg: Sequence[float] | None = None
) -> PaperErrors:
    """Errors of a trained network of the paper on test frames.

    Args:
        folder: of `deepregistration train us-triplet-net`.
        frames: of the test subjects.
        angles_deg: None takes those that it was trained on [degrees].

    Raises:
        InputError: no finished training of that network.
    """
    try:
        recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
        network = UsTripletNet()
        network.load_state_dict(load_file(folder / "weights.safetensors"))
        angles, size = recipe["angles_deg"], (recipe["columns"], recipe["rows"])
        rate = recipe["training"]["learning_rate"]
    except (OSError, ValueError, KeyError, RuntimeError) as err:
        raise InputError(
            f"'{folder}' is no finished training of us-triplet-net ({err}). Name its output folder."
        ) from err
    network.eval()
    percent = {}
    for angle in angles_deg or angles:
        made = _test_triplets(frames, angle, size)
        with torch.no_grad():
            found = network(made.frames).euler[..., 2]
        percent |= _columns(angle, found, made.angle)
    return PaperErrors(f"its network, {rate:g}, {size[0]} x {size[1]}", len(angles) > 1, percent)


def errors_of_method(
    method: UsAnglesMethod,
    frames: FrameSet,
    network: UsAngleNet | None = None,
    size: tuple[int, int] = _SQUARE,
    angles_deg: Sequence[float] = ANGLES_DEG,
) -> PaperErrors:
    """Errors of one of our methods, which are made for any angle, on the same frames.

    Args:
        method: not "auto".
        frames: of the test subjects.
        network: instead of the installed one.
        size: columns and rows of what the method is given; smaller frames are filled in.
        angles_deg: theta [degrees].
    """
    percent, edge = {}, _SQUARE[0]
    for angle in angles_deg:
        made = _test_triplets(frames, angle, size)
        square = made.frames if size == _SQUARE else _filled_in(made.frames, edge)
        before, middle, after = (square[:, k : k + 1] for k in range(3))
        whole = square.new_ones(1, 1, edge, edge)
        pairs = FramePairs(torch.cat([before, after]), torch.cat([middle, middle]), whole)
        found = torch.cat([answer.fit.motion.angle for answer in in_chunks(pairs, method, network)])
        count = len(square)
        percent |= _columns(angle, torch.stack([found[:count], found[count:]], 1), made.angle)
    given = "" if size == _SQUARE else f", {size[0]} x {size[1]}"
    return PaperErrors(f"{method}{given}", True, percent)


def paper_table(
    paper: Mapping[str, tuple[float, ...]], ours: list[PaperErrors], columns: Sequence[str] = COLUMNS
) -> str:
    """Mean signed error as in the paper; mean absolute error in brackets for ours."""
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in paper.items()]
    for entry in ours:
        cells = [
            f"{entry.percent[c].mean():+.2f} ({np.abs(entry.percent[c]).mean():.2f})"
            if c in entry.percent
            else "-"
            for c in columns
        ]
        rows.append([entry.name, *cells])
    return table(["mean error [% of the angle]", *(f"{column} deg" for column in columns)], rows)


def joined_single(entries: list[PaperErrors]) -> list[PaperErrors]:
    """Trainings of one angle each, with the same rate and size, as one row."""
    rows: dict[str, dict[str, np.ndarray]] = {}
    for entry in entries:
        if not entry.mixed:
            rows.setdefault(entry.name, {}).update(entry.percent)
    return [PaperErrors(name, False, percent) for name, percent in rows.items()]


def signed(angles_deg: Sequence[float]) -> list[str]:
    """Names of columns: "-1", "+1", "-3" and so on."""
    return [f"{sign}{angle:g}" for angle in angles_deg for sign in "-+"]


def _filled_in(frames: torch.Tensor, edge: int) -> torch.Tensor:
    """Frames (B, 3, rows, columns) on edge x edge pixels, without what is as fine as one of their own pixels.

    Frames that were made that small hold aliases, which move the other way when the frame turns.
    """
    square = torch.nn.functional.interpolate(frames, size=(edge, edge), mode="bicubic")
    sigma = (0.0, 0.0, *(_ALIASES * edge / pixels for pixels in frames.shape[2:]))
    smooth = gaussian_filter(square.numpy(), sigma, mode="nearest")
    return torch.from_numpy(smooth)


def _test_triplets(frames: FrameSet, angle: float, size: tuple[int, int]) -> PaperTriplets:
    generator = torch.Generator().manual_seed(0)
    return paper_triplets(frames, torch.arange(len(frames)), (angle,), size, generator, vary=0.0)


def _columns(angle: float, found: torch.Tensor, true: torch.Tensor) -> dict[str, np.ndarray]:
    """Errors in % of the size of the angle, so that a positive error means a larger angle on the + side."""
    percent = (100 * (found - true) / true.abs()).numpy()
    return {f"-{angle:g}": percent[:, 0], f"+{angle:g}": percent[:, 1]}
