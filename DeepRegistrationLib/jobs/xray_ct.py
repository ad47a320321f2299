"""Files and settings of the job that registers a CT to radiographs."""

import math
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.checks import check_one_for_each, check_positive
from DeepRegistrationLib.jobs.device import Device


class XrayCtMethod(StrEnum):
    """How the pose is found."""

    AUTO = "auto"
    """Search over the whole range of start poses, then Gauss-Newton: the default; needs no model."""
    GRAD_NCC = "grad-ncc"
    """Baseline of the paper: gradient descent on the correlation of gradients, from the start pose."""
    NET = "net"
    """Method of the paper: gradient descent on the learned similarity, from the start pose."""
    NET_GRAD_NCC = "net+grad-ncc"
    """Method of the paper: learned similarity, then correlation of gradients."""


class XrayMeasure(StrEnum):
    """Similarity of radiograph and projected CT that the last refinement of `auto` maximizes."""

    DETAIL = "detail"
    """Detail of the size of few pixels, and directions of edges: scatter and tissue that the CT does not show
    matter least. The default."""
    GRADIENT_CORRELATION = "gradient-correlation"
    """Correlation of the gradients of both images: high edges decide."""
    CORRELATION = "correlation"
    """Expects the same contrast in both images."""
    LOCAL_CORRELATION = "local-correlation"
    """Correlation in patches: stands slow changes of brightness."""
    GRADIENT_ORIENTATION = "gradient-orientation"
    """Directions of edges only, whatever their height."""
    MUTUAL_INFORMATION = "mutual-information"


class XrayPolarity(StrEnum):
    """How bone looks in the file of a radiograph."""

    AUTO = "auto"
    """The file's header tells, else the image itself."""
    BONE_BRIGHT = "bone-bright"
    BONE_DARK = "bone-dark"


@dataclass(frozen=True)
class XrayCtFiles:
    """Input files of one registration.

    Attributes:
        ct: CT in HU (NIfTI, NRRD, MetaImage, or a folder with one DICOM series).
        xrays: one radiograph per view (DICOM, NRRD, PNG, TIFF).
        geometries: camera file of each view, in the order of `xrays`; None, or an empty tuple, takes the
            geometry from the DICOM tags of the radiograph.
        ct_labels: labels on the grid of `ct`: bones that are visible in the radiographs.
        initial_pose: transform from the world of the cameras to the CT (.tfm, LPS: what ITK resamples with,
            as `transform.tfm` of an earlier result); None: the CT lies in the world as it is.
        frames: which frame of each radiograph, from 0; None, or an empty tuple, where it has only one.
        source_to_detector_mm: where a geometry does not tell it (calibrations of XMALab) [mm].
        live_folder: exists; gets radiographs of the CT at the poses so far (drr.nrrd, drr2.nrrd), for an
            overlay that follows the registration; None: not wanted.

    Raises:
        InputError: no radiograph, or camera files or frames whose number does not fit.
    """

    ct: Path
    xrays: tuple[Path, ...]
    geometries: tuple[Path | None, ...] = ()
    ct_labels: Path | None = None
    initial_pose: Path | None = None
    frames: tuple[int | None, ...] = ()
    source_to_detector_mm: float | None = None
    live_folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.xrays:
            raise InputError("No radiograph was given. Give at least one, with its geometry.")
        check_one_for_each(self.xrays, {"camera files": self.geometries, "numbers of frames": self.frames})

    @property
    def moving(self) -> Path:
        """The image that is registered, as every job calls it."""
        return self.ct


@dataclass(frozen=True)
class XrayCtSettings:
    """Choices of one registration; every one has a default.

    Attributes:
        method: how the pose is found.
        measure: similarity of the last refinement; only for the method auto.
        search_rotation_deg: how far the start pose may be turned: standard deviation about each axis
            [degrees].
        search_translation_mm: how far the start pose may be off: standard deviation along each axis [mm].
        candidates: number of poses refined in each round of the search.
        rounds: how often the search goes on with new poses, at most, until one stands out.
        time_limit_s: no new round of the search begins after this time [s]; None: no limit.
        bone_labels: values of `ct_labels` that are registered; empty takes all but 0.
        polarity: how bone looks in the files of the radiographs.
        preview: registers nothing: the CT is projected where it is put, for views that follow a hand.
        device: where torch computes.
        seed: seed of everything random.

    Raises:
        InputError: a number outside of its range.
    """

    method: XrayCtMethod = XrayCtMethod.AUTO
    measure: XrayMeasure = XrayMeasure.DETAIL
    search_rotation_deg: float = 30.0
    search_translation_mm: float = 55.0
    candidates: int = 80
    rounds: int = 6
    time_limit_s: float | None = None
    bone_labels: tuple[int, ...] = ()
    polarity: XrayPolarity = XrayPolarity.AUTO
    preview: bool = False
    device: Device = Device.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        check_positive("rotation of the search", self.search_rotation_deg, 180.0, "degrees")
        check_positive("translation of the search", self.search_translation_mm, 1000.0, "mm")
        if self.time_limit_s is not None and not 0 < self.time_limit_s < math.inf:
            raise InputError(
                f"The time limit is {self.time_limit_s:g} s; it must be positive. Give it in seconds or "
                "leave it out."
            )
        for name, count in (("candidates", self.candidates), ("rounds", self.rounds)):
            if count < 1:
                raise InputError(f"The number of {name} is {count}; at least 1 is needed.")
        if any(value < 1 for value in self.bone_labels):
            raise InputError(
                f"The labels of the bones are {', '.join(map(str, self.bone_labels))}; labels are whole "
                "numbers from 1, 0 is background. Leave them out to take all labels."
            )
