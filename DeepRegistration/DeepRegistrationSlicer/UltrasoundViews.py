"""Views of ultrasound frames: three of them over each other, or a sweep in 3D with the plot of its angles."""

from collections.abc import Sequence

import numpy as np
import slicer

from DeepRegistrationSlicer.LayoutViews import layoutNode, viewNode, viewText
from DeepRegistrationSlicer.MrmlBridge import matrixOf, matrixToWorld, rasFromIjk
from DeepRegistrationSlicer.MrmlPlots import CHART
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf
from DeepRegistrationSlicer.ResultNodes import MOVES, ResultNodes
from DeepRegistrationSlicer.UltrasoundResultLoader import CARDS, REFUSED, SECOND_TRANSFORM
from DeepRegistrationSlicer.ViewAiming import aimCamera, clearBackground, cutAlong, lookAtImage, unit

SLICE_VIEWS = ("UltrasoundBefore", "UltrasoundAfter")
"""Of three frames: the frame before, and the one after, over the middle one. A sweep has the first alone."""
THREE_D_VIEW, PLOT_VIEW = "Ultrasound3D", "UltrasoundPlot"

_LAYOUT = 31823
_OF_TRIPLET, _OF_SWEEP = _LAYOUT, _LAYOUT + 1
_GROUP = 31823
_COLORS = ("#58C2FF", "#FFB554")
_OPACITY = 0.5
# share of the line of sight along the frames' normal, across them and from above
_ALONG, _ACROSS, _ABOVE = 0.6, 0.75, 0.35
_DISTANCE = 1.9
_TRIPLET_PAGE = """<layout type="vertical" split="true"><item splitSize="550"><layout type="horizontal">
<item>{before}</item><item>{after}</item></layout></item><item splitSize="450">{threeD}</item></layout>"""
_SWEEP_PAGE = """<layout type="horizontal" split="true"><item splitSize="550">{threeD}</item>
<item splitSize="450"><layout type="vertical" split="true"><item splitSize="550">{frame}</item>
<item splitSize="450">{plot}</item></layout></item></layout>"""


def registerUltrasoundLayouts() -> None:
    """Makes the arrangements of views known to Slicer, so that scenes saved with one of them open."""
    layout = layoutNode()
    for number, description in ((_OF_TRIPLET, _tripletPage()), (_OF_SWEEP, _sweepPage())):
        if layout is not None and not layout.IsLayoutDescription(number):
            layout.AddLayoutDescription(number, description)


def isSweep(result: ResultNodes) -> bool:
    """False for three frames of their own."""
    subject = result.subject
    return subject is not None and (subject.IsA("vtkMRMLSequenceNode") or dimensionsOf(subject)[2] > 1)


def areSweepViewsShown() -> bool:
    """True while the views of a sweep are in the layout."""
    layout = layoutNode()
    return layout is not None and layout.GetViewArrangement() == _OF_SWEEP


def showUltrasound(result: ResultNodes) -> None:
    """Arranges the views and shows a result where its frames stand now."""
    registerUltrasoundLayouts()
    if layoutNode() is not None:
        layoutNode().SetViewArrangement(_OF_SWEEP if isSweep(result) else _OF_TRIPLET)
    showFrames(result, SLICE_VIEWS)
    if isSweep(result):
        chart = result.more.get(CHART)
        view = viewNode("vtkMRMLPlotViewNode", PLOT_VIEW)
        view.SetPlotChartNodeID(chart.GetID() if chart is not None else None)
    _look(result)


def showFrames(result: ResultNodes, views: Sequence[str]) -> tuple[str, ...]:
    """Shows frames where they stand now.

    Args:
        result: of ultrasound.
        views: names of slice views, two at least.

    Returns:
        Those that are used: of a sweep the first shows its current frame; of three frames one shows the frame
        before and one the frame after, each over the middle one.
    """
    if isSweep(result):
        frame = _frame(result) or result.warped
        _show(views[0], frame, None)
        if frame is not None:
            _cut(result, views[0], *_planeOfFrame(result, frame))
        return tuple(views[:1])
    middle = result.subject
    transforms = (result.transform, result.more.get(SECOND_TRANSFORM))
    for name, transform in zip(views[:2], transforms, strict=True):
        other = transform.GetNodeReference(MOVES) if transform is not None else None
        _show(name, middle, other)
        plane = matrixToWorld(middle) @ rasFromIjk(middle)
        _cut(result, name, plane, dimensionsOf(middle)[:2])
    return tuple(views[:2])


