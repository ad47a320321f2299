"""From a result folder to nodes in the scene: all of them, or none."""

import contextlib
import datetime
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationSlicer.AtlasSource import ATLAS_SHA256, Atlas, AtlasByAge, atlasVolume
from DeepRegistrationSlicer.MrmlBridge import (
    createLinearTransform,
    createTable,
    createText,
    loadSegmentation,
    loadVolume,
)
from DeepRegistrationSlicer.MrmlLabels import Label, renameSegments
from DeepRegistrationSlicer.ResultNodes import (
    ATLAS,
    MOVES,
    PARENT_BEFORE,
    RESULT,
    RESULT_ID,
    ROLE,
    SUBJECT,
    ResultNodes,
    answerOf,
    findResult,
    movedBy,
    parentWithoutResults,
)

LOW_TRUST = "low"
MATCHING = "matching_atlas_slice.nrrd"
_SLICE_COLUMNS = ("index", "turned_deg", "moved_mm", "similarity")
_SHOWN_IN_FOLDER = (
    "job",
    "method",
    "device",
    "trust",
    "confidence",
    "confidence_reason",
    "settings",
    "versions",
)


@dataclass(frozen=True)
class WantedNodes:
    """Which results become nodes; at least one.

    Attributes:
        transform: subject to atlas.
        warped: the subject on the grid of the atlas.
        segmentation: the labels of the atlas on the subject.
        matching: the atlas on the grid of the subject.
    """

    transform: bool = True
    warped: bool = True
    segmentation: bool = True
    matching: bool = False


def loadResult(
    folder: Path,
    subject: slicer.vtkMRMLScalarVolumeNode,
    wanted: WantedNodes | None = None,
    atlas: Atlas | None = None,
    labelNames: Mapping[int, Label] | None = None,
) -> ResultNodes:
    """Adds the nodes of a result, and lays the subject into the atlas if the result is to be trusted.

    It is one step of the scene: undone at once, where undoing is switched on.

    Args:
        folder: holds result.json and the files that it stands for.
        subject: the volume that was registered.
        wanted: which results become nodes; None takes all that the folder holds.
        atlas: what it was registered to; None takes the installed atlas, if its checksums agree.
        labelNames: names for label values that the file does not know.

    Returns:
        The nodes, in one folder of the subject hierarchy.

    Raises:
        RegistrationError: the result cannot be loaded, or the subject is gone; the scene is as it was.
    """
    if subject.GetScene() is None:
        raise RegistrationError(
            "The volume that was registered is not in the scene any more, so its result was dropped. "
            "Load the volume and register it again."
        )
    slicer.mrmlScene.SaveStateForUndo()
    with allOrNothing(subject):
        return addResult(folder, subject, wanted or _allOf(folder), atlas or AtlasByAge(), labelNames or {})


def addResult(
    folder: Path,
    subject: slicer.vtkMRMLScalarVolumeNode,
    wanted: WantedNodes,
    atlas: Atlas,
    labelNames: Mapping[int, Label],
) -> ResultNodes:
    """The same as a part of a larger step: if it fails, what it added stays. See `loadResult`."""
    content = readContent(folder)
    older = findResult(subject)
    volume = atlasVolume(atlas, content)
    result = _createNodes(folder, subject, wanted, content, labelNames)
    result = replace(result, poses=_createPoses(subject, content), report=createReport(folder, subject))
    annotate(result, subject, volume, content)
    _place(result, subject, volume, trusted=content["trust"] != LOW_TRUST)
    fileAway(result, subject, volume, content)
    if older is not None and older.segmentation is not None and result.segmentation is not None:
        # two sets of outlines on one brain cannot be told apart
        older.segmentation.SetDisplayVisibility(False)
    return result


def readContent(folder: Path) -> dict:
    """What result.json says.

    Raises:
        RegistrationError: it cannot be read.
    """
    try:
        return json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise RegistrationError(
            f"The result in '{folder}' cannot be read ({err}). Register again, after freeing some space."
        ) from err


def _allOf(folder: Path) -> WantedNodes:
    return WantedNodes(
        warped=(folder / "warped.nrrd").exists(),
        segmentation=(folder / "segmentation.seg.nrrd").exists(),
        matching=(folder / MATCHING).exists(),
    )


def _createNodes(
    folder: Path,
    subject: slicer.vtkMRMLScalarVolumeNode,
    wanted: WantedNodes,
    content: dict,
    labelNames: Mapping[int, Label],
) -> ResultNodes:
    transform = warped = matching = segmentation = None
    if wanted.transform:
        transform = createLinearTransform(answerOf(content), nodeName(subject, "to atlas"))
    if wanted.warped:
        warped = loadVolume(folder / "warped.nrrd", nodeName(subject, "in atlas space"))
        showLike(subject, warped)
    if wanted.matching:
        matching = loadVolume(folder / MATCHING, nodeName(subject, "matching atlas slice"))
    labels = folder / "segmentation.seg.nrrd"
    # an atlas without labels gives none
    if wanted.segmentation and labels.exists():
        segmentation = loadSegmentation(labels, nodeName(subject, "atlas labels"))
        renameSegments(segmentation, labelNames)
    return ResultNodes(transform, warped, matching, segmentation)


