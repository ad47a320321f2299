"""Nodes of what a result has once per radiograph, on its detector; what of them the views show."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationSlicer.MrmlBridge import loadVolume
from DeepRegistrationSlicer.MrmlPlots import CHART
from DeepRegistrationSlicer.ResultLoader import nodeName
from DeepRegistrationSlicer.ResultNodes import ResultNodes, numbered
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayImages import createDrr, createOnDetector
from DeepRegistrationSlicer.XrayStand import cameraOf, createStand
from DeepRegistrationSlicer.XrayViews import XrayShown, showInSliceViews

DRR, XRAY, OVERLAY, STAND = "drr", "xray", "overlay", "stand"
"""Roles of nodes, numbered by view as drr, drr2."""
DRR_START = "drr_start"
"""Role of the DRR at the start."""

_MORE_DRRS = ((OVERLAY, "bones", "bones over radiograph"), (DRR_START, "drr_start", "DRR at the start"))
"""Role, file and name of what only some results have."""
_SLICE_VIEWS = ("Red", "Yellow", "Green")
"""Slice views that every Slicer has: one per radiograph."""
_OVERLAY = 0.5


@dataclass(frozen=True)
class WantedViews:
    """Which of the nodes of each view are wanted.

    Attributes:
        drr: DRR and radiograph on the detector.
        stand: model of source, detector and rays.
    """

    drr: bool
    stand: bool


def createViewNodes(
    folder: Path,
    views: Sequence[Mapping],
    subject: slicer.vtkMRMLNode,
    wanted: WantedViews,
    radiographs: Sequence[RadiographSource] = (),
) -> dict[str, slicer.vtkMRMLNode]:
    """Adds the nodes of all views.

    Args:
        folder: of the result.
        views: as result.json has them.
        subject: the nodes are named after it.
        wanted: which ones.
        radiographs: as they are in the scene; empty takes those of the folder, as attenuation.

    Returns:
        Role -> node.
    """
    found = {}
    for index, view in enumerate(views):
        camera = usedCamera(view)
        if wanted.drr:
            source = radiographs[index] if radiographs else None
            name = nodeName(subject, f"radiograph {index + 1}")
            found[numbered(XRAY, index)] = (
                createOnDetector(source, camera, nodeName(source.volume, "on detector"))
                if source is not None
                else loadVolume(folder / f"{numbered('xray', index)}.nrrd", name)
            )
            drr = folder / f"{numbered('drr', index)}.nrrd"
            found[numbered(DRR, index)] = createDrr(drr, nodeName(subject, f"DRR {index + 1}"))
            for role, stem, words in _MORE_DRRS:
                path = folder / f"{numbered(stem, index)}.nrrd"
                if path.is_file():
                    found[numbered(role, index)] = createDrr(path, nodeName(subject, f"{words} {index + 1}"))
        if wanted.stand:
            name = nodeName(subject, f"X-ray machine {index + 1}")
            found[numbered(STAND, index)] = createStand(camera, name, index)
    return found


def usedCamera(view: Mapping) -> Camera:
    """Where the camera of a view stood, as the registration has corrected it."""
    camera = cameraOf(view["camera"])
    correction = view.get("camera_correction")
    return camera.moved(np.linalg.inv(correction["matrix"])) if correction is not None else camera


def namedContent(content: dict, inNodeNames: Callable[[str], str]) -> dict:
    """The same result, as the scene calls the images."""
    views = [view | {"name": inNodeNames(f"'{view['name']}'").strip("'")} for view in content["views"]]
    return content | {
        "views": views,
        "warnings": [inNodeNames(text) for text in content["warnings"]],
        "confidence_reason": inNodeNames(content["confidence_reason"]),
    }


def shownOf(result: ResultNodes) -> XrayShown:
    """Radiographs of a result, and what lies over them: as before, or as found; bones, or all of the CT."""
    isBefore = result.transform is not None and not result.isApplied()
    roles = (DRR_START, OVERLAY, DRR) if isBefore else (OVERLAY, DRR)
    indices = [
        index for index in range(len(result.content()["views"])) if numbered(XRAY, index) in result.more
    ]
    overlays = [[result.more.get(numbered(role, index)) for role in roles] for index in indices]
    return XrayShown(
        [result.more[numbered(XRAY, index)] for index in indices],
        [next((node for node in nodes if node is not None), None) for nodes in overlays],
        [node for node in result.more.values() if node.IsA("vtkMRMLModelNode")],
        result.more.get(CHART),
    )


def showRadiographs(result: ResultNodes) -> None:
    """Shows each radiograph under its DRR in a slice view that every Slicer has."""
    showInSliceViews(shownOf(result), _SLICE_VIEWS, _OVERLAY)
