"""Single slices: taken out of a volume by number or by a plane, filled from another volume, updated in place.

With `MrmlBridge.py` and `MrmlLabels.py` the only file that knows how MRML holds them.
"""

from dataclasses import dataclass

import numpy as np
import slicer
import vtk

from DeepRegistrationSlicer.MrmlBridge import rasFromIjk

_LARGEST_PIXELS = 1024
# planes this close to parallel with an edge [mm] do not cross it
_PARALLEL_MM = 1e-9


@dataclass(frozen=True)
class _Grid:
    """Size (columns, rows) of a slice, and its RAS from index (4, 4)."""

    size: tuple[int, int]
    rasFromIndex: np.ndarray


def dimensionsOf(volume: slicer.vtkMRMLVolumeNode) -> tuple[int, int, int]:
    """Columns, rows, slices."""
    return volume.GetImageData().GetDimensions()


def middleOf(volume: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """(3,) [mm]; in the volume's own RAS."""
    index = (np.array(dimensionsOf(volume)) - 1) / 2
    return (rasFromIjk(volume) @ [*index, 1.0])[:3]


def sliceAxis(volume: slicer.vtkMRMLVolumeNode) -> int:
    """The index axis across the slices: the one with one voxel, else the one of the largest spacing."""
    dimensions, spacing = dimensionsOf(volume), np.asarray(volume.GetSpacing())
    if min(dimensions) == 1:
        # the last, so that a line of voxels is a slice in k
        return 2 - dimensions[::-1].index(1)
    # the last of equals: slices of an isotropic volume are counted along k; spacings in files are rounded
    return int(max(np.flatnonzero(spacing > spacing.max() * (1 - 1e-4))))


def numberedSlice(
    volume: slicer.vtkMRMLVolumeNode, number: int, name: str, axis: int | None = None
) -> slicer.vtkMRMLScalarVolumeNode:
    """One slice of a volume as a volume of its own, in the volume's own RAS; not in the scene.

    Args:
        volume: has that slice.
        number: from 0, along the axis.
        name: of the new node.
        axis: across the slices; None takes `sliceAxis`.
    """
    axis = sliceAxis(volume) if axis is None else axis
    # a cyclic order keeps the grid right-handed where it was
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    dimensions = dimensionsOf(volume)
    permutation = np.eye(4)[:, [*order, 3]]
    permutation[axis, 3] = number
    grid = _Grid((dimensions[order[0]], dimensions[order[1]]), rasFromIjk(volume) @ permutation)
    return _slice(volume, permutation, grid, name, nearest=True)


def planeThrough(
    volume: slicer.vtkMRMLVolumeNode, rasFromPlane: np.ndarray, name: str
) -> slicer.vtkMRMLScalarVolumeNode | None:
    """What a plane shows of a volume, as a volume of one slice; not in the scene.

    Pixels are as large as the smallest edge of a voxel; the slice is as thick as the voxels are across it.

    Args:
        volume: is cut.
        rasFromPlane: (4, 4); the volume's own RAS [mm] from the plane's x (columns), y (rows) and normal.
        name: of the new node.

    Returns:
        None if the plane does not meet the volume.
    """
    crossed = _crossedEdges(volume, rasFromPlane)
    if len(crossed) < 3:
        return None
    spacing = np.asarray(volume.GetSpacing())
    lower, extent = crossed.min(axis=0), np.ptp(crossed, axis=0)
    pixel = max(float(spacing.min()), float(extent.max()) / _LARGEST_PIXELS)
    size = tuple(int(count) for count in np.maximum(np.round(extent / pixel), 1))
    # the pixels together are centred on what is crossed
    first = lower + (extent - pixel * (np.array(size) - 1)) / 2
    rasFromIndex = rasFromPlane @ np.diag([pixel, pixel, _thickness(volume, rasFromPlane), 1.0])
    rasFromIndex[:, 3] = rasFromPlane @ [*first, 0.0, 1.0]
    grid = _Grid(size, rasFromIndex)
    return _slice(volume, np.linalg.inv(rasFromIjk(volume)) @ rasFromIndex, grid, name, nearest=False)


def fillFrom(
    target: slicer.vtkMRMLVolumeNode, source: slicer.vtkMRMLVolumeNode, sourceFromTarget: np.ndarray
) -> None:
    """Replaces the voxels of a volume by those of another; linear, 0 outside.

    Args:
        target: keeps its grid.
        source: gives the voxels.
        sourceFromTarget: (4, 4); own RAS [mm] of the source from own RAS of the target.
    """
    ijkFromIndex = np.linalg.inv(rasFromIjk(source)) @ sourceFromTarget @ rasFromIjk(target)
    target.SetAndObserveImageData(_resliced(source, ijkFromIndex, dimensionsOf(target), nearest=False))


def copySlice(target: slicer.vtkMRMLVolumeNode, source: slicer.vtkMRMLVolumeNode) -> None:
    """Gives a slice in the scene the voxels and the place of another one."""
    matrix = vtk.vtkMatrix4x4()
    source.GetIJKToRASMatrix(matrix)
    with slicer.util.NodeModify(target):
        target.SetIJKToRASMatrix(matrix)
        target.SetAndObserveImageData(source.GetImageData())


def planeOf(volume: slicer.vtkMRMLVolumeNode, number: int | None = None) -> np.ndarray:
    """(4, 4); the volume's own RAS [mm] from the plane of a slice: x along columns, y along rows, its centre.

    Args:
        volume: a slice, or a stack of them.
        number: which slice; None takes the middle one.
    """
    axis, dimensions, matrix = sliceAxis(volume), dimensionsOf(volume), rasFromIjk(volume)
    order = [(axis + 1) % 3, (axis + 2) % 3, axis]
    centre = (np.array(dimensions, dtype=np.float64) - 1) / 2
    centre[axis] = dimensions[axis] // 2 if number is None else number
    columns = matrix[:3, order[0]] / np.linalg.norm(matrix[:3, order[0]])
    rows = matrix[:3, order[1]] / np.linalg.norm(matrix[:3, order[1]])
    plane = np.eye(4)
    plane[:3, 0], plane[:3, 1], plane[:3, 2] = columns, rows, np.cross(columns, rows)
    plane[:, 3] = matrix @ [*centre, 1.0]
    return plane


def planeSize(volume: slicer.vtkMRMLVolumeNode) -> tuple[float, float]:
    """Width and height of a slice [mm], voxels included."""
    axis, dimensions, spacing = sliceAxis(volume), dimensionsOf(volume), volume.GetSpacing()
    first, second = (axis + 1) % 3, (axis + 2) % 3
    return dimensions[first] * spacing[first], dimensions[second] * spacing[second]


def _slice(
    volume: slicer.vtkMRMLVolumeNode, ijkFromIndex: np.ndarray, grid: _Grid, name: str, nearest: bool
) -> slicer.vtkMRMLScalarVolumeNode:
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(name)
    node.SetAndObserveImageData(_resliced(volume, ijkFromIndex, (*grid.size, 1), nearest))
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(grid.rasFromIndex))
    return node


