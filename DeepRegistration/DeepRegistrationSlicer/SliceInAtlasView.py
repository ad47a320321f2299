"""Views of a slice in an atlas: in 3D inside the brain, and below it beside the matching atlas slice.

Two slice views of their own show the slice and, in the same plane, the atlas. Slicer shows the plane of a
slice view in 3D by itself.
"""

import json

import numpy as np
import slicer

from DeepRegistrationSlicer.AtlasSurface import surfaceOf
from DeepRegistrationSlicer.LayoutViews import layoutNode, viewNode, viewText
from DeepRegistrationSlicer.MrmlSlices import planeOf, planeSize
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.ViewAiming import aimCamera, boundsInWorld, clearBackground, unit

_Turn = tuple[tuple[float, float], tuple[float, float]]
"""What a view has on its right and on top, each in columns and rows of the image."""

SLICE_VIEW, ATLAS_VIEW, THREE_D_VIEW = "FetalSlice", "FetalAtlasSlice", "FetalSlice3D"

_VIEWS = (SLICE_VIEW, ATLAS_VIEW)
_TURN = "DeepRegistration.turn"
_LAYOUT = 31803
# zoom and pan of our two slice views go together, and leave the others alone
_GROUP = 31803
_SOURCE_VIEWS = ("Red", "Yellow", "Green")
_MARGIN = 1.2
_FORWARD, _UP = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
_FROM_FRONT_ABOVE = np.array([0.3, 0.7, 0.65])
# what a view has on top and on its right: head before face, the left side before the back
_UPWARDS, _RIGHTWARDS = np.array([0.0, 0.6, 1.0]), np.array([-1.0, -0.5, 0.0])
# cosine of the angle between the slice's normal and the line of sight
_FACING = 0.65
# a line of sight as steep as this has no use of "up"
_FACING_UP = 0.95
_SMALL = 1e-3
# of the camera, in diagonals of the brain; its view angle is 30 degrees
_DISTANCE = 1.7
_PAGE = """<layout type="vertical" split="true"><item splitSize="600">{top}</item><item splitSize="400">
<layout type="horizontal"><item>{slice}</item><item>{atlas}</item></layout></item></layout>"""
_BESIDE = """<layout type="horizontal"><item>{first}</item><item>{second}</item></layout>"""
_SOURCE = """<view class="vtkMRMLSliceNode" singletontag="{0}"></view>"""


def registerLayouts() -> None:
    """Makes the arrangements of views known to Slicer, so that scenes saved with one of them open."""
    layout = layoutNode()
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
    if layoutNode() is not None:
        layoutNode().SetViewArrangement(layoutOf(view))
    showInViews(result)
    _look(result)


def showInViews(result: ResultNodes, views: tuple[str, str] = _VIEWS) -> None:
    """Shows the slice, and beside it the atlas, in two slice views.

    Args:
        result: of a slice.
        views: their names; nodes for them are added where there are none yet.
    """
    # the atlas in the size of this brain, where that node was asked for
    for name, volume in zip(views, (result.subject, result.matching or result.atlas), strict=True):
        node = viewNode("vtkMRMLSliceNode", name)
        node.RemoveAttribute(_TURN)
        _showVolume(name, volume)
    placeViews(result, views)
    _fit(result, views)


def placeViews(result: ResultNodes, views: tuple[str, str] = _VIEWS) -> None:
    """Lets the slice views cut where the slice lies now; called whenever it has moved.

    What is up stays up: an image that turns does not jump.
    """
    nodes = _sliceNodes(views)
    turns = [node.GetAttribute(_TURN) for node in nodes]
    turn = json.loads(turns[0]) if turns and turns[0] else None
    placed = _worldFromView(result, turn)
    if placed is None:
        return
    matrix = slicer.util.vtkMatrixFromArray(placed[0])
    for node in nodes:
        node.SetAttribute(_TURN, json.dumps(placed[1]))
        with slicer.util.NodeModify(node):
            node.GetSliceToRAS().DeepCopy(matrix)
            node.UpdateMatrices()
        # the slice itself, not the plane of the atlas, is what is seen in 3D
        node.SetSliceVisible(node.GetLayoutName() == views[0])


def areShown() -> bool:
    """True while the views of the slice are in the layout."""
    layout = layoutNode()
    return layout is not None and layout.GetViewArrangement() in [
        layoutOf(view) for view in (None, *_SOURCE_VIEWS)
    ]


