"""From the result folder of a CT and its radiographs to nodes in the scene: all of them, or none."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import slicer

from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createTable
from DeepRegistrationSlicer.MrmlPlots import Chart, Curve, createChart
from DeepRegistrationSlicer.ResultLoader import (
    LOW_TRUST,
    allOrNothing,
    annotate,
    createReport,
    fileAway,
    nodeName,
    readContent,
)
from DeepRegistrationSlicer.ResultNodes import COMPANION, GOES_ALONG, ResultNodes, answerOf
from DeepRegistrationSlicer.XrayBones import createBones, standTogether
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayViewNodes import WantedViews, createViewNodes, namedContent

TABLE = "convergence"


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
        content = namedContent(readContent(folder), inNodeNames)
        transform, more = None, {}
        if wanted.transform:
            transform = createLinearTransform(answerOf(content), nodeName(ct, "to X-ray"))
        wantedViews = WantedViews(wanted.drr, wanted.stand)
        more |= createViewNodes(folder, content["views"], ct, wantedViews, radiographs)
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
