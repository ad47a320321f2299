"""Files that come with the module as nodes: one that is in the scene already is not loaded again."""

from pathlib import Path

import slicer

from DeepRegistrationSlicer.MrmlBridge import loadVolume

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
    for node in slicer.util.getNodesByClass(className):
        if node.GetAttribute(_SAMPLE) == path.name:
            return node
    node = loadVolume(path, name, className)
    node.SetAttribute(_SAMPLE, path.name)
    return node
