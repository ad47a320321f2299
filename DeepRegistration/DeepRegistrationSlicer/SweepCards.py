"""Frames that stand in space like cards: models for the 3D view, saved with the scene."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray

_MOST_CARDS, _LONGEST_EDGE = 8, 160
"""More cards hide each other; finer ones make the scene heavy."""
_DARK, _CLEAR = 0.04, 0.1
"""Of the brightest value: what is darker in every frame is no tissue; what is darker in one frame lets the
cards behind be seen."""
_RED = (0.93, 0.26, 0.21)
_GREY = "vtkMRMLColorTableNodeGrey"


def createCards(
    frames: np.ndarray, rasFromIjk: np.ndarray, standing: np.ndarray, name: str
) -> slicer.vtkMRMLModelNode:
    """Adds frames, evenly chosen from all, to the scene as one model with grey values.

    Args:
        frames: (N, rows, columns), or (N, rows, columns, C) in colour.
        rasFromIjk: (4, 4); own RAS [mm] of the reference frame from index.
        standing: (N, 4, 4); own RAS of the reference frame from own RAS of each.
        name: of the node.
    """
    grey = frames if frames.ndim == 3 else frames[..., :3].mean(axis=-1)
    rows, columns = _inside(grey)
    step = max(1, round(max(rows.stop - rows.start, columns.stop - columns.start) / _LONGEST_EDGE))
    j, i = np.meshgrid(np.arange(rows.start, rows.stop, step), np.arange(columns.start, columns.stop, step))
    j, i = j.T, i.T  # (rows of a card, columns of a card)
    corners = np.stack([i, j, np.zeros_like(i), np.ones_like(i)], axis=-1).reshape(-1, 4)
    chosen = np.unique(np.linspace(0, len(grey) - 1, min(len(grey), _MOST_CARDS)).round().astype(int))
    points = np.concatenate([corners @ (standing[k] @ rasFromIjk).T for k in chosen])[:, :3]
    values = np.concatenate([grey[k][j, i].ravel() for k in chosen])
    model = _model(points, _quads(i.shape, values), name)
    scalars = numpy_to_vtk(values.astype(np.float32), deep=True)
    scalars.SetName("grey")
    model.GetPolyData().GetPointData().SetScalars(scalars)
    display = model.GetDisplayNode()
    display.SetActiveScalarName("grey")
    display.SetAndObserveColorNodeID(_GREY)
    display.SetScalarVisibility(True)
    # a picture has no shadows
    display.LightingOff()
    return model


def createOutlines(
    size: tuple[int, int], rasFromIjk: np.ndarray, standing: np.ndarray, name: str
) -> slicer.vtkMRMLModelNode:
    """Adds the edges of frames to the scene, in red.

    Args:
        size: columns and rows.
        rasFromIjk: (4, 4); own RAS [mm] of the reference frame from index.
        standing: (M, 4, 4); own RAS of the reference frame from own RAS of each frame to be marked.
        name: of the node.
    """
    columns, rows = size
    corners = np.array([(0, 0), (columns - 1, 0), (columns - 1, rows - 1), (0, rows - 1), (0, 0)])
    corners = np.concatenate([corners, np.tile([0, 1], (5, 1))], axis=1)
    points = np.concatenate([corners @ (matrix @ rasFromIjk).T for matrix in standing])[:, :3]
    lines = vtk.vtkCellArray()
    for first in range(0, len(points), 5):
        lines.InsertNextCell(5)
        for offset in range(5):
            lines.InsertCellPoint(first + offset)
    model = _model(points, lines, name)
    display = model.GetDisplayNode()
    display.SetColor(*_RED)
    display.SetLineWidth(3)
    display.SetScalarVisibility(False)
    return model


def _inside(grey: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that show something in some frame."""
    brightest = grey.max(axis=0)
    low, high = float(brightest.min()), float(brightest.max())
    bright = brightest > low + _DARK * (high - low)
    found = []
    for axis in (1, 0):
        lit = np.flatnonzero(bright.mean(axis=axis) > _DARK)
        found.append(slice(int(lit[0]), int(lit[-1]) + 1) if len(lit) > 1 else slice(0, grey.shape[2 - axis]))
    return found[0], found[1]


def _quads(shape: tuple[int, int], values: np.ndarray) -> vtk.vtkCellArray:
    """Between neighbouring points of each card, where one of them is bright.

    Args:
        shape: points of a card along rows and columns.
        values: at the points of all cards.
    """
    number = np.arange(len(values)).reshape(-1, *shape)
    around = [number[:, :-1, :-1], number[:, :-1, 1:], number[:, 1:, 1:], number[:, 1:, :-1]]
    every = np.stack(around, axis=-1).reshape(-1, 4)
    low, high = float(values.min()), float(values.max())
    bright = (values[every] > low + _CLEAR * (high - low)).any(axis=1)
    cells = vtk.vtkCellArray()
    corners = np.ascontiguousarray(every[bright].ravel(), dtype=np.int64)
    cells.SetData(4, numpy_to_vtkIdTypeArray(corners, deep=True))
    return cells


def _model(points: np.ndarray, cells: vtk.vtkCellArray, name: str) -> slicer.vtkMRMLModelNode:
    data, places = vtk.vtkPolyData(), vtk.vtkPoints()
    places.SetData(numpy_to_vtk(np.ascontiguousarray(points, dtype=np.float32), deep=True))
    data.SetPoints(places)
    if cells.GetMaxCellSize() == 4:
        data.SetPolys(cells)
    else:
        data.SetLines(cells)
    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAndObservePolyData(data)
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetVisibility2D(False)
    display.SetBackfaceCulling(False)
    return model