def _resliced(
    volume: slicer.vtkMRMLVolumeNode,
    ijkFromIndex: np.ndarray,
    dimensions: tuple[int, int, int],
    nearest: bool,
) -> vtk.vtkImageData:
    """Voxels of a volume at the indices of another grid."""
    reslice = vtk.vtkImageReslice()
    reslice.SetInputData(volume.GetImageData())
    if nearest:
        reslice.SetInterpolationModeToNearestNeighbor()
    else:
        reslice.SetInterpolationModeToLinear()
    transform = vtk.vtkMatrixToLinearTransform()
    transform.SetInput(slicer.util.vtkMatrixFromArray(ijkFromIndex))
    reslice.SetResliceTransform(transform)
    reslice.SetOutputOrigin(0, 0, 0)
    reslice.SetOutputSpacing(1, 1, 1)
    columns, rows, slices = dimensions
    reslice.SetOutputExtent(0, columns - 1, 0, rows - 1, 0, slices - 1)
    # half a voxel beyond the outermost centres still belongs to the image, also where there is one slice only
    reslice.BorderOn()
    reslice.Update()
    image = vtk.vtkImageData()
    image.DeepCopy(reslice.GetOutput())
    return image


def _crossedEdges(volume: slicer.vtkMRMLVolumeNode, rasFromPlane: np.ndarray) -> np.ndarray:
    """(N, 2) where the plane crosses the edges of the volume's box, in the plane's x and y [mm]."""
    size = np.array(dimensionsOf(volume))
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    planeFromIjk = np.linalg.inv(rasFromPlane) @ rasFromIjk(volume)
    points = (corners * size - 0.5) @ planeFromIjk[:3, :3].T + planeFromIjk[:3, 3]
    found = []
    for first in range(8):
        for second in range(first + 1, 8):
            isEdge = np.abs(corners[first] - corners[second]).sum() == 1
            start, end = points[first], points[second]
            if isEdge and start[2] * end[2] <= 0 and abs(end[2] - start[2]) > _PARALLEL_MM:
                found.append(start + (end - start) * start[2] / (start[2] - end[2]))
    return np.array(found).reshape(-1, 3)[:, :2]


def _thickness(volume: slicer.vtkMRMLVolumeNode, rasFromPlane: np.ndarray) -> float:
    """How thick the voxels are along the plane's normal [mm]: their spacings, weighted by direction."""
    matrix, spacing = rasFromIjk(volume)[:3, :3], np.asarray(volume.GetSpacing())
    weights = (rasFromPlane[:3, 2] @ (matrix / spacing)) ** 2
    return float(weights @ spacing / weights.sum())
