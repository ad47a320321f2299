"""What of the scene a registration without a result may not change."""

import slicer
from DeepRegistrationSlicer.MrmlBridge import rasFromIjk

from Testing.Slicer.nodes import nodeIds

_VIEWS = ("vtkMRMLAbstractViewNode", "vtkMRMLSliceCompositeNode", "vtkMRMLLayoutNode", "vtkMRMLCameraNode")
"""Views that something was shown in stay."""


def stateOfScene() -> tuple:
    """Nodes, and where their volumes stand."""
    scene = slicer.mrmlScene
    nodes = [entry for entry in nodeIds() if not any(scene.GetNodeByID(entry).IsA(kind) for kind in _VIEWS)]
    volumes = slicer.util.getNodesByClass("vtkMRMLVolumeNode")
    parents = [node.GetTransformNodeID() for node in volumes]
    return nodes, parents, [rasFromIjk(node).tolist() for node in volumes]
