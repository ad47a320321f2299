"""The pictures of a slice's report: the slice beside the matching atlas slice, both mixed, labels on it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.crop import box_around, cropped_geometry
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.slices import one_slice
from DeepRegistrationLib.report.canvas import Panel, draw_panels
from DeepRegistrationLib.report.outlines import with_outlines
from DeepRegistrationLib.report.picture import LABELS, Picture
from DeepRegistrationLib.report.planes import View, slice_of, to_grey, window
from DeepRegistrationLib.workflows.result import RegistrationResult
from DeepRegistrationLib.workflows.slice_hypotheses import is_open

_WIDTH_PX = 960
_SQUARE_MM = 14.0
_MARGIN_MM = 6.0
_SHOWN_SLICES = 4
"""Of a stack so many slices are shown, evenly spread."""
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))
# multiplies grey: the slice's squares are warm, so that one can tell them from the atlas's
_WARM = np.array([1.0, 0.9, 0.72])


@dataclass(frozen=True, eq=False)
class _Shown:
    """One slice on a fine grid of square pixels.

    Attributes:
        plane: the grid; i to the right, j down.
        view: title, and what lies at the edges.
        grey: (rows, columns); the slice, 0 to 1.
        matching: (rows, columns); the atlas there, 0 to 1.
    """

    plane: VolumeGeometry
    view: View
    grey: np.ndarray
    matching: np.ndarray


def slice_pictures(result: RegistrationResult, keep_going: Callable[[], object]) -> list[Picture]:
    """Pictures of one slice or of some slices of a stack.

    Args:
        result: of the job `fetal-slice`.
        keep_going: called between pictures; may raise to stop.

    Returns:
        The pictures in reading order.
    """
    numbers = _numbers(result)
    shape = _plane(result, numbers[0], 1.0).extent_mm
    pixel_mm = float(shape[0]) * len(numbers) / _WIDTH_PX if len(numbers) > 1 else float(shape[0]) / 420
    atlas_window, slice_window = window(result.fixed), window(result.moving)
    shown = []
    for number in numbers:
        plane = _plane(result, number, pixel_mm)
        shown.append(
            _Shown(
                plane,
                _view(result, plane, f"slice {number}" if len(numbers) > 1 else "slice"),
                to_grey(slice_of(one_slice(result.moving, number), plane), slice_window),
                to_grey(slice_of(one_slice(result.matching, number), plane), atlas_window),
            )
        )
        keep_going()
    pictures = [_beside(result, shown, pixel_mm), _checkerboard(shown, pixel_mm)]
    keep_going()
    if is_open(result.hypotheses) and len(shown) == 1:
        pictures.append(_both_poses(result, shown[0], atlas_window, pixel_mm))
    if result.segmentation is not None and result.segments:
        pictures.append(_labels(result, shown, numbers, pixel_mm))
    keep_going()
    return pictures


def _numbers(result: RegistrationResult) -> list[int]:
    """Slices that are shown: the only one, or some spread over those that show the brain."""
    if not result.slices:
        return [0]
    every = [entry.index for entry in result.slices]
    places = np.linspace(0, len(every) - 1, min(_SHOWN_SLICES, len(every)) + 2)[1:-1]
    return list(dict.fromkeys(every[round(place)] for place in places))


def _plane(result: RegistrationResult, number: int, pixel_mm: float) -> VolumeGeometry:
    """Square pixels over the part of the slice where the atlas is."""
    matching = result.matching.values
    content = (matching > matching.min() + 0.05 * (matching.max() - matching.min())).any(0, keepdim=True)
    if not bool(content.any()):
        content = torch.ones_like(content)
    part = one_slice(result.moving, number).geometry
    box = box_around(content, part, _MARGIN_MM)
    geometry = cropped_geometry(part, (slice(0, 1), box[1], box[2]))
    columns, rows = (max(8, round(extent / pixel_mm)) for extent in geometry.extent_mm[:2])
    matrix = geometry.ras_from_ijk.copy()
    matrix[:3, 0] *= pixel_mm / geometry.spacing_mm[0]
    matrix[:3, 1] *= pixel_mm / geometry.spacing_mm[1]
    matrix[:3, 3] = geometry.centre_ras - matrix[:3, 0] * (columns - 1) / 2 - matrix[:3, 1] * (rows - 1) / 2
    return VolumeGeometry((1, rows, columns), matrix)


def _view(result: RegistrationResult, plane: VolumeGeometry, name: str) -> View:
    """Letters of the patient's directions, as the pose tells them."""
    turn = result.fixed_from_moving[:3, :3]
    right, down = (turn @ (plane.ras_from_ijk[:3, axis] / plane.spacing_mm[axis]) for axis in (0, 1))
    left_letter, right_letter = _letters(right)
    top_letter, bottom_letter = _letters(down)
    return View(name, tuple(right), tuple(down), (left_letter, right_letter, top_letter, bottom_letter))


