"""Views of radiographs: each under its DRR in a slice view, and with source, detector and CT in 3D."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import slicer

from DeepRegistrationSlicer.LayoutViews import layoutNode, viewNode, viewText
from DeepRegistrationSlicer.MrmlBridge import rasFromIjk
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf
from DeepRegistrationSlicer.ViewAiming import (
    aimCamera,
    boundsInWorld,
    clearBackground,
    imagePlane,
    lookAtImage,
    unit,
)

XRAY_VIEWS = ("Xray1", "Xray2")
THREE_D_VIEW, PLOT_VIEW, SECTION_VIEW = "Xray3D", "XrayPlot", "XraySection"

_LAYOUT = 31813
_SECTION_LAYOUT = 31823
_GROUP = 31813
_COLORS = ("#58C2FF", "#FFB554")
"""Of the views' bars: those of the models of source and detector."""
_SECTION_COLOR = "#AAD94D"
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
class Section:
    """A slice through a volume.

    Attributes:
        volume: as it stands now.
        rasFromMm: (4, 4); world RAS [mm] from millimetres to the right, down, and into the view, from its
            upper left corner.
        size_mm: width and height.
    """

    volume: slicer.vtkMRMLScalarVolumeNode
    rasFromMm: np.ndarray
    size_mm: tuple[int, int]


@dataclass(frozen=True, eq=False)
class XrayShown:
    """What the views show.

    Attributes:
        radiographs: one per view, on its detector.
        drrs: on the same detectors; None where there is none yet.
        models: machine and bones; all of them are seen in 3D.
        chart: plot of the similarity; None shows no plot.
        section: slice below the radiographs; None shows no slice.
        focus: what the 3D view shows large; None shows all of the machine.
    """

    radiographs: Sequence[slicer.vtkMRMLScalarVolumeNode]
    drrs: Sequence[slicer.vtkMRMLScalarVolumeNode | None]
    models: Sequence[slicer.vtkMRMLModelNode] = ()
    chart: slicer.vtkMRMLPlotChartNode | None = None
    section: Section | None = None
    focus: slicer.vtkMRMLModelNode | None = None


def registerXrayLayouts() -> None:
    """Makes the arrangements of views known to Slicer, so that scenes saved with one of them open."""
    layout = layoutNode()
    for number, description in _layouts().items():
        if layout is not None and not layout.IsLayoutDescription(number):
            layout.AddLayoutDescription(number, description)


def areXrayViewsShown() -> bool:
    """True while these views are in the layout."""
    layout = layoutNode()
    return layout is not None and layout.GetViewArrangement() in _layouts()


def showXray(shown: XrayShown, opacity: float) -> None:
    """Arranges the views and shows radiographs, DRRs and machine.

    Args:
        shown: what to show.
        opacity: of the DRRs, 0 to 1.
    """
    registerXrayLayouts()
    if layoutNode() is not None:
        count = min(len(shown.radiographs), len(XRAY_VIEWS))
        layoutNode().SetViewArrangement(_layoutOf(count, _belowOf(shown)))
    showInSliceViews(shown, XRAY_VIEWS, opacity)
    if shown.chart is not None:
        viewNode("vtkMRMLPlotViewNode", PLOT_VIEW).SetPlotChartNodeID(shown.chart.GetID())
    if shown.section is not None:
        _showSection(shown.section)
    _lookAtMachine(shown)


def showInSliceViews(shown: XrayShown, views: Sequence[str], opacity: float) -> None:
    """Shows each radiograph under its DRR in a slice view, and on its detector in 3D."""
    for name, radiograph, drr in zip(views, shown.radiographs, shown.drrs, strict=False):
        composite = viewNode("vtkMRMLSliceCompositeNode", name)
        composite.SetBackgroundVolumeID(radiograph.GetID())
        composite.SetForegroundVolumeID(drr.GetID() if drr is not None else None)
        composite.SetLabelVolumeID(None)
        composite.SetForegroundOpacity(opacity)
        lookAtImage(viewNode("vtkMRMLSliceNode", name), *_detector(radiograph))


