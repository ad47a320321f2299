"""What the user asks for: a fetal brain in the scene, registered to an atlas."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationSlicer.AtlasSource import (
    Atlas,
    AtlasByAge,
    AtlasInScene,
    atlasNodes,
    checkAge,
    checkAtlas,
    writeAtlas,
)
from DeepRegistrationSlicer.MrmlBridge import checkVolume, writeVolume
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.Request import WrittenJob, nodeNames, parentBesideMask
from DeepRegistrationSlicer.ResultLoader import WantedNodes, loadResult
from DeepRegistrationSlicer.ResultNodes import ResultNodes

__all__ = ["AtlasByAge", "AtlasInScene", "FetalVolumeRequest", "WantedNodes"]


@dataclass(frozen=True, eq=False)
class FetalVolumeRequest:
    """One registration of nodes in the scene.

    Attributes:
        subject: reconstructed fetal brain; read in its own RAS.
        mask: vtkMRMLSegmentationNode or label volume over the brain; None finds the brain automatically.
        atlas: what to register it to.
        settings: method, age, device and so on.
        wanted: which results become nodes.
    """

    subject: slicer.vtkMRMLScalarVolumeNode
    mask: slicer.vtkMRMLNode | None = None
    atlas: Atlas = field(default_factory=AtlasByAge)
    settings: FetalVolumeSettings = field(default_factory=FetalVolumeSettings)
    wanted: WantedNodes = field(default_factory=WantedNodes)

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkVolume(self.subject, "fetal brain")
        checkAtlas(self.atlas, self.subject, "fetal brain")
        if self.wanted == WantedNodes(False, False, False):
            raise InputError("No output is chosen. Choose at least one: transform, volume or segmentation.")
        checkAge(self.settings.gestational_age_weeks)

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: the mask or the labels miss their volume.
            RegistrationError: the folder cannot be written.
        """
        files = FetalVolumeFiles(folder / "subject.nrrd")
        writeVolume(self.subject, files.moving)
        if self.mask is not None:
            files = replace(files, mask=folder / "mask.nrrd")
            writeLabelsOnGrid(self.mask, self.subject, parentBesideMask(self.mask, self.subject), files.mask)
        atlas = writeAtlas(self.atlas, folder)
        job = Job(
            kind=JobKind.FETAL_VOLUME,
            files=replace(files, **atlas.files),
            settings=self.settings,
            output_folder=folder / "result",
            outputs=Outputs(warped=self.wanted.warped, segmentation=self.wanted.segmentation),
        )
        write_job(job, folder / "job.json")
        names = nodeNames({"subject": self.subject, "mask": self.mask, **atlasNodes(self.atlas)})
        return WrittenJob(folder / "job.json", job.output_folder, atlas.labelNames, names)

    def load(self, written: WrittenJob) -> ResultNodes:
        """Adds the result of the written job to the scene: all of it, or nothing.

        Raises:
            RegistrationError: the result cannot be loaded, or the subject is gone.
        """
        return loadResult(written.outputFolder, self.subject, self.wanted, self.atlas, written.labelNames)
