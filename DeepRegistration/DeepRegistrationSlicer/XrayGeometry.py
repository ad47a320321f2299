"""Where source and detector of a radiograph stood: by its DICOM header, a camera file, or numbers entered."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import slicer

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.geometry_file import check_size, is_camera_file, read_geometry_file
from DeepRegistrationSlicer.DicomFiles import dicomFileOf
from DeepRegistrationSlicer.MrmlBridge import checkVolume
from DeepRegistrationSlicer.MrmlSlices import dimensionsOf, numberedSlice

NO_ANGLE_DEG = -181.0
"""Stands for an angle that was not entered; 0 is one."""
NO_FILE = Path()
"""Stands for a camera file that was not chosen yet."""

# Slicer loads columns along i, rows along j, frames along k
_FRAME_AXIS = 2


@dataclass(frozen=True)
class KnownNumbers:
    """Distances and angles of a C-arm; None for what is not known.

    Attributes:
        sourceToDetector: [mm].
        sourceToIsocentre: [mm].
        primaryAngle: [degrees]; +90 has the detector at the patient's left.
        secondaryAngle: [degrees]; +90 has the detector at the patient's head.
        columnSpacing: between columns, on the detector [mm].
        rowSpacing: between rows, on the detector [mm].
    """

    sourceToDetector: float | None = None
    sourceToIsocentre: float | None = None
    primaryAngle: float | None = None
    secondaryAngle: float | None = None
    columnSpacing: float | None = None
    rowSpacing: float | None = None

    def completedBy(self, other: "KnownNumbers") -> "KnownNumbers":
        """These numbers; where one is not known, that of another."""
        missing = {name: getattr(other, name) for name in self.missing()}
        return replace(self, **missing)

    def missing(self) -> list[str]:
        """Names of what is not known."""
        return [entry.name for entry in fields(self) if getattr(self, entry.name) is None]


IN_WORDS = {
    "sourceToDetector": "distance from source to detector (mm)",
    "sourceToIsocentre": "distance from source to isocentre (mm)",
    "primaryAngle": "primary angle (degrees)",
    "secondaryAngle": "secondary angle (degrees)",
    "columnSpacing": "pixel spacing between columns (mm)",
    "rowSpacing": "pixel spacing between rows (mm)",
}
"""What the numbers are called."""


@dataclass(frozen=True, eq=False)
class RadiographSource:
    """A radiograph among the nodes of the scene, and what is known of its geometry.

    Attributes:
        volume: the radiograph, or a volume whose slices are frames.
        frame: which slice, from 0.
        file: camera file or calibration of XMALab; None takes the numbers.
        entered: numbers that the user has entered; they replace those of the DICOM header.
        isMirrored: left and right are exchanged against what the geometry says.
    """

    volume: slicer.vtkMRMLScalarVolumeNode | None
    frame: int = 0
    file: Path | None = None
    entered: KnownNumbers = KnownNumbers()
    isMirrored: bool = False

    @property
    def frameCount(self) -> int:
        """Number of frames; 0 without an image."""
        if self.volume is None or self.volume.GetImageData() is None:
            return 0
        return dimensionsOf(self.volume)[_FRAME_AXIS]

    def dicomFile(self) -> Path | None:
        """The DICOM file that the radiograph was loaded from, if it is known and still there."""
        return dicomFileOf(self.volume) if self.volume is not None else None

    def told(self) -> KnownNumbers:
        """What the DICOM header tells; nothing where there is none."""
        path = self.dicomFile()
        return _told(path, path.stat().st_mtime_ns, self.frame) if path is not None else KnownNumbers()

    def needsDistance(self) -> bool:
        """True if the file is no camera file: a calibration of XMALab does not hold the distance."""
        return self.file is not None and self.file.is_file() and not is_camera_file(self.file)

    def check(self) -> None:
        """Refuses what is no radiograph.

        Raises:
            InputError: what is missing or does not fit, and what to do.
        """
        checkVolume(self.volume, "radiograph", mayBeSlice=True)
        columns, rows = self.imageSize()
        if min(columns, rows) < 2:
            raise InputError(
                f"The radiograph '{self.volume.GetName()}' has {columns} x {rows} pixels. Choose an image."
            )
        if not 0 <= self.frame < self.frameCount:
            raise InputError(
                f"The radiograph '{self.volume.GetName()}' has no frame {self.frame}: its frames have the "
                f"numbers 0 to {self.frameCount - 1}. Choose one of them."
            )

    def imageSize(self) -> tuple[int, int]:
        """Columns, rows."""
        return dimensionsOf(self.volume)[:_FRAME_AXIS]

    def image(self) -> slicer.vtkMRMLScalarVolumeNode:
        """The one frame as a volume of one slice, columns along i and rows along j; not in the scene."""
        return numberedSlice(self.volume, self.frame, self.volume.GetName(), _FRAME_AXIS)

    def camera(self, isocentreRas: np.ndarray) -> Camera:
        """Source and detector in the world.

        Args:
            isocentreRas: (3,) [mm]; where the C-arm turns about, for numbers that do not tell.

        Raises:
            InputError: something is missing, or contradicts itself or the image.
        """
        name = self.volume.GetName()
        camera = self._fileCamera() if self.file is not None else self._numbersCamera(isocentreRas)
        columns, rows = self.imageSize()
        check_size((rows, columns), camera, name)
        return camera.flipped(columns=True) if self.isMirrored else camera

    def _fileCamera(self) -> Camera:
        if self.file == NO_FILE:
            raise InputError(
                f"No camera file is chosen for the radiograph '{self.volume.GetName()}'. Choose a camera "
                "file (JSON) or a calibration of XMALab, or enter distances and angles."
            )
        if not self.file.is_file():
            raise InputError(f"The camera file '{self.file}' does not exist. Choose another one.")
        if self.needsDistance() and self.entered.sourceToDetector is None:
            raise InputError(
                f"'{self.file.name}' is a calibration without the {IN_WORDS['sourceToDetector']}. Enter it."
            )
        return read_geometry_file(self.file, self.entered.sourceToDetector)

    def _numbersCamera(self, isocentreRas: np.ndarray) -> Camera:
        known = self.entered.completedBy(self.told())
        if known.missing():
            lacks = ", ".join(IN_WORDS[name] for name in known.missing())
            told = "Its DICOM header does not tell" if self.dicomFile() else "It has no DICOM header to tell"
            raise InputError(
                f"The geometry of the radiograph '{self.volume.GetName()}' is incomplete. {told}: {lacks}. "
                "Enter this in the panel, or choose a camera file."
            )
        path = self.dicomFile()
        if path is not None:
            return _dicomGeometry(path, known, self.frame).camera(isocentreRas)
        return CArm(
            known.sourceToDetector,
            known.sourceToIsocentre,
            known.primaryAngle,
            known.secondaryAngle,
            (known.columnSpacing, known.rowSpacing),
            self.imageSize(),
        ).camera(isocentreRas)

    def notes(self) -> tuple[str, ...]:
        """Sentences about what had to be assumed; none while the geometry is incomplete."""
        path = self.dicomFile()
        known = self.entered.completedBy(self.told())
        if self.file is not None or path is None or known.missing():
            return ()
        try:
            return _dicomGeometry(path, known, self.frame).notes
        except InputError:
            # `camera` says so
            return ()

    def key(self) -> tuple:
        """Changes when another image or geometry is chosen."""
        volumeId = self.volume.GetID() if self.volume is not None else None
        return (volumeId, self.frame, self.file, self.entered, self.isMirrored)


@lru_cache(maxsize=8)
def _told(path: Path, modified_ns: int, frame: int) -> KnownNumbers:
    """What a header tells; read once, the panel asks often."""
    # the module of the library needs pydicom, which takes a while: only where there is a DICOM file
    from DeepRegistrationLib.images.dicom_camera import read_told_geometry

    told = read_told_geometry(path, frame)
    column_mm, row_mm = told.pixel_spacing_mm or (None, None)
    return KnownNumbers(
        told.source_to_detector_mm,
        told.source_to_isocenter_mm,
        told.primary_angle_deg,
        told.secondary_angle_deg,
        column_mm,
        row_mm,
    )


def _dicomGeometry(path: Path, known: KnownNumbers, frame: int) -> object:
    from DeepRegistrationLib.images.dicom_camera import KnownGeometry, read_dicom_geometry

    told = _told(path, path.stat().st_mtime_ns, frame)
    # what the header itself tells stays with it: only then it is asked whether its tags agree
    entered = {
        "source_to_detector_mm": _new(known.sourceToDetector, told.sourceToDetector),
        "source_to_isocenter_mm": _new(known.sourceToIsocentre, told.sourceToIsocentre),
        "primary_angle_deg": _new(known.primaryAngle, told.primaryAngle),
        "secondary_angle_deg": _new(known.secondaryAngle, told.secondaryAngle),
    }
    spacing = (known.columnSpacing, known.rowSpacing)
    if spacing != (told.columnSpacing, told.rowSpacing):
        entered["pixel_spacing_mm"] = spacing
    return read_dicom_geometry(path, KnownGeometry(**entered), frame)


def _new(value: float | None, told: float | None) -> float | None:
    return None if value == told else value
