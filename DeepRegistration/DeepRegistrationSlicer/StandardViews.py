"""Shows a result in views that every Slicer has, for scenes that are written here and opened elsewhere."""

from collections.abc import Sequence

import slicer

from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationSlicer.LayoutViews import viewNode
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.SliceInAtlasView import showInViews
from DeepRegistrationSlicer.SweepBrowser import proxyOf
from DeepRegistrationSlicer.UltrasoundViews import showFrames
from DeepRegistrationSlicer.XrayViewNodes import showRadiographs

SLICE_VIEWS = ("Red", "Yellow", "Green")


def showInStandardViews(result: ResultNodes) -> tuple[str, ...]:
    """Chooses what the slice views show and where they cut.

    Args:
        result: of any job.

    Returns:
        Names of the slice views that show something of their own; the others repeat it.
    """
    job = result.content()["job"]
    if job == JobKind.FETAL_SLICE:
        showInViews(result, SLICE_VIEWS[:2])
        return SLICE_VIEWS[:2]
    if job == JobKind.XRAY_CT:
        showRadiographs(result)
        return SLICE_VIEWS[: len(result.content()["views"])]
    if job == JobKind.BIPLANAR:
        showRadiographs(result)
        _showVolume(result.warped or result.atlas, views=SLICE_VIEWS[2:])
        return SLICE_VIEWS
    if job == JobKind.US_ANGLES:
        isSequence = result.subject.IsA("vtkMRMLSequenceNode")
        _showVolume(proxyOf(result.subject) if isSequence else result.subject)
        return showFrames(result, SLICE_VIEWS[:2])
    _showVolume(result.subject, result.atlas or result.warped)
    return SLICE_VIEWS


def _showVolume(
    background: slicer.vtkMRMLVolumeNode,
    foreground: slicer.vtkMRMLVolumeNode | None = None,
    views: Sequence[str] = SLICE_VIEWS,
) -> None:
    """Slicer takes over what its views showed when the scene was saved; without this they would be black."""
    for name in views:
        view = viewNode("vtkMRMLSliceCompositeNode", name)
        view.SetBackgroundVolumeID(background.GetID())
        view.SetForegroundVolumeID(foreground.GetID() if foreground is not None else None)
