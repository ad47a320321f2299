"""A CT that moves while it is registered, and where it stands when that ends."""

from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.progress import Progress
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform
from DeepRegistrationSlicer.XrayStage import LIVE, XrayStage


class XrayPoseWatch:
    """Moves the CT as the registration tells, from its start to `end`.

    Args:
        ct: is registered, or a model in its place.
        stage: what is seen meanwhile.
        start: (4, 4); where the CT stands in the world [mm].
    """

    def __init__(self, ct: slicer.vtkMRMLTransformableNode, stage: XrayStage, start: np.ndarray) -> None:
        self._ct, self._stage = ct, stage
        self._parentId = ct.GetTransformNodeID()
        self._transform = createLinearTransform(start, f"{ct.GetName()} being registered")
        self._transform.SetAttribute(LIVE, "true")
        ct.SetAndObserveTransformNodeID(self._transform.GetID())

    def show(self, progress: Progress, folder: Path) -> None:
        """Moves the CT to the pose so far, and shows its DRRs.

        Args:
            progress: of the registration; its pose counts.
            folder: where the worker leaves DRRs.
        """
        if progress.pose is None or self._transform.GetScene() is None:
            return
        matrix = np.array(progress.pose, dtype=np.float64).reshape(4, 4)
        self._transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
        self._stage.update(folder)

    def end(self, isKept: bool) -> None:
        """The registration has ended: what was seen is removed.

        Args:
            isKept: the CT stays at the last pose; else it stands where it stood before.
        """
        self._stage.remove()
        ct, transform = self._ct, self._transform
        if transform.GetScene() is None:
            return
        isHere = ct.GetScene() is not None and ct.GetTransformNodeID() == transform.GetID()
        if isKept and isHere:
            transform.SetName(slicer.mrmlScene.GenerateUniqueName(f"{ct.GetName()} pose when cancelled"))
            transform.RemoveAttribute(LIVE)
            return
        if isHere:
            parent = slicer.mrmlScene.GetNodeByID(self._parentId) if self._parentId else None
            ct.SetAndObserveTransformNodeID(parent.GetID() if parent is not None else None)
        slicer.mrmlScene.RemoveNode(transform)
