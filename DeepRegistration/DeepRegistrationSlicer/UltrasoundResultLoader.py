"""From the result folder of ultrasound frames to nodes in the scene: all of them, or none."""

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationSlicer.FramePlacement import FramePlacement, imageMotion
from DeepRegistrationSlicer.FrameSource import FrameSource, Sweep, Triplet
from DeepRegistrationSlicer.MrmlBridge import createLinearTransform, createTable, loadVolume
from DeepRegistrationSlicer.MrmlPlots import Chart, Curve, createChart
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
from DeepRegistrationSlicer.ResultNodes import MOVES, TRANSFORMS, ResultNodes, findResult
from DeepRegistrationSlicer.SweepBrowser import createSequence, play, playAlong, playedAsBefore
from DeepRegistrationSlicer.SweepCards import createCards, createOutlines

SECOND_TRANSFORM = "transform2"
"""Role of the transform of the frame after the middle one."""
FRAMES = "frames"
"""Role of the sequence of images that came as slices of a volume."""
CARDS, REFUSED = "cards", "refused"
"""Roles of models: frames that stand in space, and the edges of those that do not fit."""
ANGLES = "angles"
"""Role of the table."""

_BLUE, _GREEN, _RED, _GREY = (0.0, 0.45, 0.70), (0.2, 0.6, 0.2), (0.84, 0.15, 0.12), (0.45, 0.45, 0.45)
_LONG = ("pairs", "triplets", "first_from_frame")
"""Entries of result.json that grow with the sweep: nodes hold them already."""


@dataclass(frozen=True)
class UltrasoundWanted:
    """Which results become nodes; at least one.

    Attributes:
        transforms: of the frames before and after the middle one; of a sweep a sequence.
        aligned: volume whose slices are the frames, all brought onto the middle one.
        cards: frames that stand in space, as a model.
        angles: table; of a sweep a plot too.
    """

    transforms: bool = True
    aligned: bool = True
    cards: bool = True
    angles: bool = True


def loadUltrasoundResult(
    folder: Path,
    source: FrameSource,
    wanted: UltrasoundWanted | None = None,
    inNodeNames: Callable[[str], str] = str,
) -> ResultNodes:
    """Adds the nodes of a result, and moves the frames if the result is to be trusted.

    It is one step of the scene: undone at once, where undoing is switched on.

    Args:
        folder: holds result.json and the files that it stands for.
        source: the frames that were registered.
        wanted: which results become nodes; None takes all.
        inNodeNames: puts names of nodes into a sentence that names files, in quotes.

    Raises:
        RegistrationError: the result cannot be loaded; the scene is as it was.
    """
    slicer.mrmlScene.SaveStateForUndo()
    moved = [node for node in source.nodes() if node.IsA("vtkMRMLTransformableNode")]
    with allOrNothing(*moved), playedAsBefore():
        return _Loader(folder, source, wanted or UltrasoundWanted(), inNodeNames).load()