def _createPoses(subject: slicer.vtkMRMLScalarVolumeNode, content: dict) -> slicer.vtkMRMLTableNode | None:
    """The slices of a stack, one a row: how they moved against it, and atlas RAS from slice RAS [mm]."""
    slices = content.get("slices")
    if not slices:
        return None
    columns = {name: [entry[name] for entry in slices] for name in _SLICE_COLUMNS}
    for row in range(3):
        for column in range(4):
            columns[f"m{row}{column}"] = [entry["matrix"][row][column] for entry in slices]
    return createTable(columns, nodeName(subject, "slice poses"))


def createReport(folder: Path, subject: slicer.vtkMRMLNode) -> slicer.vtkMRMLTextNode | None:
    """Adds the report of a result folder as a text; None if it has none."""
    path = folder / "report.html"
    if not path.exists():
        return None
    return createText(path.read_text(encoding="utf-8"), nodeName(subject, "registration report"))


def annotate(
    result: ResultNodes,
    subject: slicer.vtkMRMLNode,
    atlas: slicer.vtkMRMLScalarVolumeNode | None,
    content: dict,
) -> None:
    """Marks the nodes of one result, so that they are found again from the scene alone."""
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
    resultId = f"{now}-{uuid.uuid4().hex[:8]}"
    for role, node in result.byRole().items():
        node.SetAttribute(RESULT_ID, resultId)
        node.SetAttribute(ROLE, role)
        node.SetAttribute(RESULT, json.dumps(content))
        node.SetNodeReferenceID(SUBJECT, subject.GetID())
        node.SetNodeReferenceID(ATLAS, atlas.GetID() if atlas is not None else None)
    for transform in result.transforms():
        if not transform.GetNodeReferenceID(MOVES):
            transform.SetNodeReferenceID(MOVES, subject.GetID())
        before = parentWithoutResults(movedBy(transform))
        if before is not None:
            transform.SetNodeReferenceID(PARENT_BEFORE, before.GetID())


def _place(
    result: ResultNodes,
    subject: slicer.vtkMRMLScalarVolumeNode,
    atlas: slicer.vtkMRMLScalarVolumeNode | None,
    trusted: bool,
) -> None:
    """Where the atlas stands, there stands what is in atlas space; the rest goes with the subject."""
    atlasParentId = atlas.GetTransformNodeID() if atlas is not None else None
    for node in (result.transform, result.warped):
        if node is not None:
            node.SetAndObserveTransformNodeID(atlasParentId)
    for node in (result.matching, result.segmentation):
        if node is not None:
            node.SetAndObserveTransformNodeID(subject.GetTransformNodeID())
    if trusted and result.transform is not None:
        result.apply()


def fileAway(
    result: ResultNodes,
    subject: slicer.vtkMRMLNode,
    atlas: slicer.vtkMRMLScalarVolumeNode | None,
    content: dict,
) -> None:
    """Puts the nodes of one result into a folder of the subject hierarchy, beside the subject."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    subjectItem = hierarchy.GetItemByDataNode(subject)
    parent = hierarchy.GetItemParent(subjectItem) if subjectItem else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(parent, nodeName(subject, "registration"))
    for key in _SHOWN_IN_FOLDER:
        value = content.get(key)
        text = value if isinstance(value, str) else json.dumps(value)
        hierarchy.SetItemAttribute(folder, f"DeepRegistration.{key}", text)
    ownAtlas = [atlas] if atlas is not None and atlas.GetAttribute(ATLAS_SHA256) else []
    for node in [*result.nodes(), *ownAtlas]:
        item = hierarchy.GetItemByDataNode(node)
        if not item:
            hierarchy.CreateItem(folder, node)
        # an atlas that an earlier result brought stays in its folder
        elif node not in ownAtlas or hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID():
            hierarchy.SetItemParent(item, folder)


def showLike(subject: slicer.vtkMRMLScalarVolumeNode, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Brightness and contrast as the user set them for the subject."""
    display = subject.GetDisplayNode()
    if display is not None:
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevel(display.GetWindow(), display.GetLevel())


def nodeName(subject: slicer.vtkMRMLNode, what: str) -> str:
    """A name after the subject that no node has yet."""
    return slicer.mrmlScene.GenerateUniqueName(f"{subject.GetName()} {what}")


@contextlib.contextmanager
def allOrNothing(*inputs: slicer.vtkMRMLTransformableNode | None) -> Iterator[None]:
    """If the block fails, the nodes it added are removed and the inputs stand where they stood."""
    scene = slicer.mrmlScene
    parentIds = {node: node.GetTransformNodeID() for node in inputs if node is not None}
    before = {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}
    try:
        yield
    except BaseException:
        for node, parentId in parentIds.items():
            node.SetAndObserveTransformNodeID(parentId)
        nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
        for node in reversed(nodes):
            # a node may have gone with the one that it belonged to
            if node.GetID() not in before and node.GetScene() is not None:
                scene.RemoveNode(node)
        raise
