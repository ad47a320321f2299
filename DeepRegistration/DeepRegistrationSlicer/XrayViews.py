"""Views of radiographs: each under its DRR in a slice view, and with source, detector and CT in 3D."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import slicer

from DeepRegistrationSlicer.LayoutViews import layoutNode, viewNode, viewText
from DeepRegistrationSlicer.MrmlBridge import rasFromIjk

XRAY_VIEWS = ("Xray1", "Xray2")
THREE_D_VIEW, PLOT_VIEW = "Xray3D", "XrayPlot"

_LAYOUT = 31813
_GROUP = 31813
_COLORS = ("#58C2FF", "#FFB554")
"""Of the views' bars: those of the models of source and detector."""
_MARGIN = 1.1
_UP, _FORWARD = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
# of the camera, in diagonals of what is to be seen; its view angle is 30 degrees
_DISTANCE = 1.9
# share of the line of sight that looks down on the machine, and along the beam
_FROM_ABOVE, _ALONG_BEAM = 0.35, 0.45
_STEEP = 0.95
_PAGE = """<layout type="horizontal" split="true"><item splitSize="550">{threeD}</item>
<item splitSize="450"><layout type="vertical" split="true">{right}</layout></item></layout>"""
_ITEM = """<item splitSize="{size}">{view}</item>"""


@dataclass(frozen=True, eq=False)
class XrayShown:
    """What the views show.

    Attributes:
        radiographs: one per view, on its detector.
        drrs: on the same detectors; None where there is none yet.
        models: machine and bones; all of them are seen in 3D.
        chart: plot of the similarity; None shows no plot.
    """

    radiographs: Sequence[slicer.vtkMRMLScalarVolumeNode]
    drrs: Sequence[slicer.vtkMRMLScalarVolumeNode | None]
    models: Sequence[slicer.vtkMRMLModelNode] = ()
    chart: slicer.vtkMRMLPlotChartNode | None = None


def registerXrayLayouts() -> None:
    """Makes the arrangements of views known to Slicer, so that scenes saved with one of them open."""
    layout = layoutNode()
    for count in range(1, len(XRAY_VIEWS) + 1):
        for hasPlot in (False, True):
            number = _layoutOf(count, hasPlot)
            if layout is not None and not layout.IsLayoutDescription(number):
                layout.AddLayoutDescription(number, _description(count, hasPlot))


def areXrayViewsShown() -> bool:
    """True while these views are in the layout."""
    layout = layoutNode()
    return layout is not None and _LAYOUT <= layout.GetViewArrangement() < _LAYOUT + 2 * len(XRAY_VIEWS)


def showXray(shown: XrayShown, opacity: float) -> None:
    """Arranges the views and shows radiographs, DRRs and machine.

    Args:
        shown: what to show.
        opacity: of the DRRs, 0 to 1.
    """
    registerXrayLayouts()
    if layoutNode() is not None:
        count = min(len(shown.radiographs), len(XRAY_VIEWS))
        layoutNode().SetViewArrangement(_layoutOf(count, shown.chart is not None))
    showInSliceViews(shown, XRAY_VIEWS, opacity)
    if shown.chart is not None:
        viewNode("vtkMRMLPlotViewNode", PLOT_VIEW).SetPlotChartNodeID(shown.chart.GetID())
    _lookAtMachine(shown)


def showInSliceViews(shown: XrayShown, views: Sequence[str], opacity: float) -> None:
    """Shows each radiograph under its DRR in a slice view, and on its detector in 3D."""
    for name, radiograph, drr in zip(views, shown.radiographs, shown.drrs, strict=False):
        composite = viewNode("vtkMRMLSliceCompositeNode", name)
        composite.SetBackgroundVolumeID(radiograph.GetID())
        composite.SetForegroundVolumeID(drr.GetID() if drr is not None else None)
        composite.SetLabelVolumeID(None)
        composite.SetForegroundOpacity(opacity)
        _lookAtDetector(viewNode("vtkMRMLSliceNode", name), radiograph)


