"""Radiographs and DRRs as nodes that stand on their detector; the user's own node stays as it is."""

from pathlib import Path

import slicer

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationSlicer.MrmlBridge import loadVolume
from DeepRegistrationSlicer.ResultLoader import showLike
from DeepRegistrationSlicer.XrayGeometry import RadiographSource

_COLORS = "vtkMRMLColorTableNodeYellow"
# line integrals of the attenuation, without unit: a hand's breadth of air, and more than any body has
_AIR, _OPAQUE = 0.02, 1e6


def createOnDetector(source: RadiographSource, camera: Camera, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    """Adds a copy of a radiograph to the scene that stands on the detector.

    Args:
        source: the radiograph.
        camera: of exactly these pixels, in the world.
        name: of the node.
    """
    node = source.image()
    node.SetName(name)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(camera.ras_from_ijk))
    # a copy of a radiograph comes and goes with the CT's result, also where steps are undone
    node.SetUndoEnabled(source.volume.GetUndoEnabled())
    node = slicer.mrmlScene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    showLike(source.volume, node)
    return node


def createDrr(path: Path, name: str) -> slicer.vtkMRMLScalarVolumeNode:
    """Adds a DRR from a file; it stands on the detector already."""
    node = loadVolume(path, name)
    colour(node)
    return node


def colour(node: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Shows a DRR in a colour, to be told from the grey of the radiograph under it; air is not painted."""
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(_COLORS)
    display.AutoThresholdOff()
    display.SetThreshold(_AIR, _OPAQUE)
    display.ApplyThresholdOn()
