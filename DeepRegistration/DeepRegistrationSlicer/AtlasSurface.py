"""The brain of an atlas as a surface that can be seen through: where a slice lies in it is seen at once."""

import numpy as np
import slicer
import vtk

from DeepRegistrationSlicer.AtlasSource import Atlas, AtlasInScene, atlasFile
from DeepRegistrationSlicer.MrmlBridge import rasFromIjk, readVolume
from DeepRegistrationSlicer.MrmlLabels import labelImage
from DeepRegistrationSlicer.MrmlSurfaces import closedSurface
from DeepRegistrationSlicer.ResultNodes import ResultNodes

SURFACE_OF = "DeepRegistration.surfaceOf"
"""Reference from the surface to the atlas volume."""

_COLOR = (0.60, 0.85, 1.00)
_OPACITY = 0.25
_OUTLINE_PIXELS = 2


def surfaceOf(atlas: slicer.vtkMRMLScalarVolumeNode | None) -> slicer.vtkMRMLModelNode | None:
    """The surface of an atlas in the scene; None if it has none yet."""
    if atlas is None:
        return None
    models = slicer.util.getNodesByClass("vtkMRMLModelNode")
    return next((node for node in models if node.GetNodeReferenceID(SURFACE_OF) == atlas.GetID()), None)


def ensureAtlasSurface(atlas: Atlas, result: ResultNodes) -> slicer.vtkMRMLModelNode | None:
    """Adds the surface of the atlas of a result to the scene, if it is not there yet.

    Args:
        atlas: what was registered to; its labels, its mask, or what is not background gives the brain.
        result: nodes of the registration.

    Returns:
        None if the atlas itself is not in the scene.
    """
    volume = result.atlas
    if volume is None or surfaceOf(volume) is not None:
        return surfaceOf(volume)
    image, matrix, parent = _brain(atlas, volume, result.content())
    surface = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode", f"{volume.GetName()} brain")
    surface.SetAndObservePolyData(closedSurface(image, matrix, _smallestPositive(image)))
    surface.SetNodeReferenceID(SURFACE_OF, volume.GetID())
    surface.SetAndObserveTransformNodeID(parent.GetID() if parent is not None else None)
    surface.CreateDefaultDisplayNodes()
    display = surface.GetDisplayNode()
    display.SetColor(*_COLOR)
    display.SetScalarVisibility(False)
    display.SetOpacity(_OPACITY)
    # its outline on the slice shows how well the pose fits, while the slice moves too
    display.SetVisibility2D(True)
    display.SetSliceIntersectionThickness(_OUTLINE_PIXELS)
    return surface


def _brain(
    atlas: Atlas, volume: slicer.vtkMRMLScalarVolumeNode, content: dict
) -> tuple[vtk.vtkImageData, np.ndarray, slicer.vtkMRMLTransformNode | None]:
    """An image that is above 0 in the brain, in index coordinates, its RAS, and where it stands."""
    if isinstance(atlas, AtlasInScene):
        if atlas.labels is not None:
            image, matrix, _ = labelImage(atlas.labels)
            return image, matrix, atlas.labels.GetParentTransformNode()
    else:
        for role in ("atlas_mask", "atlas_labels"):
            path = atlasFile(atlas, content, role)
            if path is not None:
                labels = readVolume(path, "vtkMRMLLabelMapVolumeNode")
                return labels.GetImageData(), rasFromIjk(labels), volume.GetParentTransformNode()
    return volume.GetImageData(), rasFromIjk(volume), volume.GetParentTransformNode()


def _smallestPositive(image: vtk.vtkImageData) -> float:
    """What separates brain from background: labels begin at 1, intensities just above 0."""
    isWhole = image.GetPointData().GetScalars().GetDataType() not in (vtk.VTK_FLOAT, vtk.VTK_DOUBLE)
    return 1.0 if isWhole else 1e-3 * image.GetScalarRange()[1]
