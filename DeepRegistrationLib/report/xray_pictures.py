"""The pictures of a CT registered to radiographs: each view before and after, the stand, convergence."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.projection.labels import outline, silhouette
from DeepRegistrationLib.projection.projector import ProjectionSettings, project_volume
from DeepRegistrationLib.report.canvas import FAINT, TEXT, Board
from DeepRegistrationLib.report.convergence import convergence_pictures
from DeepRegistrationLib.report.edge_lines import edge_lines
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.report.radiograph_panels import grey, resized, with_lines
from DeepRegistrationLib.report.xray_stand import BONE_HU, stand_picture
from DeepRegistrationLib.workflows.xray_result import XrayCtResult, XrayView

_CELL_PX = 330
_GAP_PX, _TOP_PX = 10, 26
_SQUARES = 8
_MOST_OUTLINES = 12
"""More bones than these share one outline."""
_STEP_MM = 1.5
_AROUND, _SMALLER = 0.5, 0.7
"""What is shown around the bones, as part of their longer side; a part that is hardly smaller than the whole
radiograph is not worth it."""
_BEFORE, _AFTER = (1.0, 0.71, 0.33), (0.50, 0.90, 0.40)
# multiplies grey: the DRR's squares are warm, so that one can tell them from the radiograph's
_WARM = np.array([1.0, 0.9, 0.72])
# patient axis and sign -> letter
_LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))


def xray_pictures(result: XrayCtResult, keep_going: Callable[[], object] = lambda: None) -> list[Picture]:
    """All pictures of the report, in reading order.

    Args:
        result: of the job `xray-ct`.
        keep_going: called between pictures; may raise to stop.
    """
    pictures = []
    for number, view in enumerate(result.views, 1):
        pictures.append(_view_picture(result, _close_up(view), number))
        keep_going()
    pictures.append(stand_picture(result))
    keep_going()
    return pictures + convergence_pictures(result.history, "radiograph and projected CT")


def _close_up(view: XrayView) -> XrayView:
    """The part of a view around the bones, if they are small in it."""
    shown = torch.nonzero(view.bones > 0) if view.bones is not None else torch.zeros(0, 2)
    if len(shown) == 0:
        return view
    size = torch.tensor(view.bones.shape)
    low, high = shown.min(0).values, shown.max(0).values + 1
    around = round(_AROUND * int((high - low).max()))
    (top, left), (bottom, right) = (
        (low - around).clamp(min=0).tolist(),
        (high + around).minimum(size).tolist(),
    )
    if max(bottom - top, right - left) > _SMALLER * int(size.max()):
        return view
    part = slice(top, bottom), slice(left, right)
    if not bool(view.radiograph.used()[part].any()):
        return view
    radiograph = view.radiograph.cropped((left, top), (right - left, bottom - top))
    return replace(
        view,
        radiograph=radiograph,
        drr=view.drr[part],
        drr_start=view.drr_start[part],
        bones=view.bones[part],
    )


@dataclass(frozen=True, eq=False)
class _Cell:
    """A view at the size of the picture.

    Attributes:
        camera: of these pixels.
        used: (rows, columns) bool.
        radiograph: (rows, columns); grey, 0 to 1, darker where it is not used.
        before, after: (rows, columns); DRRs, grey.
    """

    camera: Camera
    used: np.ndarray
    radiograph: np.ndarray
    before: np.ndarray
    after: np.ndarray


def _view_picture(result: XrayCtResult, view: XrayView, number: int) -> Picture:
    cell = _cell(view)
    start, answer = (
        (result.start, "before", _BEFORE),
        (result.world_from_ct, "after", _AFTER),
    )
    overlays = [
        (f"bone edges {word}", with_lines(cell.radiograph, _lines(result, cell, pose), colour))
        for pose, word, colour in (start, answer)
    ]
    letters = _letters(view.camera_from_ct)
    letters_before = _letters(view.radiograph.camera.camera_from_world @ result.start)
    panels = [
        [
            ("radiograph", cell.radiograph, letters),
            ("DRR before", cell.before, letters_before),
            ("DRR after", cell.after, letters),
        ],
        [
            *((*overlay, letters) for overlay in overlays),
            ("checkerboard after", _checkerboard(cell), letters),
        ],
    ]
    several = f" {number}" if len(result.views) > 1 else ""
    return Picture(
        f"view{number}",
        f"Radiograph{several}",
        "Top: the radiograph (bone bright), and the radiograph computed from the CT (DRR) before and after "
        f"the registration. Bottom: edges of the CT's bones on the radiograph before (orange) and after "
        "(green); they should follow the bones. Checkerboard: grey squares are the radiograph, warm squares "
        "the DRR; outlines should run on across their edges. Residual on the detector: "
        f"{view.residual_start_mm:.1f} mm before, {view.residual_mm:.1f} mm after.",
        _draw(panels),
    )


def _cell(view: XrayView) -> _Cell:
    rows, columns = view.radiograph.camera.shape_px
    scale = _CELL_PX / max(rows, columns)
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    used = resized(view.radiograph.used().float(), size) > 0.99
    radiograph = grey(resized(view.radiograph.values, size), used)
    return _Cell(
        view.radiograph.camera.resized(size),
        used,
        radiograph * np.where(used, 1.0, 0.35),
        *(grey(resized(drr, size), used) for drr in (view.drr_start, view.drr)),
    )


def _lines(result: XrayCtResult, cell: _Cell, pose: np.ndarray) -> np.ndarray:
    """(rows, columns) bool; outlines of the bones where there are labels, else edges of what is dense."""
    settings = ProjectionSettings(step_mm=_STEP_MM)
    if result.labels is None:
        bone = result.ct.with_values((result.ct.values - BONE_HU).clamp(min=0))
        return edge_lines(project_volume(bone, cell.camera, pose, settings).cpu().numpy(), cell.used)
    values = [int(value) for value in torch.unique(result.labels.values) if value != 0]
    groups = [[value] for value in values] if len(values) <= _MOST_OUTLINES else [values]
    lines = torch.zeros(cell.camera.shape_px, dtype=torch.bool)
    for group in groups:
        lines |= outline(silhouette(result.labels, cell.camera, pose, group, settings)).cpu()
    return lines.numpy()


def _checkerboard(cell: _Cell) -> np.ndarray:
    rows, columns = np.indices(cell.radiograph.shape)
    square = max(cell.radiograph.shape) / _SQUARES
    is_radiograph = ((rows // square + columns // square) % 2 == 0)[..., None]
    return np.where(is_radiograph, cell.radiograph[..., None], cell.after[..., None] * _WARM)


def _letters(camera_from_ct: np.ndarray) -> tuple[str, str, str, str]:
    """What of the patient lies at the left, right, top and bottom of the image."""
    right, down = camera_from_ct[0, :3], camera_from_ct[1, :3]  # along columns and rows, in RAS of the CT
    towards_right, towards_bottom = _letter(right), _letter(down)
    return _letter(-right), towards_right, _letter(-down), towards_bottom


def _letter(direction: np.ndarray) -> str:
    axis = int(np.abs(direction).argmax())
    return _LETTERS[axis][int(direction[axis] > 0)]


def _draw(panels: list[list[tuple[str, np.ndarray, tuple[str, str, str, str]]]]) -> bytes:
    """Panels in rows: title, pixels, and what of the patient lies at the four edges."""
    rows, columns = panels[0][0][1].shape[:2]
    width = _GAP_PX + len(panels[0]) * (columns + _GAP_PX)
    board = Board(width, len(panels) * (rows + _TOP_PX) + _GAP_PX)
    for line, row in enumerate(panels):
        for place, (title, pixels, letters) in enumerate(row):
            x, y = _GAP_PX + place * (columns + _GAP_PX), _TOP_PX + line * (rows + _TOP_PX)
            board.paste(pixels, x, y)
            board.letters(letters, x, y, columns, rows)
            board.write(x + columns / 2, y - _TOP_PX / 2, title, FAINT if line == 0 else TEXT, 10)
    return board.to_png()
