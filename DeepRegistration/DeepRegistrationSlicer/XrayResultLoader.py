"""From the result folder of a CT and its radiographs to nodes in the scene: all of them, or none."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createText, loadVolume, rasFromIjk
from DeepRegistrationSlicer.ResultLoader import LOW_TRUST, allOrNothing, readContent
from DeepRegistrationSlicer.ResultNodes import PARENT_BEFORE, RESULT, SUBJECT, answerOf
from DeepRegistrationSlicer.SliceInAtlasView import viewNode
from DeepRegistrationSlicer.XrayStand import cameraOf, createStand

_VIEWS = ("Red", "Yellow", "Green")
"""Slice views that every Slicer has: one per radiograph."""
_OVERLAY = 0.5
_MARGIN = 1.1


@dataclass(frozen=True, eq=False)
class XrayResultNodes:
    """Nodes of one result.

    Attributes:
        ct: the CT that was registered.
        transform: world RAS from CT RAS, to parent; the CT stands under it if the result is to be trusted.
        radiographs: as attenuation, each on its detector in the world.
        drrs: radiographs of the CT at the answer, in the same places.
        stands: models of source and detector.
        report: text node with the report as a web page; None if there is none.
    """

    ct: slicer.vtkMRMLScalarVolumeNode
    transform: slicer.vtkMRMLTransformNode
    radiographs: tuple[slicer.vtkMRMLScalarVolumeNode, ...]
    drrs: tuple[slicer.vtkMRMLScalarVolumeNode, ...]
    stands: tuple[slicer.vtkMRMLModelNode, ...]
    report: slicer.vtkMRMLTextNode | None

    def nodes(self) -> list[slicer.vtkMRMLNode]:
        """All that the result added."""
        report = [self.report] if self.report is not None else []
        return [self.transform, *self.radiographs, *self.drrs, *self.stands, *report]


def loadXrayResult(folder: Path, ct: slicer.vtkMRMLScalarVolumeNode) -> XrayResultNodes:
    """Adds the nodes of a result, and moves the CT to its place if the result is to be trusted.

    Args:
        folder: holds result.json and the files that it stands for.
        ct: the CT that was registered.

    Raises:
        RegistrationError: the result cannot be loaded; the scene is as it was.
    """
    with allOrNothing(ct):
        content = readContent(folder)
        before = ct.GetTransformNodeID()
        transform = createLinearTransform(answerOf(content), _name(ct, "to X-ray world"))
        transform.SetNodeReferenceID(PARENT_BEFORE, before)
        result = XrayResultNodes(
            ct,
            transform,
            _images(folder, content, "xray", _name(ct, "radiograph")),
            _images(folder, content, "drr", _name(ct, "DRR")),
            tuple(
                createStand(cameraOf(view["camera"]), _name(ct, "X-ray machine"), index)
                for index, view in enumerate(content["views"])
            ),
            _report(folder, ct),
        )
        for node in result.nodes():
            node.SetAttribute(RESULT, json.dumps(content))
            node.SetNodeReferenceID(SUBJECT, ct.GetID())
        if content["trust"] != LOW_TRUST:
            ct.SetAndObserveTransformNodeID(transform.GetID())
        _fileAway(result)
        return result


def showRadiographs(result: XrayResultNodes) -> None:
    """Shows each radiograph under its DRR in a slice view of its own, and on its detector in 3D."""
    for name, radiograph, drr in zip(_VIEWS, result.radiographs, result.drrs, strict=False):
        composite = viewNode("vtkMRMLSliceCompositeNode", name)
        composite.SetBackgroundVolumeID(radiograph.GetID())
        composite.SetForegroundVolumeID(drr.GetID())
        composite.SetForegroundOpacity(_OVERLAY)
        _look(viewNode("vtkMRMLSliceNode", name), radiograph)


def _look(view: slicer.vtkMRMLSliceNode, radiograph: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Lets a slice view cut along the detector, upright: columns to the right, rows down."""
    matrix = rasFromIjk(radiograph)
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    axes = matrix[:3, :3] / spacing
    columns, rows, _ = radiograph.GetImageData().GetDimensions()
    placed = np.eye(4)
    # up in a view is up on the detector: against the rows
    placed[:3, 0], placed[:3, 1] = axes[:, 0], -axes[:, 1]
    placed[:3, 2] = np.cross(placed[:3, 0], placed[:3, 1])
    placed[:3, 3] = matrix[:3, :3] @ ((columns - 1) / 2, (rows - 1) / 2, 0) + matrix[:3, 3]
    width, height, _ = view.GetDimensions()
    millimetres = _MARGIN * max(columns * spacing[0] / max(width, 1), rows * spacing[1] / max(height, 1))
    with slicer.util.NodeModify(view):
        view.GetSliceToRAS().DeepCopy(slicer.util.vtkMatrixFromArray(placed))
        view.UpdateMatrices()
    view.SetFieldOfView(millimetres * width, millimetres * height, view.GetFieldOfView()[2])
    view.SetSliceVisible(True)


def _images(folder: Path, content: dict, stem: str, name: str) -> tuple[slicer.vtkMRMLScalarVolumeNode, ...]:
    """One image per view: stem.nrrd, stem2.nrrd and so on."""
    return tuple(
        loadVolume(folder / f"{stem}{index + 1 if index else ''}.nrrd", f"{name} {index + 1}")
        for index in range(len(content["views"]))
    )


def _report(folder: Path, ct: slicer.vtkMRMLScalarVolumeNode) -> slicer.vtkMRMLTextNode | None:
    path = folder / "report.html"
    if not path.exists():
        return None
    return createText(path.read_text(encoding="utf-8"), _name(ct, "registration report"))


def _fileAway(result: XrayResultNodes) -> None:
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(result.ct)
    parent = hierarchy.GetItemParent(item) if item else hierarchy.GetSceneItemID()
    folder = hierarchy.CreateFolderItem(parent, _name(result.ct, "registration"))
    for node in result.nodes():
        own = hierarchy.GetItemByDataNode(node)
        if own:
            hierarchy.SetItemParent(own, folder)
        else:
            hierarchy.CreateItem(folder, node)


def _name(ct: slicer.vtkMRMLScalarVolumeNode, what: str) -> str:
    return slicer.mrmlScene.GenerateUniqueName(f"{ct.GetName()} {what}")
