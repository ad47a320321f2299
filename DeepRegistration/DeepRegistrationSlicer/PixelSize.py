"""How large the pixels of ultrasound frames are, and where they lie on the probe."""

from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationSlicer.Choices import PixelSizeChoice
from DeepRegistrationSlicer.MrmlBridge import matrixOf


@dataclass(frozen=True, eq=False)
class PixelSize:
    """What the user chose.

    Attributes:
        source: who tells.
        entered: along columns and rows [mm].
        file: PLUS configuration; None if none is chosen.
        transform: ImageToProbe: the probe [mm] from the own RAS of the image node, which the node would stand
            under.
    """

    source: PixelSizeChoice = PixelSizeChoice.IMAGE
    entered: tuple[float, float] = (0.0, 0.0)
    file: Path | None = None
    transform: slicer.vtkMRMLTransformNode | None = None

    def check(self) -> None:
        """Refuses what is not complete.

        Raises:
            InputError: what is missing, and what to do.
        """
        if self.source == PixelSizeChoice.ENTERED and min(self.entered) <= 0:
            raise InputError(
                f"The pixel size is {self.entered[0]:g} x {self.entered[1]:g} mm; both must be positive. "
                "Enter the size of a pixel along columns and rows, or let the image tell it."
            )
        if self.source == PixelSizeChoice.FILE:
            if self.file is None:
                raise InputError("No PLUS configuration is chosen. Choose the XML file of this probe.")
            if not self.file.is_file():
                raise InputError(f"There is no file '{self.file}'. Choose the PLUS configuration again.")
        if self.source == PixelSizeChoice.TRANSFORM:
            if self.transform is None or self.transform.GetScene() is None:
                raise InputError(
                    "No calibration is chosen. Choose the linear transform from the image to the probe "
                    "(ImageToProbe), or let the image tell the size of its pixels."
                )
            matrixOf(self.transform)

    def enteredSize(self) -> tuple[float, float] | None:
        """As entered [mm]; None where something else tells."""
        return self.entered if self.source == PixelSizeChoice.ENTERED else None

    def write(self, folder: Path, rasFromIjk: np.ndarray) -> Path | None:
        """The PLUS configuration for the worker; None if there is none.

        Args:
            folder: for this job only.
            rasFromIjk: (4, 4); own RAS [mm] of the image from its index.
        """
        if self.source == PixelSizeChoice.FILE:
            return self.file
        if self.source != PixelSizeChoice.TRANSFORM:
            return None
        probeFromPixel = matrixOf(self.transform) @ rasFromIjk
        root = ElementTree.Element("PlusConfiguration")
        numbers = " ".join(f"{number:.9g}" for number in probeFromPixel.ravel())
        ElementTree.SubElement(
            ElementTree.SubElement(root, "CoordinateDefinitions"),
            "Transform",
            {"From": "Image", "To": "Probe", "Matrix": numbers},
        )
        path = folder / "calibration.xml"
        ElementTree.ElementTree(root).write(path, encoding="utf-8")
        return path
