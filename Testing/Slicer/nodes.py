"""Nodes that tests need: oblique volumes, parent transforms, labels."""

import numpy as np
import slicer
import vtk
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createVolume


def rotation(angles_deg: tuple[float, float, float]) -> np.ndarray:
    """(4, 4) rotation about x, then y, then z."""
    transform = vtk.vtkTransform()
    transform.RotateZ(angles_deg[2])
    transform.RotateY(angles_deg[1])
    transform.RotateX(angles_deg[0])
    return slicer.util.arrayFromVTKMatrix(transform.GetMatrix())


def obliqueMatrix(
    spacing_mm=(0.7, 1.1, 2.3), origin_ras=(-1234.5678, 987.6543, -456.789), angles_deg=(20, -35, 50)
) -> np.ndarray:
    """(4, 4) RAS from ijk of an oblique, anisotropic image far from the origin."""
    matrix = rotation(angles_deg) @ np.diag([*spacing_mm, 1.0])
    matrix[:3, 3] = origin_ras
    return matrix


def obliqueVolume(name="subject", dtype=np.float32, shape_kji=(9, 11, 13)):
    """A volume of noise on the oblique grid."""
    values = np.random.default_rng(7).normal(100, 30, shape_kji).astype(dtype)
    return createVolume(values, obliqueMatrix(), name)


def movedBy(node, angles_deg=(10, 20, 30), translation_mm=(5, -7, 11), name="parent"):
    """Puts a node under a new linear transform; returns the transform."""
    matrix = rotation(angles_deg)
    matrix[:3, 3] = translation_mm
    transform = createLinearTransform(matrix, name)
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def bentBy(node, displacement_mm=(3.0, -2.0, 4.0)):
    """Puts a node under a grid transform that moves everything by one vector; returns the transform."""
    image = vtk.vtkImageData()
    image.SetDimensions(3, 3, 3)
    image.SetSpacing(5000, 5000, 5000)
    image.SetOrigin(-5000, -5000, -5000)
    image.AllocateScalars(vtk.VTK_DOUBLE, 3)
    for component, value in enumerate(displacement_mm):
        image.GetPointData().GetScalars().FillComponent(component, value)
    grid = slicer.vtkOrientedGridTransform()
    grid.SetDisplacementGridData(image)
    grid.SetInterpolationModeToLinear()
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", "bent")
    transform.SetAndObserveTransformToParent(grid)
    node.SetAndObserveTransformNodeID(transform.GetID())
    return transform


def nodeIds() -> list[str]:
    """IDs of all nodes in the scene, in order."""
    scene = slicer.mrmlScene
    return [scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())]
