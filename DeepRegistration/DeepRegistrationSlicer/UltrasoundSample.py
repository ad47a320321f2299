"""The sample of the ultrasound tab: a tracked sweep from the internet, as a sequence that is played."""

from pathlib import Path

import numpy as np
import slicer
from slicer.i18n import tr as _

from DeepRegistrationLib.images.us_metaimage_header import header_fields, sequence_header
from DeepRegistrationLib.sample_data import Sample, data_folder, find_sample
from DeepRegistrationSlicer.Choices import FramesChoice, PixelSizeChoice, UltrasoundMethodChoice
from DeepRegistrationSlicer.MrmlBridge import arrayOf, loadVolume, rasFromIjk
from DeepRegistrationSlicer.Parameters import UltrasoundParameters
from DeepRegistrationSlicer.SampleNodes import findSampleNode, markSampleNode
from DeepRegistrationSlicer.SweepBrowser import createSequence, play, playAlong

BONE_SWEEP = "us-bone-sweep"
"""Name of the sweep in the library's catalogue of samples."""

_TOOLS = ("ProbeToTracker", "ReferenceToTracker")


def ultrasoundSample() -> Sample:
    """What has to be downloaded."""
    return find_sample(BONE_SWEEP)


def loadUltrasoundSample(chosen: UltrasoundParameters) -> None:
    """Loads the sweep, and makes the choices of the tab for it.

    Args:
        chosen: choices of the tab.

    Raises:
        RegistrationError: a file cannot be read.
    """
    sweep, configuration = (data_folder() / file.path for file in ultrasoundSample().files)
    chosen.frames, chosen.sequence = FramesChoice.SEQUENCE, loadedSweep(sweep)
    chosen.pixelSize, chosen.configuration = PixelSizeChoice.FILE, str(configuration)
    chosen.mask = chosen.calibration = None
    chosen.probe, chosen.reference = "Probe", "Reference"
    chosen.method = UltrasoundMethodChoice.AUTO


def loadedSweep(path: Path) -> slicer.vtkMRMLSequenceNode:
    """The frames of a MetaImage sequence, played together with the poses of probe and reference.

    Args:
        path: `.igs.mha`; a sweep that is in the scene already is not loaded again.

    Returns:
        The sequence of the frames.

    Raises:
        RegistrationError: the file cannot be read.
    """
    there = findSampleNode(path, "vtkMRMLSequenceNode")
    if there is not None:
        return there
    stack = loadVolume(path, _("Bone sweep"))
    frames, matrix = arrayOf(stack), rasFromIjk(stack)
    slicer.mrmlScene.RemoveNode(stack)
    header = sequence_header(header_fields(path), len(frames), path.name)
    sequence = createSequence([_frame(frame, matrix) for frame in frames], _("Bone sweep"))
    markSampleNode(sequence, path)
    play(sequence, _("Bone sweep browser"))
    for tool in _TOOLS:
        if tool in header.transforms:
            playAlong(createSequence([_pose(p) for p in header.transforms[tool]], tool, sequence), sequence)
    return sequence


def _frame(pixels: np.ndarray, matrix: np.ndarray) -> slicer.vtkMRMLScalarVolumeNode:
    """(rows, columns) as a volume that is in no scene."""
    volume = slicer.vtkMRMLScalarVolumeNode()
    slicer.util.updateVolumeFromArray(volume, pixels[None])
    volume.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(matrix))
    return volume


def _pose(matrix: np.ndarray) -> slicer.vtkMRMLLinearTransformNode:
    node = slicer.vtkMRMLLinearTransformNode()
    node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(matrix))
    return node
