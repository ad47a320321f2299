"""What the user asks for: a bone atlas, bent until it matches two radiographs in the scene."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.biplanar import BiplanarFiles, BiplanarSettings
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs, write_job
from DeepRegistrationLib.jobs.xray_ct import XrayCtSettings
from DeepRegistrationSlicer.AtlasSource import Atlas, AtlasInScene, BoneAtlas, atlasNodes, writeAtlas
from DeepRegistrationSlicer.BiplanarResultLoader import BiplanarWanted, loadBiplanarResult
from DeepRegistrationSlicer.BoneAtlasFiles import checkBoneAtlas, ensureNode, imagesOf, middleOfAtlas, nodeOf
from DeepRegistrationSlicer.MrmlBridge import writeResamplingTransform
from DeepRegistrationSlicer.MrmlLabels import writeLabelsOnGrid
from DeepRegistrationSlicer.Request import WrittenJob, checkStillThere, nodeNames, parentBesideMask
from DeepRegistrationSlicer.ResultNodes import ResultNodes, numbered, parentWithoutResults
from DeepRegistrationSlicer.XrayCtRequest import XrayCtRequest
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayRadiographs import (
    RequestWithCameras,
    checkRadiographs,
    radiographNodes,
    rigidStart,
    writeRadiographs,
)


@dataclass(frozen=True, eq=False)
class BiplanarRequest(RequestWithCameras):
    """One atlas and two radiographs of the same moment; the world of the scene is that of the cameras.

    Attributes:
        radiographs: from two sides; the first one fixes the world.
        masks: segmentation or label volume of the bone's shadow on each radiograph; None where there is none.
        atlas: is bent; where it stands in the scene is the start pose.
        isocentre: markups; its first point is the isocentre of C-arms that are given by angles. None takes
            the middle of the atlas in its own RAS.
        settings: method, search range, device and so on.
        wanted: which results become nodes.
    """

    radiographs: tuple[RadiographSource, RadiographSource]
    masks: tuple[slicer.vtkMRMLNode | None, slicer.vtkMRMLNode | None] = (None, None)
    atlas: Atlas = field(default_factory=BoneAtlas)
    isocentre: slicer.vtkMRMLNode | None = None
    settings: BiplanarSettings = field(default_factory=BiplanarSettings)
    wanted: BiplanarWanted = field(default_factory=BiplanarWanted)

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkBoneAtlas(self.atlas)
        if self.radiographs[0].volume is not None and self.radiographs[1].volume is None:
            raise InputError(
                "No second radiograph is chosen. The shape of a bone needs two, of the same moment and from "
                "different sides: load the other one and choose it."
            )
        checkRadiographs(self.radiographs, nodeOf(self.atlas), "atlas")
        self.cameras()
        self.start()
        if self.wanted == BiplanarWanted(*[False] * 6):
            raise InputError(
                "No output is chosen. Choose at least one: deformation, affine part, atlas, segmentation, "
                "DRR or bone."
            )

    def middle(self) -> np.ndarray:
        """(3,) [mm]; of the atlas, in its own RAS."""
        return middleOfAtlas(self.atlas)

    def start(self) -> np.ndarray:
        """(4, 4); start pose: world RAS [mm] from the atlas's own RAS, whatever it was registered to before.

        Raises:
            InputError: the atlas stands under a transform that is not rigid.
        """
        node = nodeOf(self.atlas)
        return np.eye(4) if node is None else rigidStart(node, parentWithoutResults(node), "atlas")

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: a mask misses its radiograph, labels miss the atlas, or a geometry is incomplete.
            RegistrationError: the folder cannot be written.
        """
        written = writeRadiographs(self.radiographs, self.cameras(), folder)
        masks = [self._writeMask(folder, index) for index in range(len(self.radiographs))]
        atlas = writeAtlas(self.atlas, folder)
        writeResamplingTransform(self.start(), folder / "start.tfm")
        files = BiplanarFiles(
            written.xrays,
            written.geometries,
            tuple(masks),
            **atlas.files,
            initial_pose=folder / "start.tfm",
            frames=written.frames,
        )
        job = Job(JobKind.BIPLANAR, files, self.settings, folder / "result", Outputs(self.wanted.warped))
        write_job(job, folder / "job.json")
        nodes = radiographNodes(written.xrays, self.radiographs) | atlasNodes(self.atlas)
        nodes |= {
            path.name.partition(".")[0]: mask for path, mask in zip(masks, self.masks, strict=True) if path
        }
        return WrittenJob(folder / "job.json", job.output_folder, atlas.labelNames, nodeNames(nodes))

    def load(self, written: WrittenJob) -> ResultNodes:
        """Adds the result of the written job to the scene: all of it, or nothing.

        Raises:
            RegistrationError: the result cannot be loaded, or a radiograph or the atlas is gone.
        """
        inScene = (self.atlas.volume,) if isinstance(self.atlas, AtlasInScene) else ()
        checkStillThere(*inScene, *(source.volume for source in self.radiographs))
        return loadBiplanarResult(
            written.outputFolder,
            self.radiographs,
            self.atlas,
            self.wanted,
            written.labelNames,
            written.inNodeNames,
        )

    def preview(self) -> XrayCtRequest:
        """The atlas over the radiographs as it stands: what is shown while it is moved. It comes into the
        scene for that.

        Raises:
            InputError: the atlas cannot be read.
        """
        _, labels = imagesOf(self.atlas)
        settings = XrayCtSettings(polarity=self.settings.polarity, device=self.settings.device)
        node = ensureNode(self.atlas)
        return XrayCtRequest(node, self.radiographs, labels, self.isocentre, settings)

    def key(self) -> tuple:
        """Changes when other images or geometries are chosen; the pose of the atlas does not count."""
        nodes = [self.isocentre, *atlasNodes(self.atlas).values()]
        ids = tuple(node.GetID() if node is not None else None for node in nodes)
        folder = None if isinstance(self.atlas, AtlasInScene) else self.atlas.place
        isocentre = None if self.isocentre is None else tuple(self.isocentreRas())
        return (*ids, folder, isocentre, *(source.key() for source in self.radiographs))

    def _writeMask(self, folder: Path, index: int) -> Path | None:
        mask, source = self.masks[index], self.radiographs[index]
        if mask is None:
            return None
        path = folder / f"{numbered('mask', index)}.nrrd"
        writeLabelsOnGrid(mask, source.image(), parentBesideMask(mask, source.volume), path)
        return path
