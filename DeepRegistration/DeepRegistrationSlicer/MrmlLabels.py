"""Segmentations and label volumes, seen on the grid of another volume; names and colours of their values.

With `MrmlBridge.py` the only file that knows how MRML holds them. Input nodes are never changed.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from DeepRegistrationLib.errors import InputError
from DeepRegistrationSlicer.MrmlBridge import checkVoxels, rasFromIjk, writeVolume

_BINARY = "Binary labelmap"


@dataclass(frozen=True)
class Label:
    """Name and colour of one value in a label image.

    Attributes:
        name: for people.
        colour: red, green, blue, each 0 to 1.
    """

    name: str
    colour: tuple[float, float, float]


def writeLabelsOnGrid(
    labels: slicer.vtkMRMLNode,
    grid: slicer.vtkMRMLVolumeNode,
    gridParent: slicer.vtkMRMLTransformNode | None,
    path: Path,
) -> dict[int, Label]:
    """Writes a segmentation or label volume on the grid of another volume, as it lies there in the views.

    Transforms above either of them, linear or not, are taken into account; nearest neighbour.

    Args:
        labels: vtkMRMLSegmentationNode or a volume node whose values are labels; 0 is background.
        grid: the volume whose grid (and own RAS) the file gets.
        gridParent: the transform above the volume, or the one that it is to be seen under.
        path: file to write.

    Returns:
        Value -> name and colour, of the labels that lie on the grid.

    Raises:
        InputError: nothing of the labels lies on the grid.
        RegistrationError: the file cannot be written.
    """
    image, labelRasFromIjk, names = labelImage(labels)
    labelsFromGrid = _labelIjkFromGridIjk(labelRasFromIjk, labels.GetParentTransformNode(), grid, gridParent)
    resampled = _onGrid(image, labelsFromGrid, grid)
    values = np.unique(vtk_to_numpy(resampled.GetPointData().GetScalars()))
    present = [int(value) for value in values if value != 0]
    if not present:
        raise InputError(
            f"'{labels.GetName()}' marks no voxel of the volume '{grid.GetName()}': it is empty or lies "
            "elsewhere. Show both in a slice view to see where they are, or choose another one."
        )
    node = slicer.vtkMRMLLabelMapVolumeNode()
    node.SetName(labels.GetName())
    node.SetAndObserveImageData(resampled)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(rasFromIjk(grid)))
    writeVolume(node, path)
    return {value: names.get(value, Label(f"Label {value}", (0.8, 0.8, 0.8))) for value in present}


def renameSegments(segmentation: slicer.vtkMRMLSegmentationNode, names: dict[int, Label]) -> None:
    """Gives segments the name and colour of their label value; other segments stay as they are."""
    segments = segmentation.GetSegmentation()
    for index in range(segments.GetNumberOfSegments()):
        segment = segments.GetNthSegment(index)
        label = names.get(segment.GetLabelValue())
        if label is not None:
            segment.SetName(label.name)
            segment.SetColor(*label.colour)


def labelImage(node: slicer.vtkMRMLNode) -> tuple[vtk.vtkImageData, np.ndarray, dict[int, Label]]:
    """A segmentation or label volume as one image.

    Returns:
        Label image in index coordinates, own RAS [mm] from index (4, 4), and the names of the values.

    Raises:
        InputError: it is empty, or cannot be turned into voxels.
    """
    if node.IsA("vtkMRMLSegmentationNode"):
        return _mergedSegments(node)
    checkVoxels(node, "labels", mayBeSlice=True)
    image = vtk.vtkImageData()
    image.ShallowCopy(node.GetImageData())
    display = node.GetDisplayNode()
    colors = display.GetColorNode() if display is not None else None
    names = {}
    for value in np.unique(slicer.util.arrayFromVolume(node)) if colors is not None else ():
        color = [0.0] * 4
        if value > 0 and colors.GetColor(int(value), color):
            names[int(value)] = Label(colors.GetColorName(int(value)), tuple(color[:3]))
    return image, rasFromIjk(node), names


def _mergedSegments(
    node: slicer.vtkMRMLSegmentationNode,
) -> tuple[vtk.vtkImageData, np.ndarray, dict[int, Label]]:
    copy = slicer.vtkSegmentation()
    copy.DeepCopy(node.GetSegmentation())
    if copy.GetNumberOfSegments() == 0:
        raise InputError(f"The segmentation '{node.GetName()}' has no segments. Draw one or choose another.")
    if not copy.ContainsRepresentation(_BINARY):
        _setGeometryForSurfaces(copy)
        if not copy.CreateRepresentation(_BINARY):
            raise InputError(
                f"The segmentation '{node.GetName()}' cannot be turned into voxels. Choose another."
            )
    holder = slicer.vtkMRMLSegmentationNode()
    holder.SetAndObserveSegmentation(copy)
    merged = slicer.vtkOrientedImageData()
    segmentIds, values, names = vtk.vtkStringArray(), vtk.vtkIntArray(), {}
    for index in range(copy.GetNumberOfSegments()):
        segmentIds.InsertNextValue(copy.GetNthSegmentID(index))
        values.InsertNextValue(index + 1)
        names[index + 1] = Label(copy.GetNthSegment(index).GetName(), copy.GetNthSegment(index).GetColor())
    union = slicer.vtkSegmentation.EXTENT_UNION_OF_EFFECTIVE_SEGMENTS
    if not holder.GenerateMergedLabelmapForAllSegments(merged, union, None, segmentIds, values):
        raise InputError(f"The segmentation '{node.GetName()}' is empty. Draw in it or choose another.")
    matrix = vtk.vtkMatrix4x4()
    merged.GetImageToWorldMatrix(matrix)
    image = vtk.vtkImageData()
    image.ShallowCopy(merged)
    return image, slicer.util.arrayFromVTKMatrix(matrix), names


def _setGeometryForSurfaces(segmentation: slicer.vtkSegmentation, spacing_mm: float = 0.5) -> None:
    """Surfaces need to be told the grid of their voxels: their bounding box, in half millimetres."""
    bounds = [0.0] * 6
    segmentation.GetBounds(bounds)
    lower, upper = np.array(bounds[::2]) - spacing_mm, np.array(bounds[1::2]) + spacing_mm
    size = np.maximum(np.ceil((upper - lower) / spacing_mm), 1).astype(int) + 1
    image = slicer.vtkOrientedImageData()
    image.SetDimensions(*size.tolist())
    image.SetSpacing(spacing_mm, spacing_mm, spacing_mm)
    image.SetOrigin(*lower.tolist())
    converter = slicer.vtkSegmentationConverter
    segmentation.SetConversionParameter(
        converter.GetReferenceImageGeometryParameterName(), converter.SerializeImageGeometry(image)
    )


def _onGrid(
    image: vtk.vtkImageData, labelIjkFromGridIjk: vtk.vtkAbstractTransform, grid: slicer.vtkMRMLVolumeNode
) -> vtk.vtkImageData:
    """Labels at the voxel centres of a volume."""
    image.SetOrigin(0, 0, 0)
    image.SetSpacing(1, 1, 1)
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(image)
    reslice.SetInterpolationModeToNearestNeighbor()
    reslice.SetOutputScalarType(vtk.VTK_INT)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputSpacing(1, 1, 1)
    columns, rows, slices = grid.GetImageData().GetDimensions()
    reslice.SetOutputExtent(0, columns - 1, 0, rows - 1, 0, slices - 1)
    reslice.SetResliceTransform(labelIjkFromGridIjk)
    reslice.Update()
    return reslice.GetOutput()


def _labelIjkFromGridIjk(
    labelRasFromIjk: np.ndarray,
    labelParent: slicer.vtkMRMLTransformNode | None,
    grid: slicer.vtkMRMLVolumeNode,
    gridParent: slicer.vtkMRMLTransformNode | None,
) -> vtk.vtkAbstractTransform:
    """Index in the label image from index in the volume, both seen in the world."""
    labelIjkFromRas = np.linalg.inv(labelRasFromIjk)
    linear = vtk.vtkMatrix4x4()
    if slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(gridParent, labelParent, linear):
        matrix = labelIjkFromRas @ slicer.util.arrayFromVTKMatrix(linear) @ rasFromIjk(grid)
        transform = vtk.vtkMatrixToLinearTransform()
        transform.SetInput(slicer.util.vtkMatrixFromArray(matrix))
        return transform
    between = vtk.vtkGeneralTransform()
    slicer.vtkMRMLTransformNode.GetTransformBetweenNodes(gridParent, labelParent, between)
    transform = vtk.vtkGeneralTransform()
    transform.PostMultiply()
    transform.Concatenate(slicer.util.vtkMatrixFromArray(rasFromIjk(grid)))
    transform.Concatenate(between)
    transform.Concatenate(slicer.util.vtkMatrixFromArray(labelIjkFromRas))
    return transform
