"""Nodes to arrays, matrices and files, and back: the only file that knows how MRML holds them.

A volume is taken and given in its own RAS [mm]: whatever transform it stands under stays out of its matrix.
Arrays are (K, J, I). A transform node on an image holds target RAS from image RAS ("to parent").
Only functions named `create` or `load` add nodes to the scene; no node given is changed. For labels see
`MrmlLabels.py`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import slicer
import vtk

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.geometry.frames import check_axes

_ONE_FILE_ENDINGS = (".nrrd", ".nhdr", ".nii", ".nii.gz", ".mha", ".mhd", ".png", ".tif", ".tiff")


def rasFromIjk(volume: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """(4, 4) float64; the volume's own RAS [mm] from voxel index (i, j, k)."""
    matrix = vtk.vtkMatrix4x4()
    volume.GetIJKToRASMatrix(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)


def checkVolume(volume: slicer.vtkMRMLVolumeNode | None, role: str, mayBeSlice: bool = False) -> None:
    """Refuses what cannot be written as one scalar image.

    Args:
        volume: the node.
        role: what it is chosen for, for the text ("fetal brain").
        mayBeSlice: a single slice will do.

    Raises:
        InputError: no node, not in the scene any more, without voxels, in colour, a single slice, or lying
            nowhere.
    """
    if volume is None or volume.GetScene() is None:
        raise InputError(f"No volume is chosen as {role}. Load one and choose it in the panel.")
    checkVoxels(volume, role, mayBeSlice)


def checkVoxels(volume: slicer.vtkMRMLVolumeNode, role: str, mayBeSlice: bool = False) -> None:
    """The same for a node that need not be in the scene; see `checkVolume`."""
    image = volume.GetImageData()
    if image is None or min(image.GetDimensions()) < 1 or image.GetPointData().GetScalars() is None:
        raise InputError(f"The volume '{volume.GetName()}' ({role}) has no voxels. Load it again.")
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(
            f"The volume '{volume.GetName()}' ({role}) has {image.GetNumberOfScalarComponents()} values in "
            "each voxel; one is needed. Take one component out of it with the module Vector to Scalar Volume."
        )
    if min(image.GetDimensions()) < 2 and not mayBeSlice:
        size = " x ".join(str(n) for n in image.GetDimensions())
        raise InputError(
            f"The volume '{volume.GetName()}' ({role}) is a single slice ({size} voxels). Choose a 3D volume."
        )
    check_axes(rasFromIjk(volume), volume.GetName())