def setOverlay(index: int, drr: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Lays a DRR over the radiograph of a view; place and zoom of the view stay."""
    viewNode("vtkMRMLSliceCompositeNode", XRAY_VIEWS[index]).SetForegroundVolumeID(drr.GetID())


def setOverlayOpacity(opacity: float) -> None:
    """Lets more or less of the DRRs be seen over the radiographs."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetLayoutName() in XRAY_VIEWS:
            composite.SetForegroundOpacity(opacity)


def _lookAtDetector(view: slicer.vtkMRMLSliceNode, radiograph: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Lets a slice view cut along the detector, upright: columns to the right, rows down."""
    centre, axes, extent = _detector(radiograph)
    placed = np.eye(4)
    # up in a view is up on the detector: against the rows
    placed[:3, 0], placed[:3, 1] = axes[:, 0], -axes[:, 1]
    placed[:3, 2] = np.cross(placed[:3, 0], placed[:3, 1])
    placed[:3, 3] = centre
    width, height, _ = view.GetDimensions()
    millimetres = _MARGIN * max(extent[0] / max(width, 1), extent[1] / max(height, 1))
    with slicer.util.NodeModify(view):
        view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(placed))
        view.UpdateMatrices()
    view.SetFieldOfView(millimetres * width, millimetres * height, view.GetFieldOfView()[2])
    view.SetSliceVisible(True)


def _lookAtMachine(shown: XrayShown) -> None:
    """The camera sees source and detector from the side, obliquely from above; later the user turns it."""
    view = _found("vtkMRMLViewNode")
    camera = _found("vtkMRMLCameraNode")
    if view is not None:
        view.SetBoxVisible(False)
        view.SetAxisLabelsVisible(False)
        view.SetOrientationMarkerType(view.OrientationMarkerTypeHuman)
    if camera is None or not shown.radiographs:
        return
    bounds = _boundsInWorld([*shown.models, *shown.radiographs])
    middle, size = bounds.mean(axis=0), float(np.linalg.norm(np.ptp(bounds, axis=0)))
    centre, _, _ = _detector(shown.radiographs[0])
    beam = _unit(centre - middle)
    up = _UP if abs(beam @ _UP) < _STEEP else _FORWARD
    side = _unit(np.cross(beam, up))
    # from the side, so that source and detector are apart; from before it, so that the image is seen
    direction = _unit(side + _FROM_ABOVE * up - _ALONG_BEAM * beam)
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle + _DISTANCE * size * direction))
    camera.SetViewUp(*up)
    camera.ResetClippingRange()


def _boundsInWorld(nodes: Sequence[slicer.vtkMRMLDisplayableNode]) -> np.ndarray:
    """(2, 3) corners of what holds all of them [mm]."""
    corners = []
    for node in nodes:
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        corners.append(np.array(bounds).reshape(3, 2).T)
    stacked = np.stack(corners)
    return np.stack([stacked[:, 0].min(axis=0), stacked[:, 1].max(axis=0)])


def _detector(radiograph: slicer.vtkMRMLScalarVolumeNode) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre (3,) [mm], unit axes as columns (3, 3), width and height (2,) [mm]."""
    matrix = rasFromIjk(radiograph)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    columns, rows, _ = radiograph.GetImageData().GetDimensions()
    centre = matrix[:3, :3] @ ((columns - 1) / 2, (rows - 1) / 2, 0) + matrix[:3, 3]
    return centre, matrix[:3, :3] / spacing, np.array([columns, rows]) * spacing[:2]


def _found(className: str) -> slicer.vtkMRMLNode | None:
    nodes = slicer.util.getNodesByClass(className)
    return next((node for node in nodes if node.GetLayoutName() == THREE_D_VIEW), None)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _layoutOf(count: int, hasPlot: bool) -> int:
    return _LAYOUT + 2 * (count - 1) + int(hasPlot)


def _description(count: int, hasPlot: bool) -> str:
    views = [
        viewText("vtkMRMLSliceNode", name, f"X-ray {number}", _GROUP + number, _COLORS[number - 1])
        for number, name in enumerate(XRAY_VIEWS[:count], 1)
    ]
    items = [_ITEM.format(size=400, view=view) for view in views]
    if hasPlot:
        items.append(_ITEM.format(size=250, view=viewText("vtkMRMLPlotViewNode", PLOT_VIEW, "P", _GROUP)))
    return _PAGE.format(threeD=viewText("vtkMRMLViewNode", THREE_D_VIEW, "3D", _GROUP), right="".join(items))
