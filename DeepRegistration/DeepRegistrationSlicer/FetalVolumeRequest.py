"""What the user asks for: a fetal brain in the scene, registered to an atlas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationLib.sample_data import installed_atlas_folder
from DeepRegistrationSlicer.MrmlBridge import checkVolume, writeVolume
from DeepRegistrationSlicer.MrmlLabels import Label, writeLabelsOnGrid
from DeepRegistrationSlicer.ResultNodes import parentWithoutResults

YOUNGEST_WEEKS, OLDEST_WEEKS = 18.0, 45.0
"""Gestational ages that make sense [weeks]."""


@dataclass(frozen=True)
class WantedNodes:
    """Which results become nodes; at least one.

    Attributes:
        transform: subject to atlas.
        warped: the subject on the grid of the atlas.
        segmentation: the labels of the atlas on the subject.
    """

    transform: bool = True
    warped: bool = True
    segmentation: bool = True


@dataclass(frozen=True)
class WrittenJob:
    """A job on disk.

    Attributes:
        file: job.json.
        outputFolder: where its result will be.
        labelNames: value -> name and colour of the atlas labels, where the scene knows them.
    """

    file: Path
    outputFolder: Path
    labelNames: Mapping[int, Label]


@dataclass(frozen=True, eq=False)
class FetalVolumeRequest:
    """One registration of nodes in the scene.

    Attributes:
        subject: reconstructed fetal brain; read in its own RAS.
        mask: vtkMRMLSegmentationNode or label volume over the brain; None finds the brain automatically.
        atlasVolume: atlas in the scene; None takes one by age from a folder.
        atlasLabels: segmentation or label volume over `atlasVolume`.
        atlasFolder: folder with one atlas image per week; None takes the installed atlas.
        settings: method, age, device and so on.
        wanted: which results become nodes.
    """

    subject: slicer.vtkMRMLScalarVolumeNode
    mask: slicer.vtkMRMLNode | None = None
    atlasVolume: slicer.vtkMRMLScalarVolumeNode | None = None
    atlasLabels: slicer.vtkMRMLNode | None = None
    atlasFolder: Path | None = None
    settings: FetalVolumeSettings = field(default_factory=FetalVolumeSettings)
    wanted: WantedNodes = field(default_factory=WantedNodes)

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkVolume(self.subject, "fetal brain")
        if self.atlasVolume is not None:
            checkVolume(self.atlasVolume, "atlas")
            if self.atlasVolume is self.subject:
                raise InputError(
                    f"'{self.subject.GetName()}' is chosen as fetal brain and atlas. Choose another."
                )
        elif self.atlasLabels is not None:
            raise InputError("Atlas labels are chosen without their atlas volume. Choose the volume too.")
        else:
            self._checkAtlasFolder()
        if self.wanted == WantedNodes(False, False, False):
            raise InputError("No output is chosen. Choose at least one: transform, volume or segmentation.")
        age = self.settings.gestational_age_weeks
        if age is not None and not YOUNGEST_WEEKS <= age <= OLDEST_WEEKS:
            raise InputError(
                f"A gestational age of {age:g} weeks is not between {YOUNGEST_WEEKS:g} and {OLDEST_WEEKS:g}. "
                "Correct it, or set it to 'estimate'."
            )

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: the mask or the labels miss their volume.
            RegistrationError: the folder cannot be written.
        """
        moving = folder / "subject.nrrd"
        writeVolume(self.subject, moving)
        mask = atlas = labels = None
        labelNames: Mapping[int, Label] = {}
        if self.mask is not None:
            mask = folder / "mask.nrrd"
            writeLabelsOnGrid(self.mask, self.subject, self._parentBesideMask(), mask)
        if self.atlasVolume is not None:
            atlas = folder / "atlas.nrrd"
            writeVolume(self.atlasVolume, atlas)
            if self.atlasLabels is not None:
                labels = folder / "atlas-labels.nrrd"
                labelNames = writeLabelsOnGrid(
                    self.atlasLabels, self.atlasVolume, self.atlasVolume.GetParentTransformNode(), labels
                )
        folderOfAtlas = self.atlasFolder if atlas is None else None
        job = Job(
            kind=JobKind.FETAL_VOLUME,
            files=FetalVolumeFiles(moving, mask, atlas, labels, atlas_dir=folderOfAtlas),
            settings=self.settings,
            output_folder=folder / "result",
            outputs=Outputs(warped=self.wanted.warped, segmentation=self.wanted.segmentation),
        )
        write_job(job, folder / "job.json")
        return WrittenJob(folder / "job.json", job.output_folder, labelNames)

    def _parentBesideMask(self) -> slicer.vtkMRMLTransformNode | None:
        """The transform under which subject and mask lie on each other.

        A subject that was registered before stands in the atlas. The mask stayed where the subject was,
        unless it was drawn or put there too.
        """
        above = self.mask.GetParentTransformNode()
        while above is not None:
            if above is self.subject.GetParentTransformNode():
                return above
            above = above.GetParentTransformNode()
        return parentWithoutResults(self.subject)

    def _checkAtlasFolder(self) -> None:
        if self.atlasFolder is None:
            if installed_atlas_folder() is None:
                raise InputError(
                    "The fetal brain atlas is not installed. Press 'Download', or choose a folder with one."
                )
        elif not self.atlasFolder.is_dir():
            raise InputError(f"The atlas folder '{self.atlasFolder}' does not exist. Choose another one.")
