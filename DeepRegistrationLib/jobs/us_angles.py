"""Files and settings of the job that finds the angles between ultrasound frames."""

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.device import Device

FRAME_DISTANCE_MM = 0.5
"""Between frames that stand in space: a registration within the image does not tell it; about what hands
do."""


class UsAnglesMethod(StrEnum):
    """How the motion between two frames is found."""

    AUTO = "auto"
    """network+refine where the network is installed, else search+refine: the default."""
    NETWORK = "network"
    """The angle network alone, two looks: fastest."""
    NETWORK_REFINE = "network+refine"
    """Sub-pixel refinement from the network's answer."""
    SEARCH_REFINE = "search+refine"
    """Sub-pixel refinement from a search over all angles of +-12 degrees: needs no model."""
    PHASE_CORRELATION = "phase-correlation"
    """Baseline: phase correlation of the spectra in polar coordinates."""
    INTENSITY = "intensity"
    """Baseline: intensity-based registration without a start, SimpleITK."""


@dataclass(frozen=True)
class UsAnglesFiles:
    """Input files of one registration: three frames, or one sequence.

    Attributes:
        frames: three files with one frame each, in the order of time (PNG, DICOM, NRRD, MetaImage).
        sequence: one file with three or more frames (MetaImage such as .igs.mha, DICOM, NRRD).
        calibration: PLUS configuration (XML) with the calibration of the image, or its pixel size.
        mask: picture of the size of a frame; not 0 where it shows tissue.

    Raises:
        InputError: neither or both of `frames` and `sequence`, or not three frames.
    """

    frames: tuple[Path, ...] = ()
    sequence: Path | None = None
    calibration: Path | None = None
    mask: Path | None = None

    def __post_init__(self) -> None:
        if bool(self.frames) == (self.sequence is not None):
            found = "both were given" if self.frames else "neither was given"
            raise InputError(f"Three frames or one sequence are needed; {found}. Give one of the two.")
        if self.frames and len(self.frames) != 3:
            raise InputError(
                f"{len(self.frames)} frames were given; three consecutive ones are needed. "
                "Give three files, or a sequence."
            )

    @property
    def moving(self) -> Path:
        """The image that is registered, as every job calls it."""
        return self.sequence if self.sequence is not None else self.frames[0]


@dataclass(frozen=True)
class UsAnglesSettings:
    """Choices of one registration; every one has a default.

    Attributes:
        method: how the motion is found.
        pixel_size_mm: (along columns, along rows); None takes it from the calibration, else from the file,
            else counts in pixels.
        probe: name of the tracked tool on the transducer, in the fields of a tracked sequence.
        reference: name of the tracked tool on the patient.
        device: where torch computes.
        seed: seed of everything random.
        live: name of a session in which frames arrive one after another, the last three in each job; what is
            the same for all of them is found once, and the result is numbers alone. Empty: no session.

    Raises:
        InputError: a pixel size that is not positive.
    """

    method: UsAnglesMethod = UsAnglesMethod.AUTO
    pixel_size_mm: tuple[float, float] | None = None
    probe: str = "Probe"
    reference: str = "Reference"
    device: Device = Device.AUTO
    seed: int = 0
    live: str = ""

    def __post_init__(self) -> None:
        size = self.pixel_size_mm
        if size is not None and not all(math.isfinite(edge) and edge > 0 for edge in size):
            raise InputError(
                f"The pixel size is {size[0]:g} x {size[1]:g} mm; both must be positive. Give it in mm."
            )
