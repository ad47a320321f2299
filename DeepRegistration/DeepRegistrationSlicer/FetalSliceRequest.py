"""What the user asks for: a slice of a fetal brain, or a stack of them, found in an atlas."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import InputError, RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceFiles, FetalSliceSettings, StackMode
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationSlicer.AtlasSource import (
    Atlas,
    AtlasByAge,
    WrittenAtlas,
    atlasNodes,
    checkAge,
    checkAtlas,
    writeAtlas,
)
from DeepRegistrationSlicer.AtlasSurface import ensureAtlasSurface
from DeepRegistrationSlicer.MrmlBridge import writeVolume
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.Request import WrittenJob, nodeNames, parentBesideMask
from DeepRegistrationSlicer.ResultLoader import (
    LOW_TRUST,
    WantedNodes,
    addResult,
    allOrNothing,
    readContent,
)
from DeepRegistrationSlicer.ResultNodes import RESULT, ResultNodes, answerOf
from DeepRegistrationSlicer.SlicePose import movePose
from DeepRegistrationSlicer.SliceSource import SliceSource

WANTED = WantedNodes(transform=True, warped=False, segmentation=True, matching=True)
"""All that comes of a slice."""
_GONE = (
    "The slice that was registered is not in the scene any more, so its result was dropped. Load it and "
    "register it again."
)


@dataclass(frozen=True, eq=False)
class FetalSliceRequest:
    """One registration of a slice, or of a stack, in the scene.

    Attributes:
        source: which slice; read in the volume's own RAS.
        mask: vtkMRMLSegmentationNode or label volume over the brain; None finds the brain automatically.
        atlas: what to register it to.
        settings: method, age, device and so on; which slice of the image is decided by `source`.
        wanted: which results become nodes.
    """

    source: SliceSource
    mask: slicer.vtkMRMLNode | None = None
    atlas: Atlas = field(default_factory=AtlasByAge)
    settings: FetalSliceSettings = field(default_factory=FetalSliceSettings)
    wanted: WantedNodes = WANTED

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        self.source.check()
        checkAtlas(self.atlas, self.source.volume, "slice")
        if not (self.wanted.transform or self.wanted.matching or self.wanted.segmentation):
            raise InputError(
                "No output is chosen. Choose at least one: transform, matching atlas slice or labels."
            )
        checkAge(self.settings.gestational_age_weeks)

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: the mask or the labels miss their volume, or the view shows nothing of it.
            RegistrationError: the folder cannot be written.
        """
        outputs = Outputs(warped=self.wanted.matching, segmentation=self.wanted.segmentation)
        return self.writeWith(folder, self.settings, outputs)

    def writeWith(
        self,
        folder: Path,
        settings: FetalSliceSettings,
        outputs: Outputs,
        atlas: WrittenAtlas | None = None,
    ) -> WrittenJob:
        """Writes images and job file with other settings and outputs; the atlas may be on disk already."""
        taken, files = self.source.take(), FetalSliceFiles(folder / "slice.nrrd")
        writeVolume(taken, files.slice)
        if self.mask is not None:
            files = replace(files, mask=folder / "mask.nrrd")
            writeLabelsOnGrid(self.mask, taken, parentBesideMask(self.mask, self.source.volume), files.mask)
        atlas = atlas or writeAtlas(self.atlas, folder)
        if not self.source.isWhole:
            settings = replace(settings, as_stack=StackMode.SINGLE)
        job = Job(
            kind=JobKind.FETAL_SLICE,
            files=replace(files, **atlas.files),
            settings=settings,
            output_folder=folder / "result",
            outputs=outputs,
        )
        write_job(job, folder / "job.json")
        names = nodeNames({"slice": self.source.volume, "mask": self.mask, **atlasNodes(self.atlas)})
        return WrittenJob(folder / "job.json", job.output_folder, atlas.labelNames, names, taken)

    def load(self, written: WrittenJob) -> ResultNodes:
        """Adds the result of the written job to the scene: all of it, or nothing.

        Raises:
            RegistrationError: the result cannot be loaded, or the slice is gone.
        """
        if self.source.volume.GetScene() is None:
            raise RegistrationError(_GONE)
        slicer.mrmlScene.SaveStateForUndo()
        existing = self.source.node()
        with allOrNothing(existing):
            node = existing or self.source.place(written.taken)
            result = addResult(written.outputFolder, node, self.wanted, self.atlas, written.labelNames)
            ensureAtlasSurface(self.atlas, result)
        if existing is not None:
            self.source.place(written.taken)
        return result


@dataclass(frozen=True, eq=False)
class FetalSliceUpdate:
    """The same slice, changed: its pose is refined from the last one, and the nodes of its result follow.

    Attributes:
        request: as it was registered.
        result: its nodes; the transform is among them.
        settings: with the pose to begin with; None in it searches anew.
        atlas: on disk already, the same for all updates.
    """

    request: FetalSliceRequest
    result: ResultNodes
    settings: FetalSliceSettings
    atlas: WrittenAtlas

    def check(self) -> None:
        """Refuses what cannot be registered.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        self.request.check()

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file; only the pose is asked for.

        Raises:
            InputError: the mask misses the slice, or the view shows nothing of the volume.
            RegistrationError: the folder cannot be written.
        """
        outputs = Outputs(warped=False, segmentation=False, report=False)
        return self.request.writeWith(folder, self.settings, outputs, self.atlas)

    def load(self, written: WrittenJob) -> ResultNodes:
        """Moves the slice in the atlas, if the new pose is to be trusted.

        Raises:
            RegistrationError: the result cannot be read, or the slice or its transform is gone.
        """
        source, transform = self.request.source, self.result.transform
        if source.volume.GetScene() is None or transform.GetScene() is None:
            raise RegistrationError(_GONE)
        content = readContent(written.outputFolder)
        source.place(written.taken)
        transform.SetAttribute(RESULT, json.dumps(content))
        if content["trust"] != LOW_TRUST:
            movePose(self.result, answerOf(content))
            self.result.apply()
        return self.result
