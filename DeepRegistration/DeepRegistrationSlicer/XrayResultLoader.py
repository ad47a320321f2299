"""From the result folder of a CT and its radiographs to nodes in the scene: all of them, or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import slicer

from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createTable, loadVolume
from DeepRegistrationSlicer.MrmlPlots import CHART, Chart, Curve, createChart
from DeepRegistrationSlicer.ResultLoader import (
    LOW_TRUST,
    allOrNothing,
    annotate,
    createReport,
    fileAway,
    nodeName,
    readContent,
)
from DeepRegistrationSlicer.ResultNodes import COMPANION, GOES_ALONG, ResultNodes, answerOf, numbered
from DeepRegistrationSlicer.XrayBones import createBones, standTogether
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayImages import createDrr, createOnDetector
from DeepRegistrationSlicer.XrayStand import cameraOf, createStand
from DeepRegistrationSlicer.XrayViews import XrayShown, showInSliceViews

DRR, XRAY, OVERLAY, STAND = "drr", "xray", "overlay", "stand"
"""Roles of nodes, numbered by view as drr, drr2."""
TABLE = "convergence"

_SLICE_VIEWS = ("Red", "Yellow", "Green")
"""Slice views that every Slicer has: one per radiograph."""
_OVERLAY = 0.5


@dataclass(frozen=True)
class XrayWanted:
    """Which results become nodes; at least one.

    Attributes:
        transform: CT to the world of the cameras.
        drr: DRR and radiograph of each view, on the detector.
        stand: model of source, detector and rays of each view, and the bones of the CT.
        plot: similarity for each iteration.
    """

    transform: bool = True
    drr: bool = True
    stand: bool = True
    plot: bool = True


def loadXrayResult(
    folder: Path,
    ct: slicer.vtkMRMLScalarVolumeNode,
    wanted: XrayWanted | None = None,
    radiographs: Sequence[RadiographSource] = (),
    bones: slicer.vtkMRMLNode | None = None,
    inNodeNames: Callable[[str], str] = str,
) -> ResultNodes:
    """Adds the nodes of a result, and moves the CT to its place if the result is to be trusted.

    It is one step of the scene: undone at once, where undoing is switched on.

    Args:
        folder: holds result.json and the files that it stands for.
        ct: the CT that was registered.
        wanted: which results become nodes; None takes all.
        radiographs: as they are in the scene; empty takes those of the folder, as attenuation.
        bones: segmentation or label volume that was registered; None takes whatever is as dense.
        inNodeNames: puts names of nodes into a sentence that names files, in quotes.

    Raises:
        RegistrationError: the result cannot be loaded; the scene is as it was.
    """
    wanted = wanted or XrayWanted()
    slicer.mrmlScene.SaveStateForUndo()
    with allOrNothing(ct, bones):
        content = _named(readContent(folder), inNodeNames)
        transform, more = None, {}
        if wanted.transform:
            transform = createLinearTransform(answerOf(content), nodeName(ct, "to X-ray"))
        for index, view in enumerate(content["views"]):
            camera = cameraOf(view["camera"])
            if wanted.drr:
                source = radiographs[index] if radiographs else None
                name = nodeName(ct, f"radiograph {index + 1}")
                more[numbered(XRAY, index)] = (
                    createOnDetector(source, camera, _name(f"{source.volume.GetName()} on detector"))
                    if source is not None
                    else loadVolume(folder / f"{numbered('xray', index)}.nrrd", name)
                )
                drr = folder / f"{numbered('drr', index)}.nrrd"
                more[numbered(DRR, index)] = createDrr(drr, nodeName(ct, f"DRR {index + 1}"))
                projected = folder / f"{numbered('bones', index)}.nrrd"
                if projected.is_file():
                    name = nodeName(ct, f"bones over radiograph {index + 1}")
                    more[numbered(OVERLAY, index)] = createDrr(projected, name)
            if wanted.stand:
                name = nodeName(ct, f"X-ray machine {index + 1}")
                more[numbered(STAND, index)] = createStand(camera, name, index)
        if wanted.stand:
            more[GOES_ALONG] = createBones(ct, bones, nodeName(ct, "bones"))
        if wanted.plot:
            more |= _createPlot(content, ct)
        result = ResultNodes(transform, report=createReport(folder, ct), more=more)
        annotate(result, ct, None, content)
        if transform is not None and bones is not None and standTogether(ct, bones):
            transform.SetNodeReferenceID(COMPANION, bones.GetID())
        if transform is not None and content["trust"] != LOW_TRUST:
            result.apply()
        fileAway(result, ct, None, content)
        return result


def shownOf(result: ResultNodes) -> XrayShown:
    """Radiographs of a result, and what lies over them: bones, or all of the CT."""
    indices = [
        index for index in range(len(result.content()["views"])) if numbered(XRAY, index) in result.more
    ]
    models = [node for node in result.more.values() if node.IsA("vtkMRMLModelNode")]
    return XrayShown(
        [result.more[numbered(XRAY, index)] for index in indices],
        [
            result.more.get(numbered(OVERLAY, index)) or result.more.get(numbered(DRR, index))
            for index in indices
        ],
        models,
        result.more.get(CHART),
    )


def showRadiographs(result: ResultNodes) -> None:
    """Shows each radiograph under its DRR in a slice view that every Slicer has."""
    showInSliceViews(shownOf(result), _SLICE_VIEWS, _OVERLAY)


def _named(content: dict, inNodeNames: Callable[[str], str]) -> dict:
    """The same result, as the scene calls the images."""
    views = [view | {"name": inNodeNames(f"'{view['name']}'").strip("'")} for view in content["views"]]
    return content | {
        "views": views,
        "warnings": [inNodeNames(text) for text in content["warnings"]],
        "confidence_reason": inNodeNames(content["confidence_reason"]),
    }


def _createPlot(content: dict, ct: slicer.vtkMRMLScalarVolumeNode) -> dict[str, slicer.vtkMRMLNode]:
    """Table and chart of the similarity for each iteration, stage after stage."""
    history = content.get("history") or {}
    rows = [
        (stage, value)
        for stage, values in enumerate(history.values(), 1)
        for value in values
        if value is not None
    ]
    if not rows:
        return {}
    columns = {
        "iteration": range(1, len(rows) + 1),
        "similarity": [value for _, value in rows],
        "stage": [stage for stage, _ in rows],
    }
    table = createTable(columns, nodeName(ct, "convergence"))
    chart = Chart("convergence plot", " - ".join(history), "iteration", "similarity")
    return {TABLE: table} | createChart(table, chart, [Curve("similarity", "similarity")], ct)


def _name(name: str) -> str:
    return slicer.mrmlScene.GenerateUniqueName(name)
