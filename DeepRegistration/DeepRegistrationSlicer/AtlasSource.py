"""Where the atlas of a registration comes from: a folder on disk, or the scene."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.biplanar import installed_atlas_folder as installed_bone_folder
from DeepRegistrationLib.remote_file import sha256_of
from DeepRegistrationLib.sample_data import installed_atlas_folder
from DeepRegistrationSlicer.MrmlBridge import checkVolume, loadVolume, writeVolume
from DeepRegistrationSlicer.MrmlLabels import Label, writeLabelsOnGrid
from DeepRegistrationSlicer.Request import parentBesideMask

YOUNGEST_WEEKS, OLDEST_WEEKS = 18.0, 45.0
"""Gestational ages that make sense [weeks]."""
ATLAS_SHA256 = "DeepRegistration.sha256"
"""Attribute of an atlas that a result brought into the scene: the checksum of its file."""


@dataclass(frozen=True)
class AtlasByAge:
    """An atlas on disk, of which the image of the right age is taken.

    Attributes:
        folder: one image per week of gestational age; None takes the installed atlas.
    """

    folder: Path | None = None

    @property
    def place(self) -> Path | None:
        """The folder, also where none is named; None if no atlas is installed."""
        return self.folder or installed_atlas_folder()


@dataclass(frozen=True)
class BoneAtlas:
    """A CT of a bone on disk with its labels and, if there is one, the shape model that goes with it.

    Attributes:
        folder: holds `atlas_ct` and `atlas_labels`; None takes the femur that comes with the program.
    """

    folder: Path | None = None

    @property
    def place(self) -> Path:
        """The folder, also where none is named."""
        return self.folder or installed_bone_folder()


@dataclass(frozen=True, eq=False)
class AtlasInScene:
    """An atlas among the nodes of the scene; it is taken where it stands.

    Attributes:
        volume: the image.
        labels: segmentation or label volume over it; None for no labels.
    """

    volume: slicer.vtkMRMLScalarVolumeNode | None
    labels: slicer.vtkMRMLNode | None = None


Atlas = AtlasByAge | BoneAtlas | AtlasInScene


@dataclass(frozen=True)
class WrittenAtlas:
    """An atlas as the worker finds it.

    Attributes:
        files: role -> path, as the files of a job name them.
        labelNames: value -> name and colour of its labels, where the scene knows them.
    """

    files: Mapping[str, Path | None]
    labelNames: Mapping[int, Label]


def checkAtlas(atlas: Atlas, subject: slicer.vtkMRMLScalarVolumeNode, role: str) -> None:
    """Refuses an atlas that is not there.

    Args:
        atlas: what is registered to.
        subject: what is registered; it cannot be its own atlas.
        role: what the subject is chosen as, for the text.

    Raises:
        InputError: no volume, no folder, or not installed.
    """
    if isinstance(atlas, AtlasInScene):
        checkVolume(atlas.volume, "atlas")
        if atlas.volume is subject:
            raise InputError(f"'{subject.GetName()}' is chosen as {role} and as atlas. Choose another one.")
    elif atlas.folder is None and installed_atlas_folder() is None:
        raise InputError(
            "The fetal brain atlas is not installed. Press 'Download', or choose a folder that has one."
        )
    elif atlas.folder is not None and not atlas.folder.is_dir():
        raise InputError(f"The atlas folder '{atlas.folder}' does not exist. Choose another one.")


def checkAge(weeks: float | None) -> None:
    """Refuses an age that no fetus has.

    Raises:
        InputError: it is out of range.
    """
    if weeks is not None and not YOUNGEST_WEEKS <= weeks <= OLDEST_WEEKS:
        raise InputError(
            f"A gestational age of {weeks:g} weeks is not between {YOUNGEST_WEEKS:g} and {OLDEST_WEEKS:g}. "
            "Correct it, or set it to 'estimate'."
        )


def writeAtlas(atlas: Atlas, folder: Path) -> WrittenAtlas:
    """Writes the atlas for a job; one on disk stays where it is.

    Args:
        atlas: what is registered to.
        folder: of the job.

    Raises:
        InputError: the labels miss their volume.
        RegistrationError: the folder cannot be written.
    """
    if not isinstance(atlas, AtlasInScene):
        return WrittenAtlas({"atlas_dir": atlas.folder}, {})
    files, names = {"atlas": folder / "atlas.nrrd"}, {}
    writeVolume(atlas.volume, files["atlas"])
    if atlas.labels is not None:
        files["atlas_labels"] = folder / "atlas-labels.nrrd"
        parent = parentBesideMask(atlas.labels, atlas.volume)
        names = writeLabelsOnGrid(atlas.labels, atlas.volume, parent, files["atlas_labels"])
    return WrittenAtlas(files, names)


def atlasNodes(atlas: Atlas) -> dict[str, slicer.vtkMRMLNode | None]:
    """File name of an input -> the node that it was written from."""
    if not isinstance(atlas, AtlasInScene):
        return {}
    return {"atlas": atlas.volume, "atlas-labels": atlas.labels}


def atlasVolume(atlas: Atlas, content: dict) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The atlas of a result: from the scene, the node that an earlier result brought, or its file.

    Args:
        atlas: what was registered to.
        content: of result.json.

    Returns:
        None if the file on disk is not the one that was used.
    """
    if isinstance(atlas, AtlasInScene):
        return atlas.volume
    sha256 = content["inputs"]["atlas"]["sha256"]
    found = broughtAtlas(sha256)
    if found is None:
        path = atlasFile(atlas, content, "atlas")
        found = bringAtlas(path, sha256) if path is not None else None
    return found


def broughtAtlas(sha256: str) -> slicer.vtkMRMLScalarVolumeNode | None:
    """The node that this file was brought into the scene as; None if it was not."""
    volumes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    return next((volume for volume in volumes if volume.GetAttribute(ATLAS_SHA256) == sha256), None)


def bringAtlas(path: Path, sha256: str) -> slicer.vtkMRMLScalarVolumeNode:
    """Adds the file of an atlas to the scene.

    Raises:
        InputError: the file cannot be read.
    """
    volume = loadVolume(path, path.name.partition(".")[0])
    volume.SetAttribute(ATLAS_SHA256, sha256)
    return volume


def atlasFile(atlas: AtlasByAge | BoneAtlas, content: dict, role: str) -> Path | None:
    """The file that a result used, if it is still there and still the same.

    Args:
        atlas: what was registered to.
        content: of result.json.
        role: "atlas", "atlas_mask" or "atlas_labels".
    """
    stamp, folder = content["inputs"].get(role), atlas.place
    if stamp is None or folder is None:
        return None
    path = folder / stamp["file"]
    return path if path.is_file() and sha256_of(path) == stamp["sha256"] else None
