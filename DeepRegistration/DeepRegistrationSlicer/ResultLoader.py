"""From a result folder to nodes in the scene: all of them, or none."""

import contextlib
import datetime
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.remote_file import sha256_of
from DeepRegistrationLib.sample_data import installed_atlas_folder
from DeepRegistrationSlicer.FetalVolumeRequest import AtlasByAge, AtlasInScene, WantedNodes
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createText, loadSegmentation, loadVolume
from DeepRegistrationSlicer.MrmlLabels import Label, renameSegments
from DeepRegistrationSlicer.ResultNodes import (
    ATLAS,
    PARENT_BEFORE,
    RESULT,
    RESULT_ID,
    ROLE,
    SUBJECT,
    ResultNodes,
    findResult,
    parentWithoutResults,
)

LOW_TRUST = "low"
_ATLAS_SHA256 = "DeepRegistration.sha256"
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


def loadResult(
    folder: Path,
    subject: slicer.vtkMRMLScalarVolumeNode,
    wanted: WantedNodes | None = None,
    atlas: AtlasByAge | AtlasInScene | None = None,
    labelNames: Mapping[int, Label] | None = None,
) -> ResultNodes:
    """Adds the nodes of a result, and lays the subject into the atlas if the result is to be trusted.

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
    content = _content(folder)
    older = findResult(subject)
    with _allOrNothing(subject):
        volume = _atlasVolume(atlas or AtlasByAge(), content)
        result = _createNodes(folder, subject, wanted or _allOf(folder), content, labelNames or {})
        result = replace(result, report=_createReport(folder, subject))
        _annotate(result, subject, volume, content)
        _place(result, subject, volume, trusted=content["trust"] != LOW_TRUST)
        _fileAway(result, subject, volume, content)
    if older is not None and older.segmentation is not None and result.segmentation is not None:
        # two sets of outlines on one brain cannot be told apart
        older.segmentation.SetDisplayVisibility(False)
    return result


def _content(folder: Path) -> dict:
    try:
        return json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise RegistrationError(
            f"The result in '{folder}' cannot be read ({err}). Register again, after freeing some space."
        ) from err


def _allOf(folder: Path) -> WantedNodes:
    return WantedNodes(
        warped=(folder / "warped.nrrd").exists(), segmentation=(folder / "segmentation.seg.nrrd").exists()
    )


def _createNodes(
    folder: Path,
    subject: slicer.vtkMRMLScalarVolumeNode,
    wanted: WantedNodes,
    content: dict,
    labelNames: Mapping[int, Label],
) -> ResultNodes:
    transform = warped = segmentation = None
    if wanted.transform:
        # the first is the answer: atlas from subject
        matrix = next(iter(content["transforms"].values()))["matrix"]
        transform = createLinearTransform(np.array(matrix), _name(subject, "to atlas"))
    if wanted.warped:
        warped = loadVolume(folder / "warped.nrrd", _name(subject, "in atlas space"))
        _showLike(subject, warped)
    labels = folder / "segmentation.seg.nrrd"
    # an atlas without labels gives none
    if wanted.segmentation and labels.exists():
        segmentation = loadSegmentation(labels, _name(subject, "atlas labels"))
        renameSegments(segmentation, labelNames)
    return ResultNodes(transform, warped, segmentation)


def _createReport(folder: Path, subject: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLTextNode | None:
    path = folder / "report.html"
    if not path.exists():
        return None
    return createText(path.read_text(encoding="utf-8"), _name(subject, "registration report"))


def _atlasVolume(atlas: AtlasByAge | AtlasInScene, content: dict) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The atlas of this result: from the scene, the node that an earlier result brought, or its file."""
    if isinstance(atlas, AtlasInScene):
        return atlas.volume
    stamp, folder = content["inputs"]["atlas"], atlas.folder or installed_atlas_folder()
    for volume in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"):
        if volume.GetAttribute(_ATLAS_SHA256) == stamp["sha256"]:
            return volume
    if folder is None or not (folder / stamp["file"]).is_file():
        return None
    if sha256_of(folder / stamp["file"]) != stamp["sha256"]:
        return None
    volume = loadVolume(folder / stamp["file"], stamp["file"].partition(".")[0])
    volume.SetAttribute(_ATLAS_SHA256, stamp["sha256"])
    return volume


