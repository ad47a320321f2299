"""What is seen while a CT is dragged or registered: machine, radiographs, DRRs and bones; gone afterwards."""

from collections.abc import Sequence
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationSlicer.MrmlBridge import readVolume
from DeepRegistrationSlicer.MrmlSlices import copySlice
from DeepRegistrationSlicer.ResultNodes import numbered
from DeepRegistrationSlicer.XrayBones import createBones
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayImages import colour, createOnDetector
from DeepRegistrationSlicer.XrayStand import createStand
from DeepRegistrationSlicer.XrayViews import XrayShown, setOverlay, showXray

LIVE = "DeepRegistration.live"
"""Attribute of nodes that are there for a while only; they are not saved."""


class XrayStage:
    """Nodes for the views, from the first look to `remove`.

    Attributes:
        bones: model of the bones.

    Args:
        ct: is dragged or registered.
        bones: segmentation or label volume of the bones; None takes whatever is as dense.
        sources: the radiographs.
        cameras: theirs.
    """

    def __init__(
        self,
        ct: slicer.vtkMRMLScalarVolumeNode,
        bones: slicer.vtkMRMLNode | None,
        sources: Sequence[RadiographSource],
        cameras: Sequence[Camera],
    ) -> None:
        self._ct = ct
        self._drrs: list[slicer.vtkMRMLScalarVolumeNode | None] = [None] * len(sources)
        self._radiographs = [
            self._own(createOnDetector(source, camera, f"{source.volume.GetName()} on detector (live)"))
            for source, camera in zip(sources, cameras, strict=True)
        ]
        self._stands = [
            self._own(createStand(camera, f"X-ray machine {index + 1} (live)", index))
            for index, camera in enumerate(cameras)
        ]
        self.bones = self._own(createBones(ct, bones, f"{ct.GetName()} bones (live)"))

    def show(self, opacity: float) -> None:
        """Arranges the views."""
        models = [*self._stands, self.bones]
        showXray(XrayShown(self._radiographs, self._drrs, models), opacity)

    def update(self, folder: Path) -> bool:
        """Shows the DRRs that the worker has left in a folder; false if there are none."""
        isNew = False
        for index in range(len(self._drrs)):
            path = folder / f"{numbered('drr', index)}.nrrd"
            if path.is_file():
                self._setDrr(index, path)
                isNew = True
        return isNew

    def follow(self) -> None:
        """The bones stand where the CT does, also if it was put under another transform."""
        if self._isThere(self.bones) and self._isThere(self._ct):
            self.bones.SetAndObserveTransformNodeID(self._ct.GetTransformNodeID())

    def remove(self) -> None:
        """Takes the nodes out of the scene."""
        for node in [*self._radiographs, *self._drrs, *self._stands, self.bones]:
            if node is not None and self._isThere(node):
                display = node.GetDisplayNode()
                slicer.mrmlScene.RemoveNode(node)
                # nobody else shows itself with it
                if display is not None and self._isThere(display):
                    slicer.mrmlScene.RemoveNode(display)

    def _setDrr(self, index: int, path: Path) -> None:
        try:
            drr = readVolume(path)
        except InputError:
            # it was replaced just now: the next one will do
            return
        node = self._drrs[index]
        if node is not None and self._isThere(node):
            copySlice(node, drr)
            return
        drr.SetName(f"{self._radiographs[index].GetName()} DRR")
        node = self._drrs[index] = self._own(slicer.mrmlScene.AddNode(drr))
        node.CreateDefaultDisplayNodes()
        colour(node)
        setOverlay(index, node)

    @staticmethod
    def _own(node: slicer.vtkMRMLNode) -> slicer.vtkMRMLNode:
        node.SetAttribute(LIVE, "true")
        node.SetSaveWithScene(False)
        # no choice of a list: it goes as it came
        node.SetHideFromEditors(True)
        return node

    @staticmethod
    def _isThere(node: slicer.vtkMRMLNode) -> bool:
        return node.GetScene() is not None
