"""What the user asks for: a fetal brain in the scene, registered to an atlas."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
class AtlasByAge:
    """An atlas on disk, of which the image of the right age is taken.

    Attributes:
        folder: one image per week of gestational age; None takes the installed atlas.
    """

    folder: Path | None = None


@dataclass(frozen=True, eq=False)
class AtlasInScene:
    """An atlas among the nodes of the scene; it is taken where it stands.

    Attributes:
        volume: the image.
        labels: segmentation or label volume over it; None for no labels.
    """

    volume: slicer.vtkMRMLScalarVolumeNode | None
    labels: slicer.vtkMRMLNode | None = None


@dataclass(frozen=True)
class WrittenJob:
    """A job on disk.

    Attributes:
        file: job.json.
        outputFolder: where its result will be.
        labelNames: value -> name and colour of the atlas labels, where the scene knows them.
        nodeNames: name of an input file -> name of the node that it was written from.
    """

    file: Path
    outputFolder: Path
    labelNames: Mapping[int, Label]
    nodeNames: Mapping[str, str]

    def inNodeNames(self, message: str) -> str:
        """A message of the worker, which knows files only, for people, who know nodes."""
        for fileName, nodeName in self.nodeNames.items():
            message = message.replace(f"'{fileName}'", f"'{nodeName}'")
        return message


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
    atlas: AtlasByAge | AtlasInScene = field(default_factory=AtlasByAge)
    settings: FetalVolumeSettings = field(default_factory=FetalVolumeSettings)
    wanted: WantedNodes = field(default_factory=WantedNodes)

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkVolume(self.subject, "fetal brain")
        if isinstance(self.atlas, AtlasInScene):
            checkVolume(self.atlas.volume, "atlas")
            if self.atlas.volume is self.subject:
                raise InputError(
                    f"'{self.subject.GetName()}' is chosen as fetal brain and as atlas. Choose another one."
                )
        else:
            _checkFolder(self.atlas.folder)
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
        files = FetalVolumeFiles(folder / "subject.nrrd")
        labelNames: Mapping[int, Label] = {}
        writeVolume(self.subject, files.moving)
        if self.mask is not None:
            files = replace(files, mask=folder / "mask.nrrd")
            writeLabelsOnGrid(self.mask, self.subject, self._parentBesideMask(), files.mask)
        if isinstance(self.atlas, AtlasByAge):
            files = replace(files, atlas_dir=self.atlas.folder)
        else:
            files = replace(files, atlas=folder / "atlas.nrrd")
            writeVolume(self.atlas.volume, files.atlas)
            if self.atlas.labels is not None:
                files = replace(files, atlas_labels=folder / "atlas-labels.nrrd")
                parent = self.atlas.volume.GetParentTransformNode()
                labelNames = writeLabelsOnGrid(
                    self.atlas.labels, self.atlas.volume, parent, files.atlas_labels
                )
        job = Job(
            kind=JobKind.FETAL_VOLUME,
            files=files,
            settings=self.settings,
            output_folder=folder / "result",
            outputs=Outputs(warped=self.wanted.warped, segmentation=self.wanted.segmentation),
        )
        write_job(job, folder / "job.json")
        return WrittenJob(folder / "job.json", job.output_folder, labelNames, self._nodeNames())

    def _nodeNames(self) -> dict[str, str]:
        nodes = {"subject": self.subject, "mask": self.mask}
        if isinstance(self.atlas, AtlasInScene):
            nodes |= {"atlas": self.atlas.volume, "atlas-labels": self.atlas.labels}
        return {name: node.GetName() for name, node in nodes.items() if node is not None}

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


def _checkFolder(folder: Path | None) -> None:
    if folder is None and installed_atlas_folder() is None:
        raise InputError(
            "The fetal brain atlas is not installed. Press 'Download', or choose a folder that has one."
        )
    if folder is not None and not folder.is_dir():
        raise InputError(f"The atlas folder '{folder}' does not exist. Choose another one.")
