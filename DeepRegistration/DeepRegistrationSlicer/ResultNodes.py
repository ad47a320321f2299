"""The nodes of one registration in the scene: found again from the scene alone, shown before and after."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import numpy as np
import slicer

from DeepRegistrationSlicer.SweepBrowser import proxyOf

SUBJECT = "DeepRegistration.subject"
"""Reference from each result node to the volume that was registered."""
ATLAS = "DeepRegistration.atlas"
"""Reference from each result node to the atlas volume."""
PARENT_BEFORE = "DeepRegistration.parentBefore"
"""Reference from the transform to the one that the subject stood under before."""
COMPANION = "DeepRegistration.companion"
"""Reference from the transform to an input that stands where the subject does, such as its segmentation."""
MOVES = "DeepRegistration.moves"
"""Reference from a transform to the node that it moves: the subject, or an image of it."""
RESULT_ID = "DeepRegistration.resultId"
"""Attribute: the same for all nodes of one result."""
ROLE = "DeepRegistration.role"
"""Attribute: which of the results a node is: a field of `ResultNodes`, or a key of `more`."""
RESULT = "DeepRegistration.result"
"""Attribute: the content of result.json: settings, confidence, versions, checksums."""
GOES_ALONG = "bones"
"""Role of a node that is seen in 3D and stands where the subject does."""
AFFINE = "affine"
"""Role of a transform that moves nothing: the linear part of the one that does."""
TRANSFORMS = "transforms"
"""Role of a sequence of transforms. The node that plays it is the transform of the result: it keeps its own
references, but takes over the attributes of each item."""

_CLASSES = (
    "vtkMRMLTransformNode",
    "vtkMRMLVolumeNode",
    "vtkMRMLSegmentationNode",
    "vtkMRMLTableNode",
    "vtkMRMLTextNode",
    "vtkMRMLModelNode",
    "vtkMRMLPlotSeriesNode",
    "vtkMRMLPlotChartNode",
    "vtkMRMLSequenceNode",
)


@dataclass(frozen=True, eq=False)
class ResultNodes:
    """Nodes of one result; None for what was not asked for, or deleted since.

    Attributes:
        transform: fixed RAS (of the atlas, or of the X-ray machine) from subject RAS, to parent.
        warped: the subject on the grid of the atlas.
        matching: the atlas on the grid of the subject.
        segmentation: the labels of the atlas on the subject.
        poses: table of the slices of a stack: their poses, and how far they moved.
        report: text node with the report as a web page.
        more: role -> node of what only one kind of job has.
    """

    transform: slicer.vtkMRMLTransformNode | None = None
    warped: slicer.vtkMRMLScalarVolumeNode | None = None
    matching: slicer.vtkMRMLScalarVolumeNode | None = None
    segmentation: slicer.vtkMRMLSegmentationNode | None = None
    poses: slicer.vtkMRMLTableNode | None = None
    report: slicer.vtkMRMLTextNode | None = None
    more: Mapping[str, slicer.vtkMRMLNode] = field(default_factory=dict)

    def byRole(self) -> dict[str, slicer.vtkMRMLNode]:
        """Role -> node, of those that there are."""
        found = {name: getattr(self, name) for name in _ROLES} | dict(self.more)
        return {role: node for role, node in found.items() if node is not None}

    def nodes(self) -> list[slicer.vtkMRMLNode]:
        """Those that there are."""
        return list(self.byRole().values())

    def transforms(self) -> list[slicer.vtkMRMLTransformNode]:
        """Those that move something; the first is the answer."""
        found = self.byRole().items()
        return [node for role, node in found if node.IsA("vtkMRMLTransformNode") and role != AFFINE]

    @property
    def subject(self) -> slicer.vtkMRMLNode | None:
        """What was registered: a volume, or a sequence of them; None if it was deleted."""
        return self._reference(SUBJECT)

    @property
    def atlas(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """The atlas volume; None if it is not in the scene."""
        return self._reference(ATLAS)

    def content(self) -> dict:
        """What result.json says."""
        return contentOf(next(node for node in self.nodes() if node.GetAttribute(RESULT)))

    def parentBefore(self) -> slicer.vtkMRMLTransformNode | None:
        """The transform that the subject stood under before the registration."""
        return self.transform.GetNodeReference(PARENT_BEFORE) if self.transform is not None else None

    def isApplied(self) -> bool:
        """True if the subject stands in the atlas: under the transform of this result."""
        return self.transform is not None and all(_isMoved(transform) for transform in self.transforms())

    def apply(self) -> None:
        """After: the subject, and what lies on its grid, stand in the atlas."""
        for transform in self.transforms():
            self._moveTo(transform, transform.GetID())

    def undo(self) -> None:
        """Before: the subject, and what lies on its grid, stand where the subject was."""
        for transform in self.transforms():
            self._moveTo(transform, transform.GetNodeReferenceID(PARENT_BEFORE))

    def _moveTo(self, transform: slicer.vtkMRMLTransformNode, parentId: str | None) -> None:
        nodes = [movedBy(transform)]
        if transform is self.transform:
            companion = transform.GetNodeReference(COMPANION)
            nodes += [self.matching, self.segmentation, self.more.get(GOES_ALONG), companion]
        for node in nodes:
            if node is not None:
                node.SetAndObserveTransformNodeID(parentId)

    def _reference(self, role: str) -> slicer.vtkMRMLNode | None:
        found = self.nodes()
        return found[0].GetNodeReference(role) if found else None


_ROLES = tuple(entry.name for entry in fields(ResultNodes) if entry.name != "more")


def numbered(stem: str, index: int) -> str:
    """Names of what there are several of, as the worker gives them: drr, drr2, drr3."""
    return stem if index == 0 else f"{stem}{index + 1}"


def contentOf(node: slicer.vtkMRMLNode) -> dict:
    """What result.json said when a result node got its content."""
    return json.loads(node.GetAttribute(RESULT))


def answerOf(content: dict) -> np.ndarray:
    """(4, 4) float64; atlas RAS [mm] from subject RAS, as result.json has it."""
    # the first is the answer; others show it in other ways
    return np.array(next(iter(content["transforms"].values()))["matrix"], dtype=np.float64)


def movedBy(transform: slicer.vtkMRMLTransformNode) -> slicer.vtkMRMLTransformableNode | None:
    """The node that the transform of a result moves; None if it was deleted."""
    return transform.GetNodeReference(MOVES)


def findResult(subject: slicer.vtkMRMLNode | None) -> ResultNodes | None:
    """The latest result of a volume or sequence, from the scene alone; None if there is none."""
    if subject is None:
        return None
    nodes = [node for node in _resultNodes() if node.GetNodeReferenceID(SUBJECT) == subject.GetID()]
    if not nodes:
        return None
    # the ID begins with the time of creation
    latest = max(node.GetAttribute(RESULT_ID) for node in nodes)
    found = {node.GetAttribute(ROLE): node for node in nodes if node.GetAttribute(RESULT_ID) == latest}
    played = proxyOf(found[TRANSFORMS]) if TRANSFORMS in found else None
    if played is not None:
        found["transform"] = played
    return ResultNodes(
        **{role: node for role, node in found.items() if role in _ROLES},
        more={role: node for role, node in found.items() if role not in _ROLES},
    )


def latestResult() -> ResultNodes | None:
    """The latest result of the scene; None if there is none."""
    nodes = _resultNodes()
    if not nodes:
        return None
    latest = max(nodes, key=lambda node: node.GetAttribute(RESULT_ID))
    return findResult(latest.GetNodeReference(SUBJECT))


def parentWithoutResults(node: slicer.vtkMRMLTransformableNode) -> slicer.vtkMRMLTransformNode | None:
    """The transform that a node stood under before it was registered, however often it was."""
    parent = node.GetParentTransformNode()
    while parent is not None and movedBy(parent) is node:
        parent = parent.GetNodeReference(PARENT_BEFORE)
    return parent


def _isMoved(transform: slicer.vtkMRMLTransformNode) -> bool:
    moved = movedBy(transform)
    return moved is not None and moved.GetTransformNodeID() == transform.GetID()


def _resultNodes() -> list[slicer.vtkMRMLNode]:
    nodes = [node for name in _CLASSES for node in slicer.util.getNodesByClass(name)]
    return [node for node in nodes if node.GetAttribute(RESULT_ID)]
