"""Lets slice views cut along an image, and 3D cameras see what there is to be seen."""

from collections.abc import Sequence

import numpy as np
import slicer

_MARGIN = 1.1


def lookAtImage(
    view: slicer.vtkMRMLSliceNode, rasFromIjk: np.ndarray, size: tuple[int, int], margin: float = _MARGIN
) -> None:
    """Lets a slice view cut along an image that fills it, upright: columns to the right, rows down.

    Args:
        view: slice view.
        rasFromIjk: (4, 4); world RAS [mm] from the index of the image.
        size: columns and rows.
        margin: how much larger the view is than the image.
    """
    cutAlong(view, rasFromIjk, size)
    extent = np.array(size) * np.linalg.norm(rasFromIjk[:3, :2], axis=0)
    width, height, _ = view.GetDimensions()
    millimetres = margin * max(extent[0] / max(width, 1), extent[1] / max(height, 1))
    view.SetFieldOfView(millimetres * width, millimetres * height, view.GetFieldOfView()[2])
    view.SetSliceVisible(True)


def cutAlong(view: slicer.vtkMRMLSliceNode, rasFromIjk: np.ndarray, size: tuple[int, int]) -> None:
    """The same without a change of zoom."""
    centre, axes = imagePlane(rasFromIjk, size)
    placed = np.eye(4)
    # up in a view is up in the image: against the rows
    placed[:3, 0], placed[:3, 1] = axes[:, 0], -axes[:, 1]
    placed[:3, 2] = np.cross(placed[:3, 0], placed[:3, 1])
    placed[:3, 3] = centre
    with slicer.util.NodeModify(view):
        view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(placed))
        view.UpdateMatrices()


def imagePlane(rasFromIjk: np.ndarray, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Centre (3,) [mm] of an image of columns and rows, and its unit axes as columns (3, 3)."""
    columns, rows = size
    centre = rasFromIjk[:3, :3] @ ((columns - 1) / 2, (rows - 1) / 2, 0) + rasFromIjk[:3, 3]
    return centre, rasFromIjk[:3, :3] / np.linalg.norm(rasFromIjk[:3, :3], axis=0)


def aimCamera(
    name: str,
    nodes: Sequence[slicer.vtkMRMLDisplayableNode],
    direction: np.ndarray,
    up: np.ndarray,
    distance: float,
) -> None:
    """Lets the camera of a 3D view see nodes whole; later the user turns it.

    Args:
        name: of the view.
        nodes: one at least.
        direction: (3,) from them to the camera; of any length.
        up: (3,).
        distance: of the camera, in diagonals of what holds the nodes; its view angle is 30 degrees.
    """
    camera = _found("vtkMRMLCameraNode", name)
    if camera is None:
        return
    bounds = boundsInWorld(nodes)
    middle, size = bounds.mean(axis=0), float(np.linalg.norm(np.ptp(bounds, axis=0)))
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle + distance * size * unit(direction)))
    camera.SetViewUp(*up)
    camera.ResetClippingRange()


def clearBackground(name: str) -> None:
    """Takes box and letters out of a 3D view, and shows a person who stands as the patient does."""
    view = _found("vtkMRMLViewNode", name)
    if view is not None:
        view.SetBoxVisible(False)
        view.SetAxisLabelsVisible(False)
        view.SetOrientationMarkerType(view.OrientationMarkerTypeHuman)


def boundsInWorld(nodes: Sequence[slicer.vtkMRMLDisplayableNode]) -> np.ndarray:
    """(2, 3) corners of what holds all of them [mm]."""
    corners = []
    for node in nodes:
        bounds = [0.0] * 6
        node.GetRASBounds(bounds)
        corners.append(np.array(bounds).reshape(3, 2).T)
    stacked = np.stack(corners)
    return np.stack([stacked[:, 0].min(axis=0), stacked[:, 1].max(axis=0)])


def unit(vector: np.ndarray) -> np.ndarray:
    """A vector of length 1; of none, none."""
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _found(className: str, name: str) -> slicer.vtkMRMLNode | None:
    nodes = slicer.util.getNodesByClass(className)
    return next((node for node in nodes if node.GetLayoutName() == name), None)
