"""The bone of a bent atlas as a model, coloured by how sure its place is."""

from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from DeepRegistrationSlicer.MrmlBridge import rasFromIjk, readVolume
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf
from DeepRegistrationSlicer.XrayBones import createBones

UNCERTAINTY = "uncertainty (mm)"
"""Name of the numbers on the surface: standard deviation of its place."""

_COLORS = "vtkMRMLColorTableNodeWarmTint1"
"""White where it is sure, red where it is not."""


def createBentBone(
    folder: Path, grid: slicer.vtkMRMLTransformNode | None, name: str
) -> slicer.vtkMRMLModelNode:
    """Adds the surface of the bone to the scene.

    Args:
        folder: of the result.
        grid: the model is that of the atlas as it was, and under this transform it is bent; None: it is bent,
            and stands in the world.
        name: of the node.
    """
    labels = readVolume(folder / "segmentation.seg.nrrd", "vtkMRMLLabelMapVolumeNode")
    model = createBones(labels, labels, name)
    surface = _withUncertainty(model.GetPolyData(), folder)
    if grid is not None:
        atlasFromWorld = vtk.vtkGeneralTransform()
        grid.GetTransformFromWorld(atlasFromWorld)
        surface = _moved(surface, atlasFromWorld)
    model.SetAndObservePolyData(surface)
    display = model.GetDisplayNode()
    display.SetActiveScalar(UNCERTAINTY, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetAndObserveColorNodeID(_COLORS)
    display.SetScalarRangeFlag(display.UseDataScalarRange)
    display.SetScalarVisibility(True)
    return model


def _withUncertainty(surface: vtk.vtkPolyData, folder: Path) -> vtk.vtkPolyData:
    """The surface with a number at each of its points."""
    volume = readVolume(folder / "uncertainty.nrrd")
    ijkFromRas = vtk.vtkTransform()
    ijkFromRas.SetMatrix(slicer.util.vtkMatrixFromArray(np.linalg.inv(rasFromIjk(volume))))
    inIndex = _moved(surface, ijkFromRas)
    # a surface may lie half a voxel outside: there the border counts
    points = vtk_to_numpy(inIndex.GetPoints().GetData())
    np.clip(points, 0, np.array(dimensionsOf(volume)) - 1, out=points)
    probe = vtk.vtkProbeFilter()
    probe.SetInputData(inIndex)
    probe.SetSourceData(volume.GetImageData())
    probe.Update()
    numbers = probe.GetOutput().GetPointData().GetScalars()
    numbers.SetName(UNCERTAINTY)
    numbered = vtk.vtkPolyData()
    numbered.ShallowCopy(surface)
    numbered.GetPointData().AddArray(numbers)
    return numbered


def _moved(surface: vtk.vtkPolyData, transform: vtk.vtkAbstractTransform) -> vtk.vtkPolyData:
    moved = vtk.vtkTransformPolyDataFilter()
    moved.SetInputData(surface)
    moved.SetTransform(transform)
    moved.Update()
    return moved.GetOutput()
