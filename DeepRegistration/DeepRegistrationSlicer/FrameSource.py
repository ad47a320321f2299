"""Consecutive ultrasound frames among the nodes of the scene: three images, or a sweep."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationSlicer.MrmlBridge import matrixOf, rasFromIjk
from DeepRegistrationSlicer.MrmlSlices import numberedSlice
from DeepRegistrationSlicer.SweepBrowser import browserOf, indexValues, itemBeside, proxyOf, sequencesOf

LEAST_FRAMES = 3

_STORED = ("uint8", "int16", "uint16", "int32", "float32")
_TRACKED = re.compile(r"([A-Za-z0-9]+)To([A-Z][A-Za-z0-9]*?)(?:Transform)?(?:[-_ ].*)?")
"""Names of transform sequences as PLUS and Slicer give them: ProbeToTracker, ProbeToTracker-Sequence_1."""
_ROLES = ("the frame before", "the middle frame", "the frame after")
_SAME = 1e-3


@dataclass(frozen=True, eq=False)
class TrackedFrames:
    """What a tracker said about each frame.

    Attributes:
        transforms: name such as "ProbeToTracker" -> (N, 4, 4); the second from the first [mm].
        valid: (N,) bool; False where one of them is missing.
    """

    transforms: dict[str, np.ndarray]
    valid: np.ndarray


class FrameSource:
    """Frames in the scene. Base class of all that can be registered.

    Attributes:
        subject: the node that has the result.
        reference: number of the frame that the others are brought to.
    """

    subject: slicer.vtkMRMLNode | None
    reference = 0

    @property
    def shown(self) -> slicer.vtkMRMLVolumeNode | None:
        """The image in the scene that masks are drawn on; None if there is none."""
        return self.subject

    def nodes(self) -> list[slicer.vtkMRMLNode | None]:
        """What has to be in the scene."""
        return [self.subject]

    def check(self) -> None:
        """Refuses what cannot be registered.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        raise NotImplementedError

    def frames(self) -> np.ndarray:
        """(N, rows, columns) or, in colour, (N, rows, columns, C)."""
        raise NotImplementedError

    def rasFromIjk(self) -> np.ndarray:
        """(4, 4); own RAS [mm] of the reference frame from its index."""
        return rasFromIjk(self.subject)

    def times(self) -> np.ndarray | None:
        """(N,) [s]; None where nobody told."""
        return None

    def tracked(self) -> TrackedFrames:
        """What a tracker said."""
        return TrackedFrames({}, np.ones(len(self.frames()), bool))


@dataclass(frozen=True, eq=False)
class Triplet(FrameSource):
    """Three images in the order of time; the middle one stays where it is.

    Attributes:
        before: frame before the middle one.
        middle: has the result, and the place where masks are drawn.
        after: frame after the middle one.
    """

    before: slicer.vtkMRMLVolumeNode | None
    middle: slicer.vtkMRMLVolumeNode | None
    after: slicer.vtkMRMLVolumeNode | None

    reference = 1

    @property
    def subject(self) -> slicer.vtkMRMLVolumeNode | None:
        """The node that has the result."""
        return self.middle

    def volumes(self) -> list[slicer.vtkMRMLVolumeNode]:
        """One a frame."""
        return [self.before, self.middle, self.after]

    def nodes(self) -> list[slicer.vtkMRMLNode | None]:
        """What has to be in the scene."""
        return self.volumes()

    def check(self) -> None:
        """Refuses what are no three frames of one recording; see `FrameSource`."""
        for volume, role in zip(self.volumes(), _ROLES, strict=True):
            if volume is None or volume.GetScene() is None:
                raise InputError(
                    f"No image is chosen as {role}. Choose three consecutive frames, or a sequence."
                )
        if len({volume.GetID() for volume in self.volumes()}) < LEAST_FRAMES:
            raise InputError(
                "One image is chosen as two of the three frames. Choose three different images, in the "
                "order in which they were taken."
            )
        checkFrames(self.volumes(), [f"'{volume.GetName()}'" for volume in self.volumes()])

    def frames(self) -> np.ndarray:
        """(3, rows, columns) or, in colour, (3, rows, columns, C)."""
        return np.stack([pixelsOf(volume)[0] for volume in self.volumes()])


