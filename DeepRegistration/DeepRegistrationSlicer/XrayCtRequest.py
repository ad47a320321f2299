"""What the user asks for: a CT in the scene, registered to radiographs."""

import dataclasses
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera, check_rigid
from DeepRegistrationLib.images.camera_file import write_camera
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayCtSettings
from DeepRegistrationSlicer.MrmlBridge import (
    checkVolume,
    matrixToWorld,
    rasFromIjk,
    writeResamplingTransform,
    writeVolume,
)
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf
from DeepRegistrationSlicer.Request import WrittenJob, checkStillThere, nodeNames
from DeepRegistrationSlicer.ResultNodes import ResultNodes, numbered
from DeepRegistrationSlicer.XrayBones import parentOfCt
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayResultLoader import XrayWanted, loadXrayResult

LIVE_FOLDER = "live"
"""Beside the job file: gets DRRs of the poses so far."""


@dataclass(frozen=True, eq=False)
class XrayCtRequest:
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
        for source in self.radiographs:
            source.check()
            if source.volume is self.ct:
                raise InputError(
                    f"'{self.ct.GetName()}' is chosen as CT and as radiograph. Choose another one."
                )
        volumes = [(source.volume, source.frame) for source in self.radiographs]
        if len(set(volumes)) < len(volumes):
            raise InputError(
                f"'{volumes[0][0].GetName()}' is chosen as both radiographs. Choose another one, or none."
            )
        self.cameras()
        self.start()
        if self.wanted == XrayWanted(False, False, False, False):
            raise InputError("No output is chosen. Choose at least one: transform, DRR, model or plot.")

    def isocentreRas(self) -> np.ndarray:
        """(3,) [mm] in the world; what C-arms that are given by angles turn about."""
        if self.isocentre is not None:
            if self.isocentre.GetNumberOfControlPoints() < 1:
                raise InputError(
                    f"The points '{self.isocentre.GetName()}' are empty. Place a point at the isocentre of "
                    "the C-arm, or choose the middle of the CT."
                )
            return np.array(self.isocentre.GetNthControlPointPositionWorld(0))
        middle = (np.array(dimensionsOf(self.ct)) - 1) / 2
        return (rasFromIjk(self.ct) @ [*middle, 1.0])[:3]

    def cameras(self) -> list[Camera]:
        """Source and detector of each radiograph, in the world.

        Raises:
            InputError: a geometry is incomplete or does not fit.
        """
        isocentre = self.isocentreRas()
        return [source.camera(isocentre) for source in self.radiographs]

    def start(self) -> np.ndarray:
        """(4, 4); start pose: world RAS [mm] from the CT's own RAS.

        Raises:
            InputError: the CT stands under a transform that is not rigid.
        """
        matrix = matrixToWorld(self.ct)
        try:
            check_rigid(matrix, "start")
        except InputError as err:
            raise self._notRigid() from err
        if np.linalg.det(matrix[:3, :3]) < 0:
            raise self._notRigid()
        return matrix

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
        xrays, geometries, frames = [], [], []
        for index, (source, camera) in enumerate(zip(self.radiographs, self.cameras(), strict=True)):
            geometries.append(folder / f"{numbered('camera', index)}.json")
            write_camera(camera, geometries[-1])
            path, frame = _radiographFile(source), source.frame
            if path is None:
                path, frame = folder / f"{numbered('xray', index)}.nrrd", 0
                writeVolume(source.image(), path)
            xrays.append(path)
            frames.append(frame)
        return XrayCtFiles(folder / "ct.nrrd", tuple(xrays), tuple(geometries), labels, None, tuple(frames))

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
        nodes |= {
            path.name.partition(".")[0]: source.volume
            for path, source in zip(files.xrays, self.radiographs, strict=True)
        }
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

    def _notRigid(self) -> InputError:
        return InputError(
            f"The CT '{self.ct.GetName()}' stands under a transform that scales, shears or mirrors it. A "
            "start pose turns and shifts only: choose a rigid transform for it in the module Transforms."
        )


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


def _radiographFile(source: RadiographSource) -> Path | None:
    """The DICOM file, whose tags tell what its pixels mean; None where the node shows something else."""
    path = source.dicomFile()
    # pixels that were changed after loading are in the node only
    return path if path is not None and not source.volume.GetModifiedSinceRead() else None