def setOverlay(index: int, drr: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Lays a DRR over the radiograph of a view; place and zoom of the view stay."""
    viewNode("vtkMRMLSliceCompositeNode", XRAY_VIEWS[index]).SetForegroundVolumeID(drr.GetID())


def setOverlayOpacity(opacity: float) -> None:
    """Lets more or less of the DRRs be seen over the radiographs."""
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        if composite.GetLayoutName() in XRAY_VIEWS:
            composite.SetForegroundOpacity(opacity)


def _lookAtMachine(shown: XrayShown) -> None:
    """The camera sees source and detector, or the bone alone, from the side, obliquely from above."""
    clearBackground(THREE_D_VIEW)
    if not shown.radiographs:
        return
    nodes = [*shown.models, *shown.radiographs] if shown.focus is None else [shown.focus]
    centre, _ = imagePlane(*_detector(shown.radiographs[0]))
    beam = unit(centre - boundsInWorld([*shown.models, *shown.radiographs]).mean(axis=0))
    up = _UP if abs(beam @ _UP) < _STEEP else _FORWARD
    side = unit(np.cross(beam, up))
    # from the side, so that source and detector are apart; from before it, so that the image is seen
    direction = side + _FROM_ABOVE * up - _ALONG_BEAM * beam
    aimCamera(THREE_D_VIEW, nodes, direction, up, _DISTANCE)


def _detector(radiograph: slicer.vtkMRMLScalarVolumeNode) -> tuple[np.ndarray, tuple[int, int]]:
    """World RAS [mm] from index (4, 4), columns and rows."""
    return rasFromIjk(radiograph), dimensionsOf(radiograph)[:2]


def _showSection(section: Section) -> None:
    composite = viewNode("vtkMRMLSliceCompositeNode", SECTION_VIEW)
    composite.SetBackgroundVolumeID(section.volume.GetID())
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)
    view = viewNode("vtkMRMLSliceNode", SECTION_VIEW)
    lookAtImage(view, section.rasFromMm, section.size_mm)
    # in 3D it would cut the bone in two
    view.SetSliceVisible(False)


def _belowOf(shown: XrayShown) -> str | None:
    """The view below the radiographs; None if there is none."""
    if shown.chart is not None:
        return PLOT_VIEW
    return SECTION_VIEW if shown.section is not None else None


def _layoutOf(count: int, below: str | None) -> int:
    """Number of the arrangement for so many radiographs. Scenes keep it: numbers never change."""
    if below == SECTION_VIEW:
        return _SECTION_LAYOUT + count - 1
    return _LAYOUT + 2 * (count - 1) + int(below == PLOT_VIEW)


def _layouts() -> dict[int, str]:
    """Number -> description."""
    return {
        _layoutOf(count, below): _description(count, below)
        for count in range(1, len(XRAY_VIEWS) + 1)
        for below in (None, PLOT_VIEW, SECTION_VIEW)
    }


def _description(count: int, below: str | None) -> str:
    views = [
        viewText("vtkMRMLSliceNode", name, f"X-ray {number}", _GROUP + number, _COLORS[number - 1])
        for number, name in enumerate(XRAY_VIEWS[:count], 1)
    ]
    items = [_ITEM.format(size=400, view=view) for view in views]
    if below == PLOT_VIEW:
        items.append(_ITEM.format(size=250, view=viewText("vtkMRMLPlotViewNode", PLOT_VIEW, "P", _GROUP)))
    if below == SECTION_VIEW:
        view = viewText("vtkMRMLSliceNode", SECTION_VIEW, "Slice", _GROUP, _SECTION_COLOR)
        items.append(_ITEM.format(size=400, view=view))
    return _PAGE.format(threeD=viewText("vtkMRMLViewNode", THREE_D_VIEW, "3D", _GROUP), right="".join(items))