class _Loader:
    """One result on its way into the scene."""

    def __init__(
        self,
        folder: Path,
        source: FrameSource,
        wanted: UltrasoundWanted,
        inNodeNames: Callable[[str], str],
    ) -> None:
        self._folder, self._source, self._wanted = folder, source, wanted
        content = readContent(folder)
        self._pairs = content["pairs"]
        self._chain = np.array(content["first_from_frame"])
        self._content = {key: value for key, value in content.items() if key not in _LONG}
        self._content["warnings"] = [inNodeNames(text) for text in content["warnings"]]
        self._subject, self._rasFromIjk = source.subject, source.rasFromIjk()
        pixelSize = content["settings"]["pixel_size_mm"]
        self._placement = FramePlacement(self._rasFromIjk, pixelSize, source.reference)
        if len(self._chain) != len(source.frames()):
            raise RegistrationError(
                f"'{self._subject.GetName()}' has {len(source.frames())} frames, but {len(self._chain)} were "
                "registered. It was changed meanwhile; register it again."
            )

    def load(self) -> ResultNodes:
        isSweep = isinstance(self._source, Sweep)
        more: dict[str, slicer.vtkMRMLNode] = {}
        transform, aligned = None, None
        if self._wanted.transforms:
            transform, more = self._sweepTransforms() if isSweep else self._tripletTransforms()
        if self._wanted.aligned:
            aligned = self._aligned()
        if self._wanted.cards:
            more |= self._cards()
        if self._wanted.angles:
            more |= self._sweepAngles() if isSweep else self._tripletAngles()
        report = createReport(self._folder, self._subject)
        result = ResultNodes(transform, warped=aligned, report=report, more=more)
        annotate(result, self._subject, None, self._content)
        self._place(result)
        fileAway(result, self._subject, None, self._content)
        return result

    def _tripletTransforms(self) -> tuple[slicer.vtkMRMLTransformNode, dict[str, slicer.vtkMRMLNode]]:
        found = []
        source: Triplet = self._source
        for key, volume in (("middle_from_before", source.before), ("middle_from_after", source.after)):
            matrix = np.array(self._content["transforms"][key]["matrix"])
            name = nodeName(volume, f"to {source.middle.GetName()}")
            # the frames may lie elsewhere: what counts is their own index
            found.append(createLinearTransform(self._placement.inRas(imageMotion(matrix)), name))
            found[-1].SetNodeReferenceID(MOVES, volume.GetID())
        return found[0], {SECOND_TRANSFORM: found[1]}

    def _sweepTransforms(self) -> tuple[slicer.vtkMRMLTransformNode, dict[str, slicer.vtkMRMLNode]]:
        images, more = self._subject, {}
        if not self._source.isSequence:
            older = findResult(self._subject)
            images = older.more.get(FRAMES) if older is not None else None
            images = images or createSequence(self._source.volumes(), nodeName(self._subject, "frames"))
            more[FRAMES] = images
        matrices = []
        for matrix in self._placement.standing(self._chain):
            node = slicer.vtkMRMLLinearTransformNode()
            node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
            matrices.append(node)
        transforms = createSequence(matrices, nodeName(self._subject, "transforms"), images)
        shown = play(images, nodeName(self._subject, "browser"))
        proxy = playAlong(transforms, images)
        proxy.SetName(nodeName(self._subject, "to first frame"))
        proxy.SetNodeReferenceID(MOVES, shown.GetID())
        return proxy, more | {TRANSFORMS: transforms}

    def _aligned(self) -> slicer.vtkMRMLScalarVolumeNode:
        volume = loadVolume(self._folder / "warped.nrrd", nodeName(self._subject, "aligned frames"))
        grid = self._placement.stack(self._chain, self._content["middle_frame"])
        volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(grid))
        if self._source.shown is not None:
            showLike(self._source.shown, volume)
        return volume

    def _cards(self) -> dict[str, slicer.vtkMRMLNode]:
        frames, standing = self._source.frames(), self._placement.standing(self._chain)
        name = nodeName(self._subject, "frames in 3D")
        found = {CARDS: createCards(frames, self._rasFromIjk, standing, name)}
        refused = [pair["next_frame"] for pair in self._pairs if pair["refused"]]
        if refused:
            name, size = nodeName(self._subject, "refused frames"), frames.shape[2:0:-1]
            found[REFUSED] = createOutlines(size, self._rasFromIjk, standing[refused], name)
        return found

    def _tripletAngles(self) -> dict[str, slicer.vtkMRMLNode]:
        """Table: frames before and after, one a row; Euler angles in image space and in that of the probe."""
        columns = {"frame": [0.0, 2.0]}
        for key, space in (("angles_deg", "image"), ("angles_probe_deg", "probe")):
            angles = self._content.get(key)
            for index, axis in enumerate("xyz" if angles else ""):
                columns[f"{space}_{axis}_deg"] = [angles["before"][index], angles["after"][index]]
        columns["confidence"] = [pair["confidence"] for pair in self._pairs]
        return {ANGLES: createTable(columns, nodeName(self._subject, "angles"))}

    def _sweepAngles(self) -> dict[str, slicer.vtkMRMLNode]:
        """Table: motions between consecutive frames, one a row, and their plot."""
        columns = readColumns(self._folder / "angles.csv")
        refused = np.array(columns["refused"]) > 0
        marked = np.where(refused, columns["angle_deg"], np.nan)
        curves = [
            Curve("angle to the next frame", "angle_deg", _BLUE),
            Curve("sum", "summed_angle_deg", _GREY),
        ]
        if np.isfinite(columns["tracked_angle_deg"]).any():
            curves.append(Curve("angle of the tracker", "tracked_angle_deg", _GREEN))
        else:
            del columns["tracked_angle_deg"]
        if refused.any():
            columns["refused_angle_deg"] = marked
            curves.append(Curve("refused", "refused_angle_deg", _RED, isMarked=True))
        table = createTable(columns, nodeName(self._subject, "angles"))
        chart = Chart("plot of angles", "Angle against frame", "frame", "degrees", hasLegend=True)
        return {ANGLES: table} | createChart(table, chart, curves, self._subject)

    def _place(self, result: ResultNodes) -> None:
        """All results stand where the reference frame does; the frames go there if the result is trusted."""
        reference = self._source.shown
        parent = reference.GetParentTransformNode() if reference is not None else None
        if isinstance(self._source, Sweep) and self._source.isSequence:
            # what moves it from frame to frame is what the registration stands for
            parent = None
        nodes = [*result.transforms(), result.warped, result.more.get(CARDS), result.more.get(REFUSED)]
        for node in nodes:
            if node is not None:
                node.SetAndObserveTransformNodeID(parent.GetID() if parent is not None else None)
        if result.transform is not None and self._content["trust"] != LOW_TRUST:
            result.apply()


def readColumns(path: Path) -> Mapping[str, list[float]]:
    """Numbers of a table with titles, column by column; NaN where there are none.

    Raises:
        RegistrationError: the table cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name] or "nan") for row in rows] for name in rows[0]}
    except (OSError, ValueError, IndexError) as err:
        raise RegistrationError(
            f"The angles in '{path}' cannot be read ({err}). Register again, after freeing some space."
        ) from err
