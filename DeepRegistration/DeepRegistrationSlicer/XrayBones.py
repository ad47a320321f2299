"""The bones of a CT as a surface, so that a pose can be seen in 3D."""

import math

import numpy as np
import slicer
import vtk

from DeepRegistrationSlicer.MrmlBridge import rasFromIjk
from DeepRegistrationSlicer.MrmlLabels import labelImage
from DeepRegistrationSlicer.MrmlSurfaces import closedSurface
from DeepRegistrationSlicer.Request import parentBesideMask

_BONE_FROM_HU = 200.0
_COLOR = (0.89, 0.83, 0.70)
"""Of bone, as Slicer paints it."""
_MOST_VOXELS = 160
"""Along one axis; a finer surface is not seen and takes long."""


def createBones(
    ct: slicer.vtkMRMLScalarVolumeNode, labels: slicer.vtkMRMLNode | None, name: str
) -> slicer.vtkMRMLModelNode:
    """Adds the surface of the bones to the scene, where the CT stands.

    Args:
        ct: in HU.
        labels: segmentation or label volume of the bones; None takes whatever is as dense as bone.
        name: of the node.
    """
    placed = _labelsOn(ct, labels) if labels is not None else None
    image, matrix = placed or (ct.GetImageData(), rasFromIjk(ct))
    image, matrix = _coarser(image, matrix, isLabels=placed is not None)
    model = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", name)
    lowest = 1.0 if placed is not None else _BONE_FROM_HU
    model.SetAndObservePolyData(closedSurface(image, matrix, lowest))
    model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetColor(*_COLOR)
    display.SetScalarVisibility(False)
    display.SetVisibility2D(False)
    model.SetAndObserveTransformNodeID(ct.GetTransformNodeID())
    return model


def parentOfCt(
    ct: slicer.vtkMRMLScalarVolumeNode, labels: slicer.vtkMRMLNode
) -> slicer.vtkMRMLTransformNode | None:
    """The transform under which CT and bones lie on each other.

    Bones without a transform belong to the CT as it was loaded, wherever it was put since.
    """
    return None if labels.GetParentTransformNode() is None else parentBesideMask(labels, ct)


def standTogether(ct: slicer.vtkMRMLScalarVolumeNode, bones: slicer.vtkMRMLNode) -> bool:
    """True if both are under the same transform, or none: where one is moved, the other goes along."""
    return ct.GetTransformNodeID() == bones.GetTransformNodeID()


def _labelsOn(
    ct: slicer.vtkMRMLScalarVolumeNode, labels: slicer.vtkMRMLNode
) -> tuple[vtk.vtkImageData, np.ndarray] | None:
    """Labels with their place in the CT's own RAS; None if a bent transform is between them."""
    image, matrix, _ = labelImage(labels)
    source, target = labels.GetParentTransformNode(), parentOfCt(ct, labels)
    between = vtk.vtkMatrix4x4()
    isLinear = slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(source, target, between)
    return (image, slicer.util.arrayFromVTKMatrix(between) @ matrix) if isLinear else None


def _coarser(
    image: vtk.vtkImageData, rasFromIndex: np.ndarray, isLabels: bool
) -> tuple[vtk.vtkImageData, np.ndarray]:
    """The image with fewer voxels, and its RAS from index."""
    factors = [math.ceil(count / _MOST_VOXELS) for count in image.GetDimensions()]
    if max(factors) == 1:
        return image, rasFromIndex
    shrink = vtk.vtkImageShrink3D()
    shrink.SetInputData(image)
    shrink.SetShrinkFactors(factors)
    # of labels, what is thin must not vanish
    shrink.SetMaximum(isLabels)
    shrink.SetMean(not isLabels)
    shrink.Update()
    coarse = vtk.vtkImageData()
    coarse.DeepCopy(shrink.GetOutput())
    coarse.SetOrigin(0, 0, 0)
    coarse.SetSpacing(1, 1, 1)
    columns, rows, slices = coarse.GetDimensions()
    coarse.SetExtent(0, columns - 1, 0, rows - 1, 0, slices - 1)
    # the first coarse voxel is the mean of the first `factor` ones
    matrix = rasFromIndex @ np.diag([*factors, 1.0])
    matrix[:3, 3] = (rasFromIndex @ [*((np.array(factors) - 1) / 2), 1.0])[:3]
    return coarse, matrix
