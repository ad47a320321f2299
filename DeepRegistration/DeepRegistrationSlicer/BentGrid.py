"""The grid of a deformation over the slice view of the tab of two radiographs."""

import slicer

from DeepRegistrationSlicer.LayoutViews import viewNode
from DeepRegistrationSlicer.XrayViews import SECTION_VIEW

_SPACING_MM = 10.0


def showGrid(
    transform: slicer.vtkMRMLTransformNode | None, atlas: slicer.vtkMRMLScalarVolumeNode, isShown: bool
) -> None:
    """Shows how a displacement grid bends the lines of a regular one, in the slice view only.

    Args:
        transform: of a result; nothing is shown of a linear one.
        atlas: the lines are drawn where it lies.
        isShown: false hides the lines.
    """
    if transform is None or transform.IsLinear():
        return
    transform.CreateDefaultDisplayNodes()
    display = transform.GetDisplayNode()
    display.SetAndObserveRegionNode(atlas)
    display.SetVisualizationMode(display.VIS_MODE_GRID)
    display.SetGridSpacingMm(_SPACING_MM)
    display.SetVisibility3D(False)
    display.SetVisibility2D(True)
    display.SetViewNodeIDs([viewNode("vtkMRMLSliceNode", SECTION_VIEW).GetID()])
    display.SetVisibility(isShown)
