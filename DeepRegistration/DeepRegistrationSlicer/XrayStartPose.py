"""Moving a CT by hand: a transform of its own, with handles in the 3D view."""

import slicer

from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, matrixToWorld
from DeepRegistrationSlicer.MrmlSlices import middleOf
from DeepRegistrationSlicer.ResultNodes import RESULT_ID
from DeepRegistrationSlicer.XrayBones import standTogether

START_OF = "DeepRegistration.startOf"
"""Reference from a transform that was added for dragging to the CT under it."""


def startTransform(ct: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLTransformNode | None:
    """The transform that dragging changes; None if the CT has none yet."""
    parent = ct.GetParentTransformNode()
    # that of a result stays as it was found
    if parent is None or parent.GetAttribute(RESULT_ID) or not parent.IsLinear():
        return None
    return parent


def makeMovable(
    ct: slicer.vtkMRMLScalarVolumeNode, bones: slicer.vtkMRMLNode | None = None
) -> slicer.vtkMRMLTransformNode:
    """Puts the CT under a transform that can be dragged, where it stands, and shows its handles.

    Args:
        ct: to be dragged.
        bones: its segmentation; goes along if it stands where the CT does.

    Raises:
        InputError: the CT stands under a transform that is not linear.
    """
    transform = startTransform(ct)
    if transform is None:
        transform = createLinearTransform(matrixToWorld(ct), f"{ct.GetName()} start pose")
        transform.SetNodeReferenceID(START_OF, ct.GetID())
        along = [bones] if bones is not None and standTogether(ct, bones) else []
        for node in (ct, *along):
            node.SetAndObserveTransformNodeID(transform.GetID())
    transform.SetCenterOfTransformation(*middleOf(ct))
    transform.CreateDefaultDisplayNodes()
    _showHandles(transform, True)
    return transform


def hideHandles(ct: slicer.vtkMRMLScalarVolumeNode | None) -> None:
    """The CT stays where it is; its handles are gone."""
    transform = startTransform(ct) if ct is not None else None
    if transform is not None and transform.GetDisplayNode() is not None:
        _showHandles(transform, False)


def areHandlesShown(ct: slicer.vtkMRMLScalarVolumeNode | None) -> bool:
    """True while the CT can be dragged."""
    transform = startTransform(ct) if ct is not None else None
    return (
        transform is not None
        and transform.GetDisplayNode() is not None
        and transform.GetDisplayNode().GetEditorVisibility()
    )


def _showHandles(transform: slicer.vtkMRMLTransformNode, isShown: bool) -> None:
    display = transform.GetDisplayNode()
    display.SetEditorVisibility(isShown)
    display.SetEditorTranslationEnabled(True)
    display.SetEditorRotationEnabled(True)
    display.SetEditorScalingEnabled(False)
