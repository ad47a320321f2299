"""What the user asks for: a CT in the scene, registered to radiographs."""

import dataclasses
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from DeepRegistrationSlicer.MrmlBridge import checkVolume, writeResamplingTransform, writeVolume
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.MrmlSlices import middleOf
from DeepRegistrationSlicer.Request import WrittenJob, checkStillThere, nodeNames
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.XrayBones import parentOfCt
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayRadiographs import (
    RequestWithCameras,
    checkRadiographs,
    radiographNodes,
    rigidStart,
    writeRadiographs,
)
from DeepRegistrationSlicer.XrayResultLoader import XrayWanted, loadXrayResult

LIVE_FOLDER = "live"
"""Beside the job file: gets DRRs of the poses so far."""


@dataclass(frozen=True, eq=False)
class XrayCtRequest(RequestWithCameras):
    """One registration of a CT to radiographs in the scene; the world of the scene is that of the cameras.

    Attributes:
        ct: is moved; where it stands in the world is the start pose.
        radiographs: one or more, of the same moment.
        bones: segmentation or label volume of the bones that the radiographs show; None takes all that is as
            dense as bone.
        isocentre: markups; its first point is the isocentre of C-arms that are given by angles. None takes
            the middle of the CT in its own RAS.
        settings: method, search range, device and so on.
        wanted: which results become nodes.
        isFollowed: the worker leaves DRRs of the poses so far in `LIVE_FOLDER`.
    """

    ct: slicer.vtkMRMLScalarVolumeNode | None
    radiographs: tuple[RadiographSource, ...]
    bones: slicer.vtkMRMLNode | None = None
    isocentre: slicer.vtkMRMLNode | None = None
    settings: XrayCtSettings = field(default_factory=XrayCtSettings)
    wanted: XrayWanted = field(default_factory=XrayWanted)
    isFollowed: bool = False

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkVolume(self.ct, "CT")
        checkRadiographs(self.radiographs, self.ct, "CT")
        self.cameras()
        self.start()
        if self.wanted == XrayWanted(False, False, False, False):
            raise InputError("No output is chosen. Choose at least one: transform, DRR, model or plot.")

    def middle(self) -> np.ndarray:
        """(3,) [mm]; of the CT, in its own RAS."""
        return middleOf(self.ct)

    def start(self) -> np.ndarray:
        """(4, 4); start pose: world RAS [mm] from the CT's own RAS.

        Raises:
            InputError: the CT stands under a transform that is not rigid.
        """
        return rigidStart(self.ct, self.ct.GetParentTransformNode(), "CT")

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: the bones miss the CT, or a geometry is incomplete.
            RegistrationError: the folder cannot be written.
        """
        files = self.writeImages(folder)
        if self.isFollowed:
            (folder / LIVE_FOLDER).mkdir()
            files = replace(files, live_folder=folder / LIVE_FOLDER)
        return self.writeWith(folder, files, self.settings, Outputs(warped=False, segmentation=False))

    def writeImages(self, folder: Path) -> XrayCtFiles:
        """Writes what stays the same while the CT is moved."""
        labels = None
        writeVolume(self.ct, folder / "ct.nrrd")
        if self.bones is not None:
            labels = folder / "bones.nrrd"
            writeLabelsOnGrid(self.bones, self.ct, parentOfCt(self.ct, self.bones), labels)
        written = writeRadiographs(self.radiographs, self.cameras(), folder)
        return XrayCtFiles(
            folder / "ct.nrrd", written.xrays, written.geometries, labels, None, written.frames
        )

    def writeWith(
        self, folder: Path, files: XrayCtFiles, settings: XrayCtSettings, outputs: Outputs
    ) -> WrittenJob:
        """Writes the start pose and the job file; the images may be on disk already."""
        writeResamplingTransform(self.start(), folder / "start.tfm")
        job = Job(
            kind=JobKind.XRAY_CT,
            files=replace(files, initial_pose=folder / "start.tfm"),
            settings=settings,
            output_folder=folder / "result",
            outputs=outputs,
        )
        write_job(job, folder / "job.json")
        nodes = {"ct": self.ct, "bones": self.bones}
        nodes |= radiographNodes(files.xrays, self.radiographs)
        return WrittenJob(folder / "job.json", job.output_folder, {}, nodeNames(nodes))

    def load(self, written: WrittenJob) -> ResultNodes:
        """Adds the result of the written job to the scene: all of it, or nothing.

        Raises:
            RegistrationError: the result cannot be loaded, or CT or radiograph are gone.
        """
        checkStillThere(self.ct, *(source.volume for source in self.radiographs))
        return loadXrayResult(
            written.outputFolder,
            self.ct,
            self.wanted,
            self.radiographs,
            self.bones,
            written.inNodeNames,
        )

    def key(self) -> tuple:
        """Changes when other images, bones or geometries are chosen; the pose of the CT does not count."""
        ids = tuple(node.GetID() if node is not None else None for node in (self.ct, self.bones))
        isocentre = tuple(self.isocentreRas()) if self.ct is not None else None
        return (*ids, isocentre, *(source.key() for source in self.radiographs))


@dataclass(frozen=True, eq=False)
class XrayPreview:
    """The CT where it stands now, projected; nothing is registered and no node added.

    Attributes:
        request: the registration that may follow.
        files: its images, on disk already.
        show: called with the folder of the DRRs.
    """

    request: XrayCtRequest
    files: XrayCtFiles
    show: object

    def check(self) -> None:
        """Refuses a CT that stands where it cannot.

        Raises:
            InputError: what does not fit, and what to do.
        """
        self.request.start()

    def write(self, folder: Path) -> WrittenJob:
        """Writes pose and job file.

        Raises:
            RegistrationError: the folder cannot be written.
        """
        settings = dataclasses.replace(self.request.settings, preview=True)
        outputs = Outputs(warped=False, segmentation=False, report=False)
        return self.request.writeWith(folder, self.files, settings, outputs)

    def load(self, written: WrittenJob) -> ResultNodes:
        """Shows the DRRs."""
        self.show(written.outputFolder)
        return ResultNodes()