@dataclass(frozen=True, eq=False)
class Sweep(FrameSource):
    """A sequence of images, or a volume whose slices are the frames.

    Attributes:
        subject: the sequence or the volume; it has the result.
    """

    subject: slicer.vtkMRMLSequenceNode | slicer.vtkMRMLVolumeNode | None

    @property
    def isSequence(self) -> bool:
        """False for a volume whose slices are the frames."""
        return self.subject is not None and self.subject.IsA("vtkMRMLSequenceNode")

    @property
    def shown(self) -> slicer.vtkMRMLVolumeNode | None:
        """The image in the scene that masks are drawn on; None if the sequence is not played."""
        return proxyOf(self.subject) if self.isSequence else self.subject

    def volumes(self) -> list[slicer.vtkMRMLVolumeNode]:
        """One a frame; those of a volume are copies, outside the scene."""
        if self.isSequence:
            return [self.subject.GetNthDataNode(number) for number in range(self._count())]
        name = self.subject.GetName()
        return [
            numberedSlice(self.subject, number, f"{name} {number}", axis=2) for number in range(self._count())
        ]

    def check(self) -> None:
        """Refuses what is no sweep; see `FrameSource`."""
        if self.subject is None or self.subject.GetScene() is None:
            raise InputError("No sequence is chosen. Load one and choose it, or choose three frames.")
        name = self.subject.GetName()
        if self.isSequence and self._count() and not self._first().IsA("vtkMRMLVolumeNode"):
            kind = self._first().GetNodeTagName()
            raise InputError(
                f"The sequence '{name}' holds no images but nodes of the kind {kind}. Choose the sequence of "
                "the images."
            )
        if not self.isSequence and not _hasPixels(self.subject):
            raise InputError(f"There are no pixels in '{name}'. Load it again.")
        if self._count() < LEAST_FRAMES:
            raise InputError(
                f"'{name}' has {self._count()} frames; three consecutive ones are needed at least. Choose a "
                "longer sequence."
            )
        if self.isSequence:
            checkFrames(self.volumes(), [f"frame {number} of '{name}'" for number in range(self._count())])

    def frames(self) -> np.ndarray:
        """(N, rows, columns) or, in colour, (N, rows, columns, C)."""
        if not self.isSequence:
            return pixelsOf(self.subject)
        return np.stack([pixelsOf(volume)[0] for volume in self.volumes()])

    def rasFromIjk(self) -> np.ndarray:
        """(4, 4); own RAS [mm] of the first frame from its index."""
        return rasFromIjk(self._first())

    def times(self) -> np.ndarray | None:
        """(N,) [s]; None where the index of the sequence is no time."""
        if not self.isSequence or self.subject.GetIndexUnit() != "s":
            return None
        try:
            return np.array([float(value) for value in indexValues(self.subject)])
        except ValueError:
            return None

    def tracked(self) -> TrackedFrames:
        """From the sequences of transforms that are played with this one, if they are named after tools."""
        found, valid = {}, np.ones(self._count(), bool)
        for sequence in sequencesOf(browserOf(self.subject)) if self.isSequence else ():
            name, first = _TRACKED.fullmatch(sequence.GetName()), sequence.GetNthDataNode(0)
            if name is None or first is None or not first.IsA("vtkMRMLTransformNode"):
                continue
            matrices = np.tile(np.eye(4), (self._count(), 1, 1))
            for number in range(self._count()):
                item = itemBeside(sequence, self.subject, number)
                if item is not None:
                    matrices[number] = matrixOf(sequence.GetNthDataNode(item))
                valid[number] &= item is not None
            found[f"{name[1]}To{name[2]}"] = matrices
        return TrackedFrames(found, valid)

    def _first(self) -> slicer.vtkMRMLNode:
        return self.subject.GetNthDataNode(0) if self.isSequence else self.subject

    def _count(self) -> int:
        if self.isSequence:
            return self.subject.GetNumberOfDataNodes()
        return self.subject.GetImageData().GetDimensions()[2]


def checkFrames(volumes: Sequence[slicer.vtkMRMLVolumeNode], names: Sequence[str]) -> None:
    """Refuses frames that are no flat images of one size.

    Args:
        volumes: one a frame.
        names: for the text.

    Raises:
        InputError: which frame does not fit, and what to do.
    """
    first = None
    for volume, name in zip(volumes, names, strict=True):
        if not _hasPixels(volume):
            raise InputError(f"There are no pixels in {name}. Load it again.")
        image = volume.GetImageData()
        columns, rows, slices = image.GetDimensions()
        if slices != 1 or min(columns, rows) < 2:
            raise InputError(
                f"{columns} x {rows} x {slices} voxels are in {name}; a frame is a flat image. Choose images "
                "of one slice."
            )
        size, spacing = (columns, rows), volume.GetSpacing()[:2]
        values = image.GetNumberOfScalarComponents()
        first = first or (size, spacing, values, name)
        if size != first[0]:
            raise InputError(
                f"There are {columns} x {rows} pixels in {name}, but {first[0][0]} x {first[0][1]} in "
                f"{first[3]}. Consecutive frames of one recording have one size; choose such frames."
            )
        if not np.allclose(spacing, first[1], rtol=_SAME):
            raise InputError(
                f"The pixels of {name} have another size than those of {first[3]}. Choose frames that were "
                "taken at one depth."
            )
        if values != first[2]:
            raise InputError(
                f"Each pixel of {name} has {values} values, of {first[3]} {first[2]}. Choose frames that are "
                "all grey or all in colour."
            )


def pixelsOf(volume: slicer.vtkMRMLVolumeNode) -> np.ndarray:
    """(slices, rows, columns), in colour (slices, rows, columns, C); as stored if files can hold it."""
    array = slicer.util.arrayFromVolume(volume)
    return array if array.dtype.name in _STORED else array.astype(np.float32)


def _hasPixels(volume: slicer.vtkMRMLVolumeNode) -> bool:
    image = volume.GetImageData()
    return (
        image is not None and min(image.GetDimensions()) > 0 and image.GetPointData().GetScalars() is not None
    )
