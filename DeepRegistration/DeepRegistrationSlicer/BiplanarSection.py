"""The slice of the tab of two radiographs: through the atlas as it was, or through the bent one."""

import numpy as np
import slicer

from DeepRegistrationSlicer.MrmlBridge import matrixUnder
from DeepRegistrationSlicer.MrmlSlices import middleOf
from DeepRegistrationSlicer.ResultNodes import ResultNodes, answerOf, parentWithoutResults
from DeepRegistrationSlicer.XrayViews import Section


def sectionOf(result: ResultNodes, isBefore: bool) -> Section:
    """The coronal plane of the atlas, turned as its affine part says, so that it goes along the bone.

    Args:
        result: of the job.
        isBefore: the atlas stands where it was.
    """
    atlas = result.atlas
    if isBefore:
        return sectionThrough(atlas, atlas, matrixUnder(parentWithoutResults(atlas), atlas))
    return sectionThrough(atlas, result.warped or atlas, answerOf(result.content()))


def sectionThrough(
    atlas: slicer.vtkMRMLScalarVolumeNode, volume: slicer.vtkMRMLScalarVolumeNode, worldFromAtlas: np.ndarray
) -> Section:
    """The coronal plane through the middle of an atlas.

    Args:
        atlas: tells middle and size, in its own RAS.
        volume: is cut.
        worldFromAtlas: (4, 4); affine; where the atlas stands.
    """
    left, _, right = np.linalg.svd(worldFromAtlas[:3, :3])
    axes = left @ right
    width, _, height = (round(length) for length in _lengths(atlas))
    matrix = np.eye(4)
    # from in front, as radiographs are looked at: the patient's left on the right, the feet below
    matrix[:3, :3] = np.stack([-axes[:, 0], -axes[:, 2], axes[:, 1]], axis=1)
    middle = (worldFromAtlas @ np.append(middleOf(atlas), 1.0))[:3]
    matrix[:3, 3] = middle - matrix[:3, :3] @ (width / 2, height / 2, 0.0)
    return Section(volume, matrix, (width, height))


def _lengths(volume: slicer.vtkMRMLScalarVolumeNode) -> np.ndarray:
    """(3,) of the box about a volume, in its own RAS [mm]."""
    bounds = [0.0] * 6
    volume.GetSliceBounds(bounds, None)
    return np.array(bounds[1::2]) - np.array(bounds[::2])
