"""The lines of a grid that the deformation of an atlas has bent, over the slice view of its tab."""

import numpy as np
import slicer
import vtk

from DeepRegistrationSlicer.XrayViews import SECTION_VIEW, Section

_SPACING_MM, _STEP_MM = 10.0, 2.0
_COLOR = (1.0, 0.85, 0.2)


def createBentGrid(section: Section, grid: slicer.vtkMRMLTransformNode, name: str) -> slicer.vtkMRMLModelNode:
    """Adds lines to the scene that were straight in the atlas; they are seen in the slice view alone.

    Args:
        section: through the atlas as it was.
        grid: the deformation, from the atlas to the world.
        name: of the node.
    """
    worldFromAtlas = vtk.vtkGeneralTransform()
    grid.GetTransformToWorld(worldFromAtlas)
    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    for line in _lines(section.size_mm):
        lines.InsertNextCell(len(line))
        for point in line:
            ras = (section.rasFromMm @ [*point, 0.0, 1.0])[:3]
            lines.InsertCellPoint(points.InsertNextPoint(worldFromAtlas.TransformPoint(ras)))
    surface = vtk.vtkPolyData()
    surface.SetPoints(points)
    surface.SetLines(lines)
    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", name)
    model.SetAndObservePolyData(surface)
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetColor(*_COLOR)
    display.SetVisibility2D(True)
    display.SetSliceDisplayModeToProjection()
    display.SetViewNodeIDs([f"vtkMRMLSliceNode{SECTION_VIEW}"])
    return model


def _lines(size_mm: tuple[int, int]) -> list[np.ndarray]:
    """(N, 2) points of each line, in millimetres to the right and down."""
    width, height = size_mm
    across, along = np.arange(0, width + _STEP_MM, _STEP_MM), np.arange(0, height + _STEP_MM, _STEP_MM)
    upright = [np.stack([np.full(len(along), x), along], 1) for x in np.arange(0, width, _SPACING_MM)]
    level = [np.stack([across, np.full(len(across), y)], 1) for y in np.arange(0, height, _SPACING_MM)]
    return [*upright, *level]