def _letters(direction: np.ndarray) -> tuple[str, str]:
    """What lies where a direction comes from and where it goes to."""
    axis = int(np.abs(direction).argmax())
    low, high = _LETTERS[axis]
    return (low, high) if direction[axis] > 0 else (high, low)


def _beside(result: RegistrationResult, shown: list[_Shown], pixel_mm: float) -> Picture:
    slices = [Panel(entry.grey, entry.view) for entry in shown]
    atlas = [Panel(entry.matching, _named(entry.view, "matching atlas slice")) for entry in shown]
    rows = [("", [*slices, *atlas])] if len(shown) == 1 else [("slices", slices), ("atlas", atlas)]
    caption = (
        "Left: the slice. Right: the atlas where the slice was found; both should show the same anatomy. "
        if len(shown) == 1
        else "Top: slices of the stack. Bottom: the atlas where each was found; both should show the same "
        "anatomy. "
    )
    return Picture(
        "slice-and-atlas",
        "Slice and matching atlas slice",
        caption + "Letters name the patient's directions as the pose tells them.",
        draw_panels(rows, pixel_mm),
    )


def _checkerboard(shown: list[_Shown], pixel_mm: float) -> Picture:
    panels = []
    for entry in shown:
        square = _SQUARE_MM / pixel_mm
        rows, columns = np.ogrid[: entry.grey.shape[0], : entry.grey.shape[1]]
        is_atlas = ((rows / square).astype(int) + (columns / square).astype(int)) % 2 == 0
        mixed = np.where(is_atlas[..., None], entry.matching[..., None], entry.grey[..., None] * _WARM)
        panels.append(Panel(mixed, entry.view))
    return Picture(
        "checkerboard",
        "Checkerboard",
        "Grey squares: the atlas. Warm squares: the slice. Where the pose is right, outlines run on across "
        "the edges of the squares.",
        draw_panels([("mixed", panels)], pixel_mm),
    )


def _both_poses(
    result: RegistrationResult, entry: _Shown, atlas_window: tuple[float, float], pixel_mm: float
) -> Picture:
    """The atlas at the second pose too."""
    first, second = result.hypotheses[:2]
    sized = np.linalg.inv(first.matrix) @ result.transforms["atlas_from_slice_with_scale"].matrix
    other = to_grey(slice_of(result.fixed, entry.plane, second.matrix @ sized), atlas_window)
    panels = [
        Panel(entry.matching, _named(entry.view, f"first pose, {100 * first.probability:.0f} %")),
        Panel(other, _named(entry.view, f"second pose, {100 * second.probability:.0f} %")),
    ]
    return Picture(
        "both-poses",
        "Two poses that fit",
        "The atlas at both mirrored poses. In the second one the patient's left and right are exchanged; the "
        "letters are those of the first.",
        draw_panels([("atlas", panels)], pixel_mm),
    )


def _labels(result: RegistrationResult, shown: list[_Shown], numbers: list[int], pixel_mm: float) -> Picture:
    panels = []
    voxel_px = float(result.moving.geometry.spacing_mm[:2].mean()) / pixel_mm
    for entry, number in zip(shown, numbers, strict=True):
        part = one_slice(result.segmentation, number)
        labels = resample(part, entry.plane, labels=True).values[0].cpu().numpy()
        panels.append(Panel(with_outlines(entry.grey, labels, result.segments, voxel_px), entry.view))
    return Picture(
        LABELS,
        "Labels on the slice",
        "Outlines of the atlas's labels on the slice; they should follow the slice's own edges.",
        draw_panels([("labels", panels)], pixel_mm),
    )


def _named(view: View, name: str) -> View:
    return View(name, view.right, view.down, view.letters)
