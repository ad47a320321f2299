"""A registered sweep as a scene of its own: the frames come from the result folder."""

from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationSlicer.FrameSource import Sweep
from DeepRegistrationSlicer.MrmlBridge import readVolume
from DeepRegistrationSlicer.SweepBrowser import createSequence, play
from DeepRegistrationSlicer.UltrasoundResultLoader import loadUltrasoundResult

_FRAMES = "frames.igs.mha"


def loadSweep(folder: Path, content: dict, name: str) -> slicer.vtkMRMLVolumeNode:
    """Adds frames and results: sequences of frames and transforms with their browser, table, plot, models.

    Args:
        folder: holds the files of the result.
        content: of its result.json.
        name: of the sweep.

    Returns:
        The volume that shows the frame that the browser has chosen.

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
    frames = createSequence(volumes, name)
    shown = play(frames, f"{name} browser")
    loadUltrasoundResult(folder, Sweep(frames))
    return shown