def _worldFromView(result: ResultNodes, turn: _Turn | None = None) -> tuple[np.ndarray, _Turn] | None:
    """World RAS [mm] from a view of the slice (4, 4), the brain in its middle; None if the slice is bent.

    Args:
        result: of a slice.
        turn: how the image is turned in its plane; None finds out how it is upright.
    """
    subject = result.subject
    if subject is None or subject.GetImageData() is None:
        return None
    plane, parent = planeOf(subject, _shownSlice(result)), subject.GetParentTransformNode()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            return None
        plane = slicer.util.arrayFromTransformMatrix(parent, toWorld=True) @ plane
    # a transform above may scale: the axes of a view are of unit length and at right angles
    columns = plane[:3, 0] / np.linalg.norm(plane[:3, 0])
    normal = np.cross(columns, plane[:3, 1])
    normal /= np.linalg.norm(normal)
    centre, brain = plane[:3, 3], _brainBox(result)
    if brain is not None:
        middle = brain.mean(axis=0)
        centre = middle - normal * (normal @ (middle - centre))
    right, up = turn or _uprightTurn(columns, np.cross(normal, columns))
    inPlane = np.stack([columns, np.cross(normal, columns)], axis=1)
    matrix = np.eye(4)
    matrix[:3] = np.stack([inPlane @ right, inPlane @ up, normal, centre], axis=1)
    return matrix, (right, up)


def _uprightTurn(columns: np.ndarray, rows: np.ndarray) -> _Turn:
    """How the image is turned, or flipped, to be seen as in Slicer's own views."""
    axes = np.stack([columns, rows])
    upwards = axes @ _UPWARDS
    isColumnUp = abs(upwards[0]) > abs(upwards[1])
    up = (np.sign(upwards[0]) or 1.0, 0.0) if isColumnUp else (0.0, np.sign(upwards[1]) or 1.0)
    rightwards = axes[1 if isColumnUp else 0] @ _RIGHTWARDS
    sign = np.sign(rightwards) or 1.0
    return ((0.0, sign) if isColumnUp else (sign, 0.0)), up


def _brainBox(result: ResultNodes) -> np.ndarray | None:
    """(2, 3) corners of the atlas brain in the world [mm]; None while the slice does not lie in it."""
    surface = surfaceOf(result.atlas)
    if surface is None or not result.isApplied():
        return None
    return boundsInWorld([surface])


def _shownSlice(result: ResultNodes) -> int | None:
    """Which slice of the image was registered; None for one slice, or for a stack as a whole."""
    settings = result.content()["settings"]
    return settings.get("slice_index") if settings.get("as_stack") == "single" else None


def _sliceNodes(views: tuple[str, str]) -> list[slicer.vtkMRMLSliceNode]:
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return [node for node in nodes if node.GetLayoutName() in views]


def _showVolume(view: str, volume: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    composite = viewNode("vtkMRMLSliceCompositeNode", view)
    isOurs = view in _VIEWS
    composite.SetLinkedControl(isOurs)
    composite.SetHotLinkedControl(isOurs)
    composite.SetForegroundVolumeID(None)
    composite.SetLabelVolumeID(None)
    composite.SetBackgroundVolumeID(volume.GetID() if volume is not None else None)


def _fit(result: ResultNodes, views: tuple[str, str]) -> None:
    """The brain, or while the slice does not lie in it the whole slice, fills the views."""
    brain = _brainBox(result)
    width, height = planeSize(result.subject) if brain is None else [np.ptp(brain, axis=0).max()] * 2
    for node in _sliceNodes(views):
        columns, rows, _ = node.GetDimensions()
        millimetres = _MARGIN * max(width / max(columns, 1), height / max(rows, 1))
        node.SetFieldOfView(millimetres * columns, millimetres * rows, node.GetFieldOfView()[2])


def _look(result: ResultNodes) -> None:
    """The camera sees the brain whole and the face of the slice, obliquely; later the user turns it."""
    clearBackground(THREE_D_VIEW)
    placed = _worldFromView(result)
    if _brainBox(result) is None or placed is None:
        return
    normal = placed[0][:3, 2]
    # from in front and above, or behind and below: the side that the slice turns to the viewer
    towards = normal if normal @ _FROM_FRONT_ABOVE >= 0 else -normal
    across = _FROM_FRONT_ABOVE - towards * (towards @ _FROM_FRONT_ABOVE)
    if np.linalg.norm(across) < _SMALL:
        across = placed[0][:3, 0]
    direction = _FACING * towards + np.sqrt(1 - _FACING**2) * unit(across)
    up = _UP if abs(direction @ _UP) < _FACING_UP else _FORWARD
    aimCamera(THREE_D_VIEW, [surfaceOf(result.atlas)], direction, up, _DISTANCE)


def _description(view: str | None) -> str:
    threeD = _ownView("vtkMRMLViewNode", THREE_D_VIEW, "3D")
    top = threeD if view is None else _BESIDE.format(first=threeD, second=_SOURCE.format(view))
    return _PAGE.format(
        top=top,
        slice=_ownView("vtkMRMLSliceNode", SLICE_VIEW, "Slice", "#4FA3D1"),
        atlas=_ownView("vtkMRMLSliceNode", ATLAS_VIEW, "Atlas", "#B99BD8"),
    )


def _ownView(node: str, name: str, label: str, color: str | None = None) -> str:
    return viewText(node, name, label, _GROUP, color)
