"""Files that come with the module as nodes: one that is in the scene already is not loaded again."""

from pathlib import Path

import slicer

from DeepRegistrationSlicer.Choices import GeometryChoice
from DeepRegistrationSlicer.MrmlBridge import loadVolume
from DeepRegistrationSlicer.XrayParameters import RadiographParameters

SAMPLES = Path(__file__).resolve().parents[1] / "Resources" / "Samples"
"""The folder of the samples that come with the module."""

_SAMPLE = "DeepRegistration.sample"
"""Attribute of the nodes: the file that they came from."""


def loadedSample(
    path: Path, name: str, className: str = "vtkMRMLScalarVolumeNode"
) -> slicer.vtkMRMLVolumeNode:
    """The node of a file of a sample.

    Args:
        path: of the file.
        name: of the node.
        className: of the node.

    Raises:
        InputError: the file cannot be read.
    """
    node = findSampleNode(path, className)
    if node is None:
        node = loadVolume(path, name, className)
        markSampleNode(node, path)
    return node


def findSampleNode(path: Path, className: str) -> slicer.vtkMRMLNode | None:
    """The node that came from a file of a sample; None if it is not in the scene."""
    nodes = slicer.util.getNodesByClass(className)
    return next((node for node in nodes if node.GetAttribute(_SAMPLE) == path.name), None)


def markSampleNode(node: slicer.vtkMRMLNode, path: Path) -> None:
    """Says of a node which file of a sample it came from."""
    node.SetAttribute(_SAMPLE, path.name)


def sampleView(stem: str, number: int, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    """The node of a radiograph that comes with the module; see `chooseSampleView`."""
    return loadedSample(SAMPLES / f"{stem}_radiograph{number}.nrrd", name)


def chooseSampleView(radiograph: RadiographParameters, stem: str, number: int, name: str) -> None:
    """Chooses a radiograph that comes with the module, with its camera file.

    Args:
        radiograph: the choices.
        stem: with which the names of the files begin.
        number: of the view, from 1.
        name: of the node.

    Raises:
        InputError: the file cannot be read.
    """
    radiograph.volume = sampleView(stem, number, name)
    radiograph.frame, radiograph.isMirrored = 0, False
    radiograph.geometry = GeometryChoice.FILE
    radiograph.file = str(SAMPLES / f"{stem}_camera{number}.json")
