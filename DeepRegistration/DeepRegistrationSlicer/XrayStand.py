"""The X-ray machine in the 3D view: source, frame of the detector, rays to its corners."""

import numpy as np
import slicer
import vtk

from DeepRegistrationLib.geometry.camera import Camera

_COLORS = ((0.35, 0.76, 1.00), (1.00, 0.71, 0.33), (0.67, 0.85, 0.30), (0.82, 0.65, 1.00))
"""One per view."""
_RADIUS = 0.008
"""Of the source, in distances from source to detector."""
_RESOLUTION = 16


def cameraOf(entry: dict) -> Camera:
    """The camera that an entry `camera` of result.json, or a camera file with a matrix, describes."""
    return Camera(
        entry["source_to_detector_mm"],
        tuple(entry["pixel_spacing_mm"]),
        tuple(entry["image_size_px"]),
        tuple(entry["principal_point_px"]),
        np.array(entry["camera_from_world"]),
    )


def createStand(camera: Camera, name: str, index: int = 0) -> slicer.vtkMRMLModelNode:
    """Adds the machine of one view to the scene, as a model that is saved with it.

    Args:
        camera: where source and detector stand in the world.
        name: of the node.
        index: of the view, for its colour.
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", name)
    node.SetAndObservePolyData(standPolyData(camera))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*_COLORS[index % len(_COLORS)])
    display.SetLineWidth(2)
    display.SetScalarVisibility(False)
    display.SetVisibility2D(False)
    return node


def standPolyData(camera: Camera) -> vtk.vtkPolyData:
    """Source as a small ball, four rays, and the frame of the detector; in the world [mm, RAS]."""
    source, corners = camera.source_ras, camera.detector_corners_ras()
    points, lines = vtk.vtkPoints(), vtk.vtkCellArray()
    for point in (source, *corners):
        points.InsertNextPoint(*point)
    for corner in range(1, 5):
        _insertLine(lines, 0, corner)
        _insertLine(lines, corner, corner % 4 + 1)
    wires = vtk.vtkPolyData()
    wires.SetPoints(points)
    wires.SetLines(lines)
    ball = vtk.vtkSphereSource()
    ball.SetCenter(*source)
    ball.SetRadius(_RADIUS * camera.source_to_detector_mm)
    ball.SetThetaResolution(_RESOLUTION)
    ball.SetPhiResolution(_RESOLUTION)
    together = vtk.vtkAppendPolyData()
    together.AddInputData(wires)
    together.AddInputConnection(ball.GetOutputPort())
    together.Update()
    return together.GetOutput()


def _insertLine(lines: vtk.vtkCellArray, first: int, second: int) -> None:
    lines.InsertNextCell(2)
    lines.InsertCellPoint(first)
    lines.InsertCellPoint(second)
