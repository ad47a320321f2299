"""The pictures of a bent atlas: each view before and after, slices of the bone, convergence."""

from collections.abc import Callable

import numpy as np
import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, vectors_at
from DeepRegistrationLib.geometry.grid import affine_grid
from DeepRegistrationLib.projection.labels import outline
from DeepRegistrationLib.report.canvas import FAINT, TEXT, Board
from DeepRegistrationLib.report.convergence import convergence_pictures
from DeepRegistrationLib.report.picture import Picture
from DeepRegistrationLib.report.radiograph_panels import draw_labelled, grey, resized, with_lines
from DeepRegistrationLib.workflows.biplanar_result import BiplanarResult, BiplanarView

_CELL_PX = 330
_BEFORE, _AFTER, _GIVEN = (1.0, 0.71, 0.33), (0.50, 0.90, 0.40), (0.35, 0.76, 1.0)
_GAP_PX, _TOP_PX = 10, 26
_SLICE_PX = 380
_WINDOW_HU = (-200.0, 1300.0)
_GRID = (0.9, 0.75, 0.25)
_GRID_MM = 10.0
_MOST_MM = 4.0


def biplanar_pictures(
    result: BiplanarResult, keep_going: Callable[[], object] = lambda: None
) -> list[Picture]:
    """All pictures of the report, in reading order.

    Args:
        result: of the job `biplanar`.
        keep_going: called between pictures; may raise to stop.
    """
    pictures = []
    for number, view in enumerate(result.views, 1):
        pictures.append(_view_picture(view, number))
        keep_going()
    pictures.append(_slice_picture(result))
    keep_going()
    return pictures + convergence_pictures(result.history, "radiographs and projected atlas", is_cost=True)


def _view_picture(view: BiplanarView, number: int) -> Picture:
    rows, columns = view.radiograph.camera.shape_px
    scale = _CELL_PX / max(rows, columns)
    size = (max(2, round(columns * scale)), max(2, round(rows * scale)))
    used = resized(view.radiograph.used().float(), size) > 0.99
    radiograph = grey(resized(view.radiograph.values, size), used) * np.where(used, 1.0, 0.35)
    drr_start, drr = (grey(resized(image, size), used) for image in (view.drr_start, view.drr))

    def lines(shape: torch.Tensor) -> np.ndarray:
        return outline(torch.from_numpy(resized(shape.float(), size) > 0.5)).numpy()

    before = with_lines(radiograph, lines(view.outline_start), _BEFORE)
    after = with_lines(radiograph, lines(view.shadow), _GIVEN) if view.shadow_given else radiograph
    after = with_lines(after, lines(view.outline), _AFTER)
    given = " The blue line is the shadow of the bone as it was given." if view.shadow_given else ""
    apart = "" if np.isnan(view.distance_mm) else f" Outlines at the bone: {view.distance_mm:.1f} mm apart."
    panels = [
        [("radiograph", radiograph), ("atlas before", drr_start), ("atlas after", drr)],
        [("outline before", before), ("outline after", after)],
    ]
    return Picture(
        f"view{number}",
        f"Radiograph {number}",
        "Top: the radiograph (bone bright), and that of the atlas's bone before and after it was bent. "
        f"Bottom: its outline on the radiograph before (orange) and after (green).{given}{apart}",
        draw_labelled(panels),
    )


def _slice_picture(result: BiplanarResult) -> Picture:
    """Two slices through the middle of the bone: bent atlas with the deformed grid, and the uncertainty."""
    bone = torch.nonzero(result.segmentation.values != 0).double().mean(0).flip(0).numpy()
    board = Board(4 * (_SLICE_PX * 3 // 4 + _GAP_PX) + _GAP_PX, _SLICE_PX + _TOP_PX + _GAP_PX)
    place = _GAP_PX
    for axis, name in ((1, "front"), (0, "side")):
        image = _plane(result.warped.values, axis, bone[axis])
        picture = np.clip((image - _WINDOW_HU[0]) / (_WINDOW_HU[1] - _WINDOW_HU[0]), 0, 1)
        lines = _grid_lines(result.deformation, result, axis, bone[axis])
        place = _paste(
            board, with_lines(picture, lines, (0.9, 0.75, 0.25)), place, f"{name}: bent atlas and grid"
        )
        sure = _plane(_on_warped(result), axis, bone[axis])
        label = _plane((result.segmentation.values != 0).float(), axis, bone[axis]) > 0.5
        heat = np.clip(sure / _MOST_MM, 0, 1)[..., None] * np.array([1.0, 0.45, 0.2])
        heat = np.where(label[..., None], 0.15 + 0.85 * heat, 0.25 * heat)
        place = _paste(board, heat, place, f"{name}: uncertainty")
    return Picture(
        "slices",
        "The bone in slices",
        "The bent atlas through the middle of the bone, with lines that were straight and 10 mm apart in the "
        f"atlas; and how uncertain the place of the bone is: black is sure, orange {_MOST_MM:g} mm and more.",
        board.to_png(),
    )


def _on_warped(result: BiplanarResult) -> torch.Tensor:
    """(K, J, I); uncertainty at the voxels of the warped atlas [mm]."""
    values = result.uncertainty.values[..., None]
    field = DisplacementField(values.expand(*values.shape[:3], 3), result.uncertainty.geometry)
    return vectors_at(field, _index(result))[..., 0]


def _index(result: BiplanarResult) -> torch.Tensor:
    """(K, J, I, 3); index of the field's grid at the voxels of the warped atlas."""
    geometry = result.warped.geometry
    matrix = result.deformation.geometry.ijk_from_ras @ geometry.ras_from_ijk
    return affine_grid(matrix, geometry.shape_kji).to(result.deformation.vectors.dtype)


def _grid_lines(field: DisplacementField, result: BiplanarResult, axis: int, place: float) -> np.ndarray:
    """(rows, columns) bool; where a straight grid of the atlas lies in the slice."""
    geometry = result.warped.geometry
    ras = affine_grid(geometry.ras_from_ijk, geometry.shape_kji)
    atlas = (ras + vectors_at(field, _index(result)).double()) / _GRID_MM
    cells = torch.stack([_slice(torch.floor(atlas[..., n]), axis, place) for n in range(3)])
    changed = torch.zeros(cells.shape[1:], dtype=torch.bool)
    for n in range(3):
        if n == axis:
            continue
        changed[1:] |= cells[n, 1:] != cells[n, :-1]
        changed[:, 1:] |= cells[n, :, 1:] != cells[n, :, :-1]
    return changed.flip(0).numpy()


def _plane(values: torch.Tensor, axis: int, place: float) -> np.ndarray:
    """(rows, columns); a slice, head up."""
    return _slice(values.float(), axis, place).flip(0).numpy()


def _slice(values: torch.Tensor, axis: int, place: float) -> torch.Tensor:
    return values.select(2 - axis, round(place))


def _paste(board: Board, pixels: np.ndarray, x: int, title: str) -> int:
    colours = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
    width = _SLICE_PX * 3 // 4
    scale = min(_SLICE_PX / colours.shape[0], width / colours.shape[1])
    size = (max(2, int(colours.shape[1] * scale)), max(2, int(colours.shape[0] * scale)))
    larger = np.stack([resized(torch.from_numpy(colours[..., c].copy()), size) for c in range(3)], -1)
    board.paste(np.clip(larger, 0, 1), x + (width - size[0]) // 2, _TOP_PX)
    board.write(x + width / 2, _TOP_PX / 2, title, TEXT if "grid" in title else FAINT, 10)
    return x + width + _GAP_PX
