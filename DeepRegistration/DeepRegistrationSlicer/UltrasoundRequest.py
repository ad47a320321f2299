"""What the user asks for: the angles between ultrasound frames in the scene."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationLib.jobs.us_angles import UsAnglesFiles, UsAnglesSettings
from DeepRegistrationSlicer.FrameSource import FrameSource
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.PixelSize import PixelSize
from DeepRegistrationSlicer.Request import WrittenJob, checkStillThere, nodeNames, parentBesideMask
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.UltrasoundResultLoader import UltrasoundWanted, loadUltrasoundResult

_STEP_S = 0.1
"""Between frames whose times nobody told; only their order counts."""


@dataclass(frozen=True, eq=False)
class UltrasoundRequest:
    """One registration of consecutive frames.

    Attributes:
        source: the frames.
        pixelSize: who tells the size of the pixels and the calibration to the probe.
        mask: segmentation or label volume over the tissue; None finds the sector automatically.
        settings: method, tools, device and so on.
        wanted: which results become nodes.
    """

    source: FrameSource
    pixelSize: PixelSize = field(default_factory=PixelSize)
    mask: slicer.vtkMRMLNode | None = None
    settings: UsAnglesSettings = field(default_factory=UsAnglesSettings)
    wanted: UltrasoundWanted = field(default_factory=UltrasoundWanted)

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        self.source.check()
        self.pixelSize.check()
        if self.mask is not None and self.source.shown is None:
            name = self.source.subject.GetName()
            raise InputError(
                f"The sequence '{name}' is not shown, so nobody knows where the mask lies on it. Choose it "
                "in the module Sequences, or leave the mask out."
            )
        if self.wanted == UltrasoundWanted(False, False, False, False):
            raise InputError(
                "No output is chosen. Choose at least one: transforms, aligned frames, 3D or angles."
            )

    def write(self, folder: Path) -> WrittenJob:
        """Writes frames, mask and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: the mask misses the frames.
            RegistrationError: the folder cannot be written.
        """
        frames, tracked = self.source.frames(), self.source.tracked()
        rasFromIjk, times = self.source.rasFromIjk(), self.source.times()
        files = UsAnglesFiles(sequence=folder / "frames.mha")
        write_metaimage_frames(
            frames,
            tuple(np.linalg.norm(rasFromIjk[:3, :2], axis=0)),
            tracked.transforms,
            tracked.valid,
            np.arange(len(frames)) * _STEP_S if times is None else times,
            files.sequence,
        )
        if self.mask is not None:
            files = replace(files, mask=folder / "mask.nrrd")
            shown = self.source.shown
            writeLabelsOnGrid(self.mask, shown, parentBesideMask(self.mask, shown), files.mask)
        settings = replace(self.settings, pixel_size_mm=self.pixelSize.enteredSize())
        job = Job(
            kind=JobKind.US_ANGLES,
            files=replace(files, calibration=self.pixelSize.write(folder, rasFromIjk)),
            settings=settings,
            output_folder=folder / "result",
            outputs=Outputs(warped=self.wanted.aligned, segmentation=False, report=not settings.live),
        )
        write_job(job, folder / "job.json")
        names = nodeNames({"frames": self.source.subject, "mask": self.mask})
        if self.pixelSize.transform is not None:
            names["calibration.xml"] = self.pixelSize.transform.GetName()
        return WrittenJob(folder / "job.json", job.output_folder, {}, names)

    def load(self, written: WrittenJob) -> ResultNodes:
        """Adds the result of the written job to the scene: all of it, or nothing.

        Raises:
            RegistrationError: the result cannot be loaded, or frames are gone.
        """
        checkStillThere(*self.source.nodes())
        return loadUltrasoundResult(written.outputFolder, self.source, self.wanted, written.inNodeNames)
