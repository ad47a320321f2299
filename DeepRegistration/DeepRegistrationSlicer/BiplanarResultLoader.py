"""From the result folder of a bent atlas to nodes in the scene: all of them, or none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationSlicer.AtlasSource import Atlas, AtlasInScene, atlasVolume
from DeepRegistrationSlicer.BentBone import createBentBone
from DeepRegistrationSlicer.BentGrid import createBentGrid
from DeepRegistrationSlicer.BiplanarSection import sectionThrough
from DeepRegistrationSlicer.MrmlBridge import (
    createLinearTransform,
    loadGridTransform,
    loadSegmentation,
    loadVolume,
)
from DeepRegistrationSlicer.MrmlLabels import Label, renameSegments
from DeepRegistrationSlicer.ResultLoader import (
    LOW_TRUST,
    allOrNothing,
    annotate,
    createReport,
    fileAway,
    nodeName,
    readContent,
    showLike,
)
from DeepRegistrationSlicer.ResultNodes import (
    AFFINE,
    COMPANION,
    GOES_ALONG,
    MOVES,
    ResultNodes,
    answerOf,
    findResult,
)
from DeepRegistrationSlicer.XrayBones import standTogether
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayViewNodes import WantedViews, createViewNodes, namedContent

BONE = "bone"
"""Role of the bone as a model where it stays; where it goes along with the atlas, it is `GOES_ALONG`."""
GRID = "grid"
"""Role of the lines of a bent grid."""
BENT_LABELS = "bent_labels"
"""Role of the labels of the atlas, bent."""


@dataclass(frozen=True)
class BiplanarWanted:
    """Which results become nodes; at least one.

    Attributes:
        deformation: the whole map from the atlas to the world, as a displacement grid.
        affine: its linear part.
        warped: the atlas, bent.
        segmentation: its labels, bent.
        drr: DRRs and radiographs of each view, on the detector.
        bone: the bone as a model that tells how sure its place is, and source and detector of each view.
    """

    deformation: bool = True
    affine: bool = True
    warped: bool = True
    segmentation: bool = True
    drr: bool = True
    bone: bool = True


def loadBiplanarResult(
    folder: Path,
    radiographs: Sequence[RadiographSource],
    atlas: Atlas,
    wanted: BiplanarWanted | None = None,
    labelNames: Mapping[int, Label] | None = None,
    inNodeNames: Callable[[str], str] = str,
) -> ResultNodes:
    """Adds the nodes of a result, and bends the atlas if the result is to be trusted.

    It is one step of the scene: undone at once, where undoing is switched on.

    Args:
        folder: holds result.json and the files that it stands for.
        radiographs: as they are in the scene; the result belongs to the first of them.
        atlas: what was bent; it comes into the scene if it is not there.
        wanted: which results become nodes; None takes all.
        labelNames: names for label values that the file does not know.
        inNodeNames: puts names of nodes into a sentence that names files, in quotes.

    Raises:
        RegistrationError: the result cannot be loaded; the scene is as it was.
    """
    wanted = wanted or BiplanarWanted()
    slicer.mrmlScene.SaveStateForUndo()
    inScene = (atlas.volume, atlas.labels) if isinstance(atlas, AtlasInScene) else ()
    with allOrNothing(*inScene):
        content = namedContent(readContent(folder), inNodeNames)
        subject, volume = radiographs[0].volume, atlasVolume(atlas, content)
        if volume is None:
            raise RegistrationError(
                f"The atlas in '{atlas.place}' was changed while it was registered, so its result was "
                "dropped. Register again."
            )
        older = findResult(subject)
        transform, more = _transforms(folder, content, subject, wanted)
        views = WantedViews(wanted.drr, wanted.bone)
        more |= createViewNodes(folder, content["views"], subject, views, radiographs)
        warped = None
        if wanted.warped:
            warped = loadVolume(folder / "warped.nrrd", nodeName(subject, "atlas, bent"))
            showLike(volume, warped)
        if wanted.segmentation:
            more[BENT_LABELS] = _labels(folder, subject, labelNames or {}, isIn3D=not wanted.bone)
        if wanted.bone:
            grid = transform if wanted.deformation else None
            role = BONE if grid is None else GOES_ALONG
            more[role] = createBentBone(folder, grid, nodeName(subject, "bone"))
            if grid is not None:
                section = sectionThrough(volume, volume, np.eye(4))
                more[GRID] = createBentGrid(section, grid, nodeName(subject, "bent grid"))
        result = ResultNodes(transform, warped, report=createReport(folder, subject), more=more)
        if transform is not None:
            transform.SetNodeReferenceID(MOVES, volume.GetID())
        annotate(result, subject, volume, content)
        _place(result, volume, inScene, isTrusted=content["trust"] != LOW_TRUST)
        fileAway(result, subject, volume, content)
        if older is not None:
            _hide(older)
        return result


def _transforms(
    folder: Path, content: dict, subject: slicer.vtkMRMLNode, wanted: BiplanarWanted
) -> tuple[slicer.vtkMRMLTransformNode | None, dict[str, slicer.vtkMRMLNode]]:
    """The transform that the atlas is put under, and the linear part where that is another one."""
    grid = affine = None
    if wanted.deformation:
        grid = loadGridTransform(folder / "transform.h5", nodeName(subject, "atlas deformation"))
    if wanted.affine:
        affine = createLinearTransform(answerOf(content), nodeName(subject, "affine part of the deformation"))
    return (affine, {}) if grid is None else (grid, {} if affine is None else {AFFINE: affine})


def _labels(
    folder: Path, subject: slicer.vtkMRMLNode, names: Mapping[int, Label], isIn3D: bool
) -> slicer.vtkMRMLSegmentationNode:
    segmentation = loadSegmentation(folder / "segmentation.seg.nrrd", nodeName(subject, "segmentation"))
    renameSegments(segmentation, names)
    segmentation.CreateClosedSurfaceRepresentation()
    # the model of the bone stands there already
    segmentation.GetDisplayNode().SetVisibility3D(isIn3D)
    return segmentation


def _place(
    result: ResultNodes,
    volume: slicer.vtkMRMLScalarVolumeNode,
    inScene: tuple[slicer.vtkMRMLNode | None, ...],
    isTrusted: bool,
) -> None:
    """The atlas, its labels and the model of the bone are bent, or stand where they stood."""
    if result.transform is None:
        return
    labels = inScene[1] if inScene else None
    if labels is not None and standTogether(volume, labels):
        result.transform.SetNodeReferenceID(COMPANION, labels.GetID())
    if isTrusted:
        result.apply()
    else:
        result.undo()


def _hide(older: ResultNodes) -> None:
    """Two bones in one place cannot be told apart."""
    for node in older.nodes():
        if node.IsA("vtkMRMLModelNode") or node.IsA("vtkMRMLSegmentationNode"):
            node.SetDisplayVisibility(False)
