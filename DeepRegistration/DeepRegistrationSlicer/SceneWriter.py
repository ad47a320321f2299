"""Writes scene.mrb into a result folder: the volume, registered, as Slicer's panel would leave it.

    python -m DeepRegistrationSlicer.SceneWriter RESULT_FOLDER MOVING_FILE

A program of its own: the command line computes with torch, and torch and the scene never share a process.
"""

import sys
from pathlib import Path

import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.job import JobKind
from DeepRegistrationSlicer.AtlasSource import AtlasByAge, AtlasInScene, BoneAtlas
from DeepRegistrationSlicer.AtlasSurface import ensureAtlasSurface
from DeepRegistrationSlicer.BiplanarResultLoader import BiplanarWanted, loadBiplanarResult
from DeepRegistrationSlicer.HeadlessSlicer import boot
from DeepRegistrationSlicer.MrmlBridge import loadVolume
from DeepRegistrationSlicer.ResultLoader import loadResult, readContent
from DeepRegistrationSlicer.ResultNodes import latestResult, numbered
from DeepRegistrationSlicer.StandardViews import showInStandardViews
from DeepRegistrationSlicer.SweepScene import loadFrames
from DeepRegistrationSlicer.XrayGeometry import RadiographSource
from DeepRegistrationSlicer.XrayResultLoader import loadXrayResult

SCENE = "scene.mrb"

_USAGE = "usage: python -m DeepRegistrationSlicer.SceneWriter RESULT_FOLDER MOVING_FILE"


def writeScene(folder: Path, moving: Path) -> Path:
    """Loads a result and the volume it belongs to, and saves them as one scene file.

    Args:
        folder: result folder; holds result.json and the files it stands for.
        moving: the volume that was registered, or the folder of its DICOM series or of the atlas; frames of
            ultrasound and radiographs come from the result folder.

    Returns:
        The scene file, in the result folder.

    Raises:
        InputError: the volume cannot be read.
        RegistrationError: the result cannot be read, or the scene not written.
    """
    boot()
    content, name = readContent(folder), moving.name.partition(".")[0]
    if content["job"] == JobKind.US_ANGLES:
        loadFrames(folder, content, name)
    elif content["job"] == JobKind.XRAY_CT:
        loadXrayResult(folder, loadVolume(_firstFile(moving), name))
    elif content["job"] == JobKind.BIPLANAR:
        _loadBiplanar(folder, content, moving)
    else:
        result = loadResult(folder, loadVolume(_firstFile(moving), name))
        if content["job"] == JobKind.FETAL_SLICE:
            ensureAtlasSurface(AtlasByAge(), result)
    showInStandardViews(latestResult())
    scene = folder / SCENE
    if not slicer.mrmlScene.WriteToMRB(str(scene)) or not scene.exists():
        raise RegistrationError(f"The scene '{scene}' could not be written. Free some space and try again.")
    return scene


def main(arguments: list[str]) -> None:
    """Writes the scene that the arguments name; ends the program with a sentence if that fails."""
    if len(arguments) != 2:
        raise SystemExit(_USAGE)
    try:
        writeScene(Path(arguments[0]), Path(arguments[1]))
    except RegistrationError as err:
        raise SystemExit(str(err)) from err


def _loadBiplanar(folder: Path, content: dict, moving: Path) -> None:
    """Radiographs, atlas and what came of them."""
    radiographs = [
        RadiographSource(loadVolume(folder / f"{numbered('xray', index)}.nrrd", view["name"]))
        for index, view in enumerate(content["views"])
    ]
    isFolder = (moving / content["inputs"]["atlas"]["file"]).is_file()
    name = moving.name.partition(".")[0]
    atlas = BoneAtlas(moving) if isFolder else AtlasInScene(loadVolume(_firstFile(moving), name))
    hasLabels = (folder / "segmentation.seg.nrrd").is_file()
    wanted = BiplanarWanted(warped=(folder / "warped.nrrd").is_file(), segmentation=hasLabels, bone=hasLabels)
    loadBiplanarResult(folder, radiographs, atlas, wanted)


def _firstFile(path: Path) -> Path:
    """A DICOM series is read from any one of its files."""
    return (
        min((entry for entry in path.iterdir() if entry.is_file()), default=path) if path.is_dir() else path
    )


if __name__ == "__main__":
    main(sys.argv[1:])
