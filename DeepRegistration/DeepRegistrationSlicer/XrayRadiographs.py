"""What registrations to radiographs have in common: their checks, cameras and files, and the start pose."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.camera import Camera, check_rigid
from DeepRegistrationLib.images.camera_file import write_camera
from DeepRegistrationSlicer.MrmlBridge import matrixUnder, writeVolume
from DeepRegistrationSlicer.ResultNodes import numbered
from DeepRegistrationSlicer.XrayGeometry import RadiographSource


@dataclass(frozen=True)
class WrittenRadiographs:
    """Radiographs as the worker finds them, in the order of the views.

    Attributes:
        xrays: images.
        geometries: camera files.
        frames: which frame of each image.
    """

    xrays: tuple[Path, ...]
    geometries: tuple[Path, ...]
    frames: tuple[int, ...]


class RequestWithCameras:
    """What every request that has radiographs knows about their cameras.

    Attributes:
        radiographs: of the same moment.
        isocentre: markups; its first point is the isocentre of C-arms that are given by angles. None takes
            `middle`.
    """

    radiographs: Sequence[RadiographSource]
    isocentre: slicer.vtkMRMLNode | None

    def middle(self) -> np.ndarray:
        """(3,) [mm]; of what is registered, in its own RAS."""
        raise NotImplementedError

    def isocentreRas(self) -> np.ndarray:
        """(3,) [mm] in the world; what C-arms that are given by angles turn about.

        Raises:
            InputError: there is no point.
        """
        if self.isocentre is None:
            return self.middle()
        if self.isocentre.GetNumberOfControlPoints() < 1:
            raise InputError(
                f"The points '{self.isocentre.GetName()}' are empty. Place a point at the isocentre of the "
                "C-arm, or choose the middle instead."
            )
        return np.array(self.isocentre.GetNthControlPointPositionWorld(0))

    def cameras(self) -> list[Camera]:
        """Source and detector of each radiograph, in the world.

        Raises:
            InputError: a geometry is incomplete or does not fit.
        """
        isocentre = self.isocentreRas()
        return [source.camera(isocentre) for source in self.radiographs]


def checkRadiographs(
    radiographs: Sequence[RadiographSource], moving: slicer.vtkMRMLScalarVolumeNode | None, role: str
) -> None:
    """Refuses what is no radiograph, or is chosen twice.

    Args:
        radiographs: as chosen.
        moving: what is registered to them; None if that is no node.
        role: what it is chosen as, for the text.

    Raises:
        InputError: what is missing or does not fit, and what to do.
    """
    for source in radiographs:
        source.check()
        if source.volume is moving:
            raise InputError(
                f"'{moving.GetName()}' is chosen as {role} and as radiograph. Choose another one."
            )
    volumes = [(source.volume, source.frame) for source in radiographs]
    if len(set(volumes)) < len(volumes):
        raise InputError(f"'{volumes[0][0].GetName()}' is chosen as both radiographs. Choose another one.")


def rigidStart(
    node: slicer.vtkMRMLTransformableNode, parent: slicer.vtkMRMLTransformNode | None, role: str
) -> np.ndarray:
    """(4, 4); start pose: world RAS [mm] from the own RAS of what is registered.

    Args:
        node: is registered.
        parent: the transform that it stands under when the registration begins.
        role: what it is chosen as, for the text.

    Raises:
        InputError: it stands under a transform that is not rigid.
    """
    matrix = matrixUnder(parent, node)
    problem = InputError(
        f"The {role} '{node.GetName()}' stands under a transform that scales, shears or mirrors it. A "
        "start pose turns and shifts only: choose a rigid transform for it in the module Transforms."
    )
    try:
        check_rigid(matrix, "start")
    except InputError as err:
        raise problem from err
    if np.linalg.det(matrix[:3, :3]) < 0:
        raise problem
    return matrix


def writeRadiographs(
    radiographs: Sequence[RadiographSource], cameras: Sequence[Camera], folder: Path
) -> WrittenRadiographs:
    """Writes images and cameras.

    Args:
        radiographs: as chosen.
        cameras: theirs.
        folder: of the job.

    Raises:
        RegistrationError: the folder cannot be written.
    """
    xrays, geometries, frames = [], [], []
    for index, (source, camera) in enumerate(zip(radiographs, cameras, strict=True)):
        geometries.append(folder / f"{numbered('camera', index)}.json")
        write_camera(camera, geometries[-1])
        path, frame = _dicomFile(source), source.frame
        if path is None:
            path, frame = folder / f"{numbered('xray', index)}.nrrd", 0
            writeVolume(source.image(), path)
        xrays.append(path)
        frames.append(frame)
    return WrittenRadiographs(tuple(xrays), tuple(geometries), tuple(frames))


def radiographNodes(
    xrays: Sequence[Path], radiographs: Sequence[RadiographSource]
) -> dict[str, slicer.vtkMRMLNode]:
    """Name of an input file -> the node that it was written from."""
    return {
        path.name.partition(".")[0]: source.volume for path, source in zip(xrays, radiographs, strict=True)
    }


def _dicomFile(source: RadiographSource) -> Path | None:
    """The DICOM file, whose tags tell what its pixels mean; None where the node shows something else."""
    path = source.dicomFile()
    # pixels that were changed after loading are in the node only
    return path if path is not None and not source.volume.GetModifiedSinceRead() else None
