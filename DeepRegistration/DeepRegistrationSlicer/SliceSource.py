"""Which slice is meant: a node as it is, one slice of a volume, or what a slice view shows of it."""

from dataclasses import dataclass

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationSlicer.MrmlBridge import checkVolume, rasFromIjk
from DeepRegistrationSlicer.MrmlSlices import copySlice, dimensionsOf, numberedSlice, planeThrough, sliceAxis
from DeepRegistrationSlicer.ResultLoader import showLike
from DeepRegistrationSlicer.ResultNodes import parentWithoutResults

SLICE_OF = "DeepRegistration.sliceOf"
"""Reference from a slice that was taken out of a volume to that volume."""
TAKEN_AS = "DeepRegistration.takenAs"
"""Attribute of such a slice: how it was taken."""


@dataclass(frozen=True, eq=False)
class SliceSource:
    """A slice, or a stack of them, among the nodes of the scene.

    Without number and view it is the node as it is. Else the slice becomes a node of its own, which is put
    into the atlas while the volume stays where it is.

    Attributes:
        volume: the node chosen.
        number: slice number, from 0 across the slices.
        view: name of the slice view whose plane is taken ("Red").
    """

    volume: slicer.vtkMRMLScalarVolumeNode | None
    number: int | None = None
    view: str | None = None

    @property
    def isWhole(self) -> bool:
        """True if the node is registered as it is."""
        return self.number is None and self.view is None

    @property
    def key(self) -> str:
        """How the slice is taken, in words."""
        if self.view is not None:
            return f"slice in the {self.view} view"
        return f"slice {self.number}" if self.number is not None else ""

    def viewNode(self) -> slicer.vtkMRMLSliceNode | None:
        """The slice view; None if it is not in the scene, or not asked for."""
        nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode") if self.view is not None else []
        return next((node for node in nodes if node.GetLayoutName() == self.view), None)

    def check(self) -> None:
        """Refuses what is no slice.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkVolume(self.volume, "slice or stack", mayBeSlice=True)
        dimensions = dimensionsOf(self.volume)
        if sorted(dimensions)[1] < 2:
            size = " x ".join(str(n) for n in dimensions)
            raise InputError(
                f"The volume '{self.volume.GetName()}' is a line of voxels ({size}). Choose a slice or stack."
            )
        if self.number is not None:
            count = dimensions[sliceAxis(self.volume)]
            if not 0 <= self.number < count:
                raise InputError(
                    f"The volume '{self.volume.GetName()}' has no slice {self.number}: its slices have the "
                    f"numbers 0 to {count - 1}. Choose one of them."
                )
        if self.view is not None:
            self._rasFromView()

    def take(self) -> slicer.vtkMRMLScalarVolumeNode:
        """The slice as it is now: the node itself, or a new one that is not in the scene.

        Raises:
            InputError: the view shows nothing of the volume.
        """
        if self.isWhole:
            return self.volume
        name = f"{self.volume.GetName()} {self.key}"
        if self.number is not None:
            return numberedSlice(self.volume, self.number, name)
        taken = planeThrough(self.volume, self._rasFromView(), name)
        if taken is None:
            raise InputError(
                f"The {self.view} view shows nothing of the volume '{self.volume.GetName()}'. Move its slice "
                "into the volume, or choose another slice."
            )
        return taken

    def node(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The node in the scene that stands for the slice; None if it was not taken yet."""
        if self.volume is None or self.isWhole:
            return self.volume
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        return next((node for node in nodes if self._isMine(node)), None)

    def place(self, taken: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLScalarVolumeNode:
        """Adds a slice that was taken to the scene, or updates the node that is there for it."""
        node = self.node()
        if node is not None:
            if node is not taken:
                copySlice(node, taken)
            return node
        node = slicer.mrmlScene.AddNode(taken)
        node.CreateDefaultDisplayNodes()
        showLike(self.volume, node)
        node.SetNodeReferenceID(SLICE_OF, self.volume.GetID())
        node.SetAttribute(TAKEN_AS, self.key)
        parent = parentWithoutResults(self.volume)
        node.SetAndObserveTransformNodeID(parent.GetID() if parent is not None else None)
        return node

    def state(self) -> tuple:
        """Changes whenever the slice does: its voxels, their place, the view's plane."""
        image, view = self.volume.GetImageData(), self.viewNode()
        plane = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS()).tobytes() if view is not None else b""
        return (image.GetMTime() if image is not None else 0, rasFromIjk(self.volume).tobytes(), plane)

    def _isMine(self, node: slicer.vtkMRMLScalarVolumeNode) -> bool:
        return (
            node.GetNodeReferenceID(SLICE_OF) == self.volume.GetID()
            and node.GetAttribute(TAKEN_AS) == self.key
        )

    def _rasFromView(self) -> np.ndarray:
        """(4, 4); the volume's own RAS [mm] from the plane of the view."""
        view, parent = self.viewNode(), self.volume.GetParentTransformNode()
        if view is None:
            raise InputError(
                f"There is no {self.view} slice view. Choose a layout that has one, or choose a slice number."
            )
        if parent is not None and not parent.IsTransformToWorldLinear():
            raise InputError(
                f"The volume '{self.volume.GetName()}' stands under a transform that is not linear, so what "
                "a view shows of it is no plane of the volume. Choose a slice number."
            )
        worldFromView = slicer.util.arrayFromVTKMatrix(view.GetSliceToRAS())
        if parent is None:
            return worldFromView
        return np.linalg.inv(slicer.util.arrayFromTransformMatrix(parent, toWorld=True)) @ worldFromView