def placeFrameView(result: ResultNodes) -> None:
    """Lets the slice view of a sweep cut where the current frame stands; the image in it does not turn."""
    frame = _frame(result)
    if frame is not None:
        cutAlong(viewNode("vtkMRMLSliceNode", SLICE_VIEWS[0]), *_planeOfFrame(result, frame))


def _cut(result: ResultNodes, name: str, rasFromIjk: np.ndarray, size: tuple[int, int]) -> None:
    view = viewNode("vtkMRMLSliceNode", name)
    lookAtImage(view, rasFromIjk, size)
    # its black border would hide the frames in 3D
    view.SetSliceVisible(CARDS not in result.more)


def _show(
    name: str, background: slicer.vtkMRMLVolumeNode | None, foreground: slicer.vtkMRMLVolumeNode | None
) -> None:
    composite = viewNode("vtkMRMLSliceCompositeNode", name)
    composite.SetBackgroundVolumeID(background.GetID() if background is not None else None)
    composite.SetForegroundVolumeID(foreground.GetID() if foreground is not None else None)
    composite.SetLabelVolumeID(None)
    composite.SetForegroundOpacity(_OPACITY)


def _frame(result: ResultNodes) -> slicer.vtkMRMLVolumeNode | None:
    """The image that plays the sweep."""
    return result.transform.GetNodeReference(MOVES) if result.transform is not None else None


def _planeOfFrame(result: ResultNodes, frame: slicer.vtkMRMLVolumeNode) -> tuple[np.ndarray, tuple[int, int]]:
    """World RAS [mm] from the index of a frame that is moved along its normal, but neither turned nor shifted
    within its plane; columns and rows.
    """
    grid, size = rasFromIjk(frame), dimensionsOf(frame)[:2]
    if not result.isApplied():
        return matrixToWorld(frame) @ grid, size
    normal = unit(np.cross(grid[:3, 0], grid[:3, 1]))
    moved = matrixOf(result.transform)
    along = np.eye(4)
    along[:3, 3] = normal * (normal @ (moved[:3, :3] @ grid[:3, 3] + moved[:3, 3] - grid[:3, 3]))
    return matrixToWorld(result.transform) @ along @ grid, size


def _look(result: ResultNodes) -> None:
    clearBackground(THREE_D_VIEW)
    nodes = [result.more[role] for role in (CARDS, REFUSED) if role in result.more]
    frame = result.subject if not isSweep(result) else _frame(result) or result.warped
    if not nodes or frame is None:
        return
    grid = matrixToWorld(nodes[0]) @ rasFromIjk(frame)
    across, up = unit(grid[:3, 0]), -unit(grid[:3, 1])
    # from before the first frame: against the normal, which points away from the viewer
    towards = -unit(np.cross(grid[:3, 0], grid[:3, 1]))
    aimCamera(THREE_D_VIEW, nodes, _ALONG * towards + _ACROSS * across + _ABOVE * up, up, _DISTANCE)


def _tripletPage() -> str:
    before, after = (
        viewText("vtkMRMLSliceNode", name, label, _GROUP, color)
        for name, label, color in zip(SLICE_VIEWS, ("Before", "After"), _COLORS, strict=True)
    )
    return _TRIPLET_PAGE.format(before=before, after=after, threeD=_threeD())


def _sweepPage() -> str:
    frame = viewText("vtkMRMLSliceNode", SLICE_VIEWS[0], "Frame", _GROUP, _COLORS[0])
    plot = viewText("vtkMRMLPlotViewNode", PLOT_VIEW, "P", _GROUP)
    return _SWEEP_PAGE.format(threeD=_threeD(), frame=frame, plot=plot)


def _threeD() -> str:
    return viewText("vtkMRMLViewNode", THREE_D_VIEW, "3D", _GROUP)