def _annotate(
    result: ResultNodes,
    subject: slicer.vtkMRMLScalarVolumeNode,
    atlas: slicer.vtkMRMLScalarVolumeNode | None,
    content: dict,
) -> None:
    now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S%f")
    resultId = f"{now}-{uuid.uuid4().hex[:8]}"
    for role in ("transform", "warped", "segmentation", "report"):
        node = getattr(result, role)
        if node is not None:
            node.SetAttribute(RESULT_ID, resultId)
            node.SetAttribute(ROLE, role)
            node.SetAttribute(RESULT, json.dumps(content))
            node.SetNodeReferenceID(SUBJECT, subject.GetID())
            node.SetNodeReferenceID(ATLAS, atlas.GetID() if atlas is not None else None)
    before = parentWithoutResults(subject)
    if result.transform is not None and before is not None:
        result.transform.SetNodeReferenceID(PARENT_BEFORE, before.GetID())


def _place(
    result: ResultNodes,
    subject: slicer.vtkMRMLScalarVolumeNode,
    atlas: slicer.vtkMRMLScalarVolumeNode | None,
    trusted: bool,
) -> None:
    """Where the atlas stands, there stands what is in atlas space; the labels go with the subject."""
    atlasParentId = atlas.GetTransformNodeID() if atlas is not None else None
    for node in (result.transform, result.warped):
        if node is not None:
            node.SetAndObserveTransformNodeID(atlasParentId)
    if result.segmentation is not None:
        result.segmentation.SetAndObserveTransformNodeID(subject.GetTransformNodeID())
    if trusted and result.transform is not None:
        result.apply()


def _fileAway(
    result: ResultNodes,
    subject: slicer.vtkMRMLScalarVolumeNode,
    atlas: slicer.vtkMRMLScalarVolumeNode | None,
    content: dict,
) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    subjectItem = hierarchy.GetItemByDataNode(subject)
    parent = hierarchy.GetItemParent(subjectItem) if subjectItem else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(parent, _name(subject, "registration"))
    for key in _SHOWN_IN_FOLDER:
        value = content.get(key)
        text = value if isinstance(value, str) else json.dumps(value)
        hierarchy.SetItemAttribute(folder, f"DeepRegistration.{key}", text)
    ownAtlas = [atlas] if atlas is not None and atlas.GetAttribute(_ATLAS_SHA256) else []
    for node in [*result.nodes(), *ownAtlas]:
        item = hierarchy.GetItemByDataNode(node)
        if not item:
            hierarchy.CreateItem(folder, node)
        # an atlas that an earlier result brought stays in its folder
        elif node not in ownAtlas or hierarchy.GetItemParent(item) == hierarchy.GetSceneItemID():
            hierarchy.SetItemParent(item, folder)


def _showLike(subject: slicer.vtkMRMLScalarVolumeNode, volume: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Brightness and contrast as the user set them for the subject."""
    display = subject.GetDisplayNode()
    if display is not None:
        volume.GetDisplayNode().SetAutoWindowLevel(False)
        volume.GetDisplayNode().SetWindowLevel(display.GetWindow(), display.GetLevel())


def _name(subject: slicer.vtkMRMLScalarVolumeNode, what: str) -> str:
    return slicer.mrmlScene.GenerateUniqueName(f"{subject.GetName()} {what}")


@contextlib.contextmanager
def _allOrNothing(subject: slicer.vtkMRMLScalarVolumeNode) -> Iterator[None]:
    """If the block fails, the nodes it added are removed and the subject stands where it stood."""
    scene, parentId = slicer.mrmlScene, subject.GetTransformNodeID()
    before = {scene.GetNthNode(index).GetID() for index in range(scene.GetNumberOfNodes())}
    try:
        yield
    except BaseException:
        subject.SetAndObserveTransformNodeID(parentId)
        nodes = [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())]
        for node in reversed(nodes):
            # a node may have gone with the one that it belonged to
            if node.GetID() not in before and node.GetScene() is not None:
                scene.RemoveNode(node)
        raise
