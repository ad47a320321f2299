"""Registered ultrasound frames as a scene of their own: the frames come from the result folder."""

from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationSlicer.FrameSource import Sweep, Triplet
from DeepRegistrationSlicer.MrmlBridge import readVolume
from DeepRegistrationSlicer.SweepBrowser import browserOf, createSequence, play, select
from DeepRegistrationSlicer.UltrasoundResultLoader import loadUltrasoundResult

_FRAMES = "frames.igs.mha"
_ROLES = ("before", "middle", "after")


def loadFrames(folder: Path, content: dict, name: str) -> None:
    """Adds frames and results: three images with their transforms, or sequences of both with their browser.

    The browser stands at the last frame: the first one stays where it is, before and after look alike there.

    Args:
        folder: holds the files of the result.
        content: of its result.json.
        name: of a sweep; three images have the names of their files.

    Raises:
        InputError: the frames cannot be read.
        RegistrationError: the result cannot be loaded.
    """
    rasFromPixel = slicer.util.vtkMatrixFromArray(np.array(content["ras_from_pixel"]))
    volumes = []
    for pixels in slicer.util.arrayFromVolume(readVolume(folder / _FRAMES)):
        volume = slicer.vtkMRMLScalarVolumeNode()
        slicer.util.updateVolumeFromArray(volume, pixels[None])
        volume.SetIJKToRASMatrix(rasFromPixel)
        volumes.append(volume)
    if set(_ROLES) <= set(content["inputs"]):
        for volume, role in zip(volumes, _ROLES, strict=True):
            volume.SetName(content["inputs"][role]["file"].partition(".")[0])
            slicer.mrmlScene.AddNode(volume)
            volume.CreateDefaultDisplayNodes()
        loadUltrasoundResult(folder, Triplet(*volumes))
        return
    frames = createSequence(volumes, name)
    play(frames, f"{name} browser")
    loadUltrasoundResult(folder, Sweep(frames))
    select(browserOf(frames), len(volumes) - 1)
