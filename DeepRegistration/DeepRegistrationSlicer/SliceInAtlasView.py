"""Views of a slice in an atlas: in 3D inside the brain, and below it beside the matching atlas slice.

Two slice views of their own show the slice and, in the same plane, the atlas. Slicer shows the plane of a
slice view in 3D by itself.
"""

import numpy as np
import slicer

from DeepRegistrationSlicer.MrmlSlices import planeOf, planeSize
from DeepRegistrationSlicer.ResultNodes import ResultNodes

SLICE_VIEW, ATLAS_VIEW, THREE_D_VIEW = "FetalSlice", "FetalAtlasSlice", "FetalSlice3D"

_LAYOUT = 31803
# zoom and pan of our two slice views go together, and leave the others alone
_GROUP = 31803
_SOURCE_VIEWS = ("Red", "Yellow", "Green")
_MARGIN = 1.1
_PAGE = """<layout type="vertical" split="true"><item splitSize="600">{top}</item><item splitSize="400">
<layout type="horizontal"><item>{slice}</item><item>{atlas}</item></layout></item></layout>"""
_BESIDE = """<layout type="horizontal"><item>{first}</item><item>{second}</item></layout>"""
_VIEW = """<view class="{node}" singletontag="{name}">
<property name="viewlabel" action="default">{label}</property>
<property name="viewgroup" action="default">{group}</property>{color}</view>"""
_COLOR = """<property name="viewcolor" action="default">{}</property>"""
_SOURCE = """<view class="vtkMRMLSliceNode" singletontag="{0}"></view>"""


def registerLayouts() -> None:
    """Makes the arrangements of views known to Slicer, so that scenes saved with one of them open."""
    layout = _layoutNode()
    for view in (None, *_SOURCE_VIEWS):
        if layout is not None and not layout.IsLayoutDescription(layoutOf(view)):
            layout.AddLayoutDescription(layoutOf(view), _description(view))


def layoutOf(view: str | None) -> int:
    """Number of the arrangement: without, or with, the slice view that the slice is taken from."""
    return _LAYOUT + (1 + _SOURCE_VIEWS.index(view) if view is not None else 0)


def showSliceInAtlas(result: ResultNodes, view: str | None = None) -> None:
    """Arranges the views and shows the slice in the atlas.

    Args:
        result: of a slice.
        view: name of the slice view that the slice is taken from; it stays in sight.
    """
    registerLayouts()
    if _layoutNode() is not None:
        _layoutNode().SetViewArrangement(layoutOf(view))
    _showVolume(SLICE_VIEW, result.subject)
    # in the size of this brain, where that node was asked for
    _showVolume(ATLAS_VIEW, result.matching or result.atlas)
    placeViews(result)
    _fit(result.subject)
    _centre3D(result)


def placeViews(result: ResultNodes) -> None:
    """Lets the slice views cut where the slice lies now; called whenever it has moved."""
    if result.subject is None or result.subject.GetImageData() is None:
        return
    worldFromSlice, parent = planeOf(result.subject), result.subject.GetParentTransformNode()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            return
        worldFromSlice = slicer.util.arrayFromTransformMatrix(parent, toWorld=True) @ worldFromSlice
    matrix = slicer.util.vtkMatrixFromArray(_rigid(worldFromSlice))
    for node in _sliceNodes():
        with slicer.util.NodeModify(node):
            node.GetSliceToRAS().DeepCopy(matrix)
            node.UpdateMatrices()
        # the slice itself, not the plane of the atlas, is what is seen in 3D
        node.SetSliceVisible(node.GetLayoutName() == SLICE_VIEW)


def areShown() -> bool:
    """True while the views of the slice are in the layout."""
    layout = _layoutNode()
    return layout is not None and layout.GetViewArrangement() in [
        layoutOf(view) for view in (None, *_SOURCE_VIEWS)
    ]


def _rigid(worldFromSlice: np.ndarray) -> np.ndarray:
    """Axes of unit length at right angles: a transform above may scale."""
    matrix = worldFromSlice.copy()
    columns = matrix[:3, 0] / np.linalg.norm(matrix[:3, 0])
    normal = np.cross(columns, matrix[:3, 1])
    normal /= np.linalg.norm(normal)
    # image rows run down, views run up: turned by half a turn about the columns the slice is seen upright
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = columns, -np.cross(normal, columns), -normal
    return matrix


def _sliceNodes() -> list[slicer.vtkMRMLSliceNode]:
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return [node for node in nodes if node.GetLayoutName() in (SLICE_VIEW, ATLAS_VIEW)]


def _showVolume(view: str, volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    composite = next((node for node in composites if node.GetLayoutName() == view), None)
    if composite is None:
        # the logic of the view, once there is one, finds it by its name
        composite = slicer.vtkMRMLSliceCompositeNode()
        composite.SetSingletonTag(view)
        composite.SetLayoutName(view)
        composite = slicer.mrmlScene.AddNode(composite)
    composite.SetLinkedControl(True)
    composite.SetHotLinkedControl(True)
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)
    composite.SetBackgroundVolumeID(volume.GetID() if volume is not None else None)


def _fit(volume: slicer.vtkMRMLScalarVolumeNode) -> None:
    """The whole slice fills the views."""
    width, height = planeSize(volume)
    for node in _sliceNodes():
        columns, rows, _ = node.GetDimensions()
        millimetres = _MARGIN * max(width / max(columns, 1), height / max(rows, 1))
        node.SetFieldOfView(millimetres * columns, millimetres * rows, node.GetFieldOfView()[2])


def _centre3D(result: ResultNodes) -> None:
    """The camera sees the atlas whole, from the front and a little from above; later the user turns it."""
    views = slicer.util.getNodesByClass("vtkMRMLViewNode")
    view = next((node for node in views if node.GetLayoutName() == THREE_D_VIEW), None)
    if view is None or result.atlas is None:
        return
    bounds = [0.0] * 6
    result.atlas.GetRASBounds(bounds)
    lower, upper = np.array(bounds[::2]), np.array(bounds[1::2])
    centre, size = (lower + upper) / 2, float(np.linalg.norm(upper - lower))
    cameras = slicer.util.getNodesByClass("vtkMRMLCameraNode")
    camera = next((node for node in cameras if node.GetLayoutName() == THREE_D_VIEW), None)
    if camera is not None:
        direction = np.array([0.45, 0.8, 0.4])
        camera.SetFocalPoint(*centre)
        camera.SetPosition(*(centre + 1.3 * size * direction / np.linalg.norm(direction)))
        camera.SetViewUp(0, 0, 1)
        camera.ResetClippingRange()
    view.SetBoxVisible(False)
    view.SetAxisLabelsVisible(False)
    view.SetOrientationMarkerType(view.OrientationMarkerTypeHuman)


def _layoutNode() -> slicer.vtkMRMLLayoutNode | None:
    return slicer.mrmlScene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def _description(view: str | None) -> str:
    threeD = _view("vtkMRMLViewNode", THREE_D_VIEW, "3D")
    top = threeD if view is None else _BESIDE.format(first=threeD, second=_SOURCE.format(view))
    return _PAGE.format(
        top=top,
        slice=_view("vtkMRMLSliceNode", SLICE_VIEW, "Slice", "#4FA3D1"),
        atlas=_view("vtkMRMLSliceNode", ATLAS_VIEW, "Atlas", "#B99BD8"),
    )


def _view(node: str, name: str, label: str, color: str | None = None) -> str:
    colour = _COLOR.format(color) if color is not None else ""
    return _VIEW.format(node=node, name=name, label=label, group=_GROUP, color=colour)