def arrayOf(volume: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """(K, J, I) copy of the voxels."""
    return slicer.util.arrayFromVolume(volume).copy()


def createVolume(
    array: np.ndarray, rasFromIjkMatrix: np.ndarray, name: str, className: str = "vtkMRMLScalarVolumeNode"
) -> slicer.vtkMRMLVolumeNode:
    """Adds a volume to the scene.

    Args:
        array: (K, J, I).
        rasFromIjkMatrix: (4, 4); own RAS [mm] from voxel index.
        name: of the node.
        className: of the node.
    """
    matrix = slicer.util.vtkMatrixFromArray(np.asarray(rasFromIjkMatrix, dtype=np.float64))
    return slicer.util.addVolumeFromArray(array, ijkToRAS=matrix, name=name, nodeClassName=className)


def writeVolume(volume: slicer.vtkMRMLVolumeNode, path: Path) -> None:
    """Writes the voxels with the volume's own RAS matrix; a transform above it stays out.

    Raises:
        RegistrationError: the file cannot be written.
    """
    # a storage node of its own: that of the volume keeps saying where the volume came from
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    storage.SetUseCompression(False)
    if not storage.WriteData(volume):
        raise RegistrationError(
            f"The volume '{volume.GetName()}' could not be written to the temporary folder '{path.parent}'. "
            "Free some space there and try again."
        )


def loadVolume(path: Path, name: str, className: str = "vtkMRMLScalarVolumeNode") -> slicer.vtkMRMLVolumeNode:
    """Adds a volume from a file (NRRD, NIfTI, MetaImage, first file of a DICOM series).

    The node keeps no reference to the file: it is saved with the scene, wherever the file was.

    Raises:
        InputError: the file cannot be read.
    """
    volume = slicer.mrmlScene.AddNewNodeByClass(className, name)
    _read(_volumeStorage(path), volume, path)
    volume.CreateDefaultDisplayNodes()
    return volume


def readVolume(path: Path, className: str = "vtkMRMLScalarVolumeNode") -> slicer.vtkMRMLVolumeNode:
    """A volume from a file, for computing; it is not in the scene.

    Raises:
        InputError: the file cannot be read.
    """
    volume = getattr(slicer, className)()
    volume.SetName(path.name.partition(".")[0])
    _read(_volumeStorage(path), volume, path)
    return volume


def loadSegmentation(path: Path, name: str) -> slicer.vtkMRMLSegmentationNode:
    """Adds a segmentation from a .seg.nrrd file, shown as outlines that leave the image to be seen.

    Raises:
        InputError: the file cannot be read.
    """
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    _read(slicer.vtkMRMLSegmentationStorageNode(), segmentation, path)
    segmentation.CreateDefaultDisplayNodes()
    segmentation.GetDisplayNode().SetVisibility2DFill(False)
    return segmentation


def createText(text: str, name: str) -> slicer.vtkMRMLTextNode:
    """Adds a text, saved with the scene."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", name)
    node.SetText(text)
    return node


def createTable(columns: Mapping[str, Sequence[float]], name: str) -> slicer.vtkMRMLTableNode:
    """Adds a table of numbers, saved with the scene.

    Args:
        columns: title -> values; all of one length.
        name: of the node.
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
    for title, values in columns.items():
        column = vtk.vtkDoubleArray()
        column.SetName(title)
        for value in values:
            column.InsertNextValue(value)
        node.AddColumn(column)
    return node


def createLinearTransform(targetFromSource: np.ndarray, name: str) -> slicer.vtkMRMLTransformNode:
    """Adds a linear transform.

    Args:
        targetFromSource: (4, 4); becomes the transform to the parent: nodes under it are in source RAS [mm].
        name: of the node.
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(targetFromSource, np.float64)))
    return node


def loadGridTransform(path: Path, name: str) -> slicer.vtkMRMLGridTransformNode:
    """Adds a displacement grid as ITK resamples with it: Slicer takes it as the way from the parent.

    Raises:
        InputError: the file cannot be read.
    """
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLGridTransformNode", name)
    _read(slicer.vtkMRMLTransformStorageNode(), node, path)
    return node


def writeResamplingTransform(targetFromSource: np.ndarray, path: Path) -> None:
    """Writes a linear transform as ITK resamples with it: the way back, in LPS. Slicer saves nodes so.

    Args:
        targetFromSource: (4, 4); as of a transform node on the source [mm, RAS].
        path: file to write (.tfm).

    Raises:
        RegistrationError: the file cannot be written.
    """
    node = slicer.vtkMRMLLinearTransformNode()
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(np.asarray(targetFromSource, np.float64)))
    storage = slicer.vtkMRMLTransformStorageNode()
    storage.SetFileName(str(path))
    if not storage.WriteData(node):
        raise RegistrationError(
            f"The start pose could not be written to the temporary folder '{path.parent}'. "
            "Free some space there and try again."
        )


def matrixToWorld(node: slicer.vtkMRMLTransformableNode) -> np.ndarray:
    """(4, 4) float64; world RAS [mm] from the node's own RAS.

    Raises:
        InputError: a transform above the node is not linear.
    """
    return matrixUnder(node.GetParentTransformNode(), node)


def matrixUnder(
    parent: slicer.vtkMRMLTransformNode | None, node: slicer.vtkMRMLTransformableNode
) -> np.ndarray:
    """The same as if the node stood under another transform, or under none.

    Raises:
        InputError: that transform is not linear.
    """
    if parent is None:
        return np.eye(4)
    if not parent.IsTransformToWorldLinear():
        raise InputError(
            f"'{node.GetName()}' stands under a transform that is not linear. Take it out, or harden it."
        )
    return slicer.util.arrayFromTransformMatrix(parent, toWorld=True)


def matrixOf(transform: slicer.vtkMRMLTransformNode) -> np.ndarray:
    """(4, 4) float64; parent RAS [mm] from the RAS of nodes under a linear transform.

    Raises:
        InputError: the transform is not linear.
    """
    if not transform.IsLinear():
        raise InputError(f"The transform '{transform.GetName()}' is not linear. Choose a linear one.")
    return slicer.util.arrayFromTransformMatrix(transform)


def _volumeStorage(path: Path) -> slicer.vtkMRMLVolumeArchetypeStorageNode:
    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    # drr.nrrd and drr2.nrrd beside each other are two images; files of a DICOM series are one
    storage.SetSingleFile(path.name.endswith(_ONE_FILE_ENDINGS))
    return storage


def _read(storage: slicer.vtkMRMLStorageNode, node: slicer.vtkMRMLNode, path: Path) -> None:
    storage.SetFileName(str(path))
    if not path.is_file() or not storage.ReadData(node):
        if node.GetScene() is not None:
            node.GetScene().RemoveNode(node)
        raise InputError(f"The file '{path}' cannot be read. It is missing, damaged, or of an unknown kind.")
