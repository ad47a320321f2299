"""The last frames of an image node that frames arrive in, and how they are registered."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.us_angles import UsAnglesSettings
from DeepRegistrationSlicer.FrameSource import FrameSource, checkFrames
from DeepRegistrationSlicer.PixelSize import PixelSize
from DeepRegistrationSlicer.Request import WrittenJob
from DeepRegistrationSlicer.ResultLoader import readContent
from DeepRegistrationSlicer.ResultNodes import ResultNodes
from DeepRegistrationSlicer.UltrasoundRequest import UltrasoundRequest
from DeepRegistrationSlicer.UltrasoundResultLoader import UltrasoundWanted


@dataclass(frozen=True, eq=False)
class LiveFrames(FrameSource):
    """The last three frames of an image node, held outside the scene.

    Attributes:
        subject: the image node.
        last: (rows, columns), or in colour (rows, columns, C); in the order of time.
    """

    subject: slicer.vtkMRMLVolumeNode | None
    last: tuple[np.ndarray, ...] = ()

    def check(self) -> None:
        """Refuses what is no image of one frame; see `FrameSource`."""
        if self.subject is None or self.subject.GetScene() is None:
            raise InputError("No image is chosen that frames arrive in. Choose one under Live.")
        checkFrames([self.subject], [f"'{self.subject.GetName()}'"])

    def frames(self) -> np.ndarray:
        """(3, rows, columns), or in colour (3, rows, columns, C)."""
        return np.stack(self.last)


@dataclass(frozen=True, eq=False)
class LiveRequest:
    """How new frames of an image are registered: see `UltrasoundRequest`; no node comes of it.

    Attributes:
        source: the image node and its last frames.
        pixelSize: who tells the size of the pixels.
        mask: over the tissue; None finds the sector.
        settings: method, device and so on.
        onContent: called with what result.json says.
    """

    source: LiveFrames
    pixelSize: PixelSize
    mask: slicer.vtkMRMLNode | None
    settings: UsAnglesSettings
    onContent: Callable[[dict], None] | None = None

    def check(self) -> None:
        """Refuses what cannot be followed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        self._request().check()

    def write(self, folder: Path) -> WrittenJob:
        """Writes the frames and the job file.

        Raises:
            InputError: the mask misses the image.
            RegistrationError: the folder cannot be written.
        """
        return self._request().write(folder)

    def load(self, written: WrittenJob) -> ResultNodes:
        """Tells the angles.

        Raises:
            RegistrationError: the result cannot be read.
        """
        self.onContent(readContent(written.outputFolder))
        return ResultNodes()

    def key(self) -> tuple:
        """Changes when something else is to be followed."""
        nodes = (self.source.subject, self.mask, self.pixelSize.transform)
        ids = tuple(node.GetID() if node is not None else None for node in nodes)
        pixelSize = (self.pixelSize.source, self.pixelSize.entered, self.pixelSize.file)
        return (*ids, *pixelSize, self.settings)

    def _request(self) -> UltrasoundRequest:
        wanted = UltrasoundWanted(aligned=False)
        return UltrasoundRequest(self.source, self.pixelSize, self.mask, self.settings, wanted)
