"""The pose of a slice in the atlas: the other one of two that fit, and what has to follow when it changes."""

from dataclasses import dataclass

import numpy as np
import slicer

from DeepRegistrationSlicer.MrmlBridge import matrixOf
from DeepRegistrationSlicer.MrmlSlices import fillFrom
from DeepRegistrationSlicer.ResultNodes import ResultNodes, answerOf, contentOf

CLOSE_PROBABILITY = 0.05
"""A second pose at least this probable is shown."""
WITH_SCALE = "atlas_from_slice_with_scale"
"""Name in result.json of the pose that also fits the size."""

# matrices in files have 9 digits and more; the scene keeps fewer
_SAME_MM = 1e-3


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """A pose that may be the right one.

    Attributes:
        atlasFromSlice: (4, 4) float64, RAS [mm].
        probability: 0 to 1.
    """

    atlasFromSlice: np.ndarray
    probability: float


def hypothesesOf(result: ResultNodes) -> list[Hypothesis]:
    """The poses that may be right, the most probable first; an empty list if there is one only."""
    entries = result.content().get("hypotheses") or []
    found = [
        Hypothesis(np.array(entry["matrix"], dtype=np.float64), float(entry["probability"]))
        for entry in entries
    ]
    found.sort(key=lambda hypothesis: -hypothesis.probability)
    close = [entry for entry in found if entry.probability >= CLOSE_PROBABILITY]
    return close if len(close) > 1 else []


def shownHypothesis(result: ResultNodes, hypotheses: list[Hypothesis]) -> int | None:
    """Which of them the transform holds; None if it was moved since."""
    if result.transform is None:
        return None
    matrix = matrixOf(result.transform)
    return next((n for n, entry in enumerate(hypotheses) if _isSame(entry.atlasFromSlice, matrix)), None)


def movePose(result: ResultNodes, atlasFromSlice: np.ndarray) -> None:
    """Gives the slice another pose; the matching atlas slice follows.

    Labels were computed for one pose: they are shown there only.

    Args:
        result: nodes of the slice.
        atlasFromSlice: (4, 4); RAS [mm].
    """
    result.transform.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(atlasFromSlice))
    if result.matching is not None and result.atlas is not None:
        fillFrom(result.matching, result.atlas, atlasFromSlice @ _fittedSize(result))
    if result.segmentation is not None:
        ofLabels = answerOf(contentOf(result.segmentation))
        result.segmentation.SetDisplayVisibility(_isSame(ofLabels, atlasFromSlice))


def _fittedSize(result: ResultNodes) -> np.ndarray:
    """(4, 4); what a rigid pose lacks to fit the size as well: atlas and brain differ in it.

    Applied before the pose, so that it serves each of the poses of one slice.
    """
    content = result.content()
    withScale = content["transforms"].get(WITH_SCALE)
    if withScale is None:
        return np.eye(4)
    return np.linalg.inv(answerOf(content)) @ np.array(withScale["matrix"], dtype=np.float64)


def _isSame(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.allclose(first, second, rtol=0, atol=_SAME_MM))
