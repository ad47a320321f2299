"""Images as surfaces, for 3D views. Like `MrmlBridge.py` it knows how MRML and VTK hold them."""

import numpy as np
import slicer
import vtk

_SMOOTHING_VOXELS = 1.0
_INSIDE = 100.0


def closedSurface(image: vtk.vtkImageData, rasFromIndex: np.ndarray, lowest: float) -> vtk.vtkPolyData:
    """The border of what is dense, smooth and closed, in RAS [mm].

    Args:
        image: in index coordinates.
        rasFromIndex: (4, 4) [mm].
        lowest: value from which on a voxel is inside.
    """
    inside = vtk.vtkImageThreshold()
    inside.SetInputData(image)
    inside.ThresholdByUpper(lowest)
    inside.SetInValue(_INSIDE)
    inside.SetOutValue(0.0)
    inside.SetOutputScalarTypeToFloat()
    inside.Update()
    first, _, second, _, third, _ = inside.GetOutput().GetExtent()
    padded = vtk.vtkImageConstantPad()
    padded.SetInputConnection(inside.GetOutputPort())
    columns, rows, slices = image.GetDimensions()
    # a brain that touches the border of the image is closed there
    margin = (first - 2, first + columns + 1, second - 2, second + rows + 1, third - 2, third + slices + 1)
    padded.SetOutputWholeExtent(*margin)
    smooth = vtk.vtkImageGaussianSmooth()
    smooth.SetInputConnection(padded.GetOutputPort())
    smooth.SetStandardDeviation(_SMOOTHING_VOXELS)
    contour = vtk.vtkFlyingEdges3D()
    contour.SetInputConnection(smooth.GetOutputPort())
    contour.SetValue(0, _INSIDE / 2)
    contour.ComputeNormalsOff()
    contour.ComputeScalarsOff()
    transform = vtk.vtkTransform()
    transform.SetMatrix(slicer.util.vtkMatrixFromArray(rasFromIndex))
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(contour.GetOutputPort())
    placed.SetTransform(transform)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(placed.GetOutputPort())
    normals.SplittingOff()
    normals.Update()
    return normals.GetOutput()
