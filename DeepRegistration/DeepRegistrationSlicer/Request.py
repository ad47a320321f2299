"""What every tab of the panel hands to the logic: one registration of nodes in the scene.

A new kind of job is a class with these three methods, a form, and a page of the panel.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import slicer

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationSlicer.MrmlLabels import Label
from DeepRegistrationSlicer.ResultNodes import ResultNodes, parentWithoutResults


@dataclass(frozen=True)
class WrittenJob:
    """A job on disk.

    Attributes:
        file: job.json.
        outputFolder: where its result will be.
        labelNames: value -> name and colour of the atlas labels, where the scene knows them.
        nodeNames: name of an input file -> name of the node that it was written from.
        taken: a slice as it was when the job was written; None if a node is registered as a whole.
    """

    file: Path
    outputFolder: Path
    labelNames: Mapping[int, Label]
    nodeNames: Mapping[str, str]
    taken: slicer.vtkMRMLScalarVolumeNode | None = None

    def inNodeNames(self, message: str) -> str:
        """A message of the worker, which knows files only, for people, who know nodes."""
        for fileName, nodeName in self.nodeNames.items():
            message = message.replace(f"'{fileName}'", f"'{nodeName}'")
        return message


class Request(Protocol):
    """One registration of nodes in the scene."""

    def check(self) -> None:
        """Refuses what cannot be registered, before anything is written or computed.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """

    def write(self, folder: Path) -> WrittenJob:
        """Writes images and job file.

        Args:
            folder: exists, for this job only.

        Raises:
            InputError: the inputs do not fit together.
            RegistrationError: the folder cannot be written.
        """

    def load(self, written: WrittenJob) -> ResultNodes:
        """Adds the result of the written job to the scene: all of it, or nothing.

        Raises:
            RegistrationError: the result cannot be loaded, or what was registered is gone.
        """


def nodeNames(nodes: Mapping[str, slicer.vtkMRMLNode | None]) -> dict[str, str]:
    """Names of those nodes that there are, under the same keys."""
    return {key: node.GetName() for key, node in nodes.items() if node is not None}


def checkStillThere(*nodes: slicer.vtkMRMLNode) -> None:
    """Refuses to load the result of nodes that were removed meanwhile.

    Raises:
        RegistrationError: which one is gone.
    """
    for node in nodes:
        if node.GetScene() is None:
            raise RegistrationError(
                f"'{node.GetName()}' is not in the scene any more, so the result was dropped. Load it "
                "and register again."
            )


def parentBesideMask(
    mask: slicer.vtkMRMLNode, subject: slicer.vtkMRMLScalarVolumeNode
) -> slicer.vtkMRMLTransformNode | None:
    """The transform under which subject and mask lie on each other.

    A subject that was registered before stands in the atlas. The mask stayed where the subject was,
    unless it was drawn or put there too.
    """
    above = mask.GetParentTransformNode()
    while above is not None:
        if above is subject.GetParentTransformNode():
            return above
        above = above.GetParentTransformNode()
    return parentWithoutResults(subject)
