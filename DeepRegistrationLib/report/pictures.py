"""The pictures of a report: before and after, checkerboard, labels on the subject, convergence."""

from collections.abc import Callable, Sequence

import numpy as np

from DeepRegistrationLib.report.canvas import Panel, draw_panels
from DeepRegistrationLib.report.convergence import convergence_pictures
from DeepRegistrationLib.report.outlines import with_outlines
from DeepRegistrationLib.report.picture import LABELS, Picture
from DeepRegistrationLib.report.planes import (
    VIEWS,
    brain_region,
    plane_geometry,
    slice_of,
    to_grey,
    window,
)
from DeepRegistrationLib.report.slice_pictures import slice_pictures
from DeepRegistrationLib.workflows.result import RegistrationResult

_WIDTH_PX = 960
"""Width of a picture: fills a page, shows single voxels of 0.8 mm."""
_SQUARE_MM = 14.0
# multiplies grey: the subject's squares are warm, so that one can tell them from the atlas's
_WARM = np.array([1.0, 0.9, 0.72])


def pictures_of(result: RegistrationResult, keep_going: Callable[[], object] = lambda: None) -> list[Picture]:
    """All pictures of a registration.

    Args:
        result: the registration.
        keep_going: called between pictures; may raise to stop.

    Returns:
        The pictures in reading order; labels and convergence only if the result has labels and a history.
    """
    pictures = slice_pictures(result, keep_going) if result.matching else _volumes(result, keep_going)
    return pictures + convergence_pictures(result.history, "subject and atlas")


def _volumes(result: RegistrationResult, keep_going: Callable[[], object]) -> list[Picture]:
    scene = _Scene(result)
    pictures = []
    for draw in (_before_after, _checkerboard, _labels):
        if draw is _labels and not _has_labels(result):
            continue
        pictures.append(draw(result, scene))
        keep_going()
    return pictures


class _Scene:
    """The planes through the fixed image's brain, and both images on them."""

    def __init__(self, result: RegistrationResult) -> None:
        region = brain_region(result.fixed)
        widths_mm = sum(abs(np.dot(view.right, region.extent_mm)) for view in VIEWS)
        self.pixel_mm = float(widths_mm) / _WIDTH_PX
        self.planes = [plane_geometry(view, region, self.pixel_mm) for view in VIEWS]
        moving_from_fixed = np.linalg.inv(result.fixed_from_moving)
        moving_window = window(result.warped)
        self.fixed = [to_grey(slice_of(result.fixed, plane), window(result.fixed)) for plane in self.planes]
        self.before, self.after = (
            [to_grey(slice_of(result.moving, plane, map_), moving_window) for plane in self.planes]
            for map_ in (np.linalg.inv(result.start), moving_from_fixed)
        )
        self.moving_from_fixed = moving_from_fixed

    def panels(self, slices: Sequence[np.ndarray]) -> list[Panel]:
        return [Panel(pixels, view) for pixels, view in zip(slices, VIEWS, strict=True)]


def _before_after(result: RegistrationResult, scene: _Scene) -> Picture:
    rows = [
        ("atlas", scene.panels(scene.fixed)),
        ("before", scene.panels(scene.before)),
        ("after", scene.panels(scene.after)),
    ]
    return Picture(
        "before-after",
        "Before and after",
        "Top: the atlas. Middle: the subject as it came, its centre moved to the atlas's. Bottom: the "
        "subject after registration; it should show the anatomy of the top row, upright, in the same place.",
        draw_panels(rows, scene.pixel_mm),
    )


def _checkerboard(result: RegistrationResult, scene: _Scene) -> Picture:
    panels = []
    for fixed, after in zip(scene.fixed, scene.after, strict=True):
        square = _SQUARE_MM / scene.pixel_mm
        rows, columns = np.ogrid[: fixed.shape[0], : fixed.shape[1]]
        is_atlas = ((rows / square).astype(int) + (columns / square).astype(int)) % 2 == 0
        panels.append(np.where(is_atlas[..., None], fixed[..., None], after[..., None] * _WARM))
    return Picture(
        "checkerboard",
        "Checkerboard",
        "Grey squares: the atlas. Warm squares: the subject after registration. Where the registration is "
        "right, outlines run on across the edges of the squares.",
        draw_panels([("mixed", scene.panels(panels))], scene.pixel_mm),
    )


def _has_labels(result: RegistrationResult) -> bool:
    return result.segmentation is not None and bool(result.segments)


def _labels(result: RegistrationResult, scene: _Scene) -> Picture:
    panels = []
    voxel_px = float(result.segmentation.geometry.spacing_mm.mean()) / scene.pixel_mm
    for after, plane in zip(scene.after, scene.planes, strict=True):
        labels = slice_of(result.segmentation, plane, scene.moving_from_fixed, labels=True)
        panels.append(with_outlines(after, labels, result.segments, voxel_px))
    return Picture(
        LABELS,
        "Labels on the subject",
        "Outlines of the atlas's labels, carried onto the subject by the transform; they should follow the "
        "subject's own edges.",
        draw_panels([("labels", scene.panels(panels))], scene.pixel_mm),
    )
