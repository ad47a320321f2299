"""Consecutive ultrasound frames in memory, with what is known of their pixels and poses."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.frames import RAS_FROM_LPS
from DeepRegistrationLib.images.checks import check_values
from DeepRegistrationLib.images.us_blocks import extremes

IMAGE_RAS = RAS_FROM_LPS
"""RAS from image space where a file says nothing else: columns go to the patient's left, rows to the back,
as ITK and Slicer place a flat picture."""


@dataclass(frozen=True, eq=False)
class FramePoses:
    """What a tracker said about each frame.

    Attributes:
        transforms: name such as "ProbeToTracker" -> (N, 4, 4) float64; the second from the first [mm].
        valid: the same names -> (N,) bool; False where the tracker reported anything but OK.
    """

    transforms: dict[str, np.ndarray]
    valid: dict[str, np.ndarray]

    def reference_from_probe(self, probe: str = "Probe", reference: str = "Reference") -> "ProbePoses | None":
        """The probe's pose, in the patient's reference if that was tracked, else in the tracker.

        Args:
            probe: name of the tool on the transducer.
            reference: name of the tool on the patient.

        Returns:
            Poses with their validity; None if the probe was not tracked.
        """
        tool = f"{probe}ToTracker"
        if tool not in self.transforms:
            direct = f"{probe}To{reference}"
            if direct not in self.transforms:
                return None
            return ProbePoses(self.transforms[direct], self.valid[direct], reference)
        poses, valid = self.transforms[tool], self.valid[tool]
        body = f"{reference}ToTracker"
        if body not in self.transforms:
            return ProbePoses(poses, valid, "Tracker")
        return ProbePoses(np.linalg.inv(self.transforms[body]) @ poses, valid & self.valid[body], reference)


@dataclass(frozen=True, eq=False)
class ProbePoses:
    """Where the probe was at each frame.

    Attributes:
        world_from_probe: (N, 4, 4) float64 [mm].
        valid: (N,) bool.
        world: name of the frame of reference, in words.
    """

    world_from_probe: np.ndarray
    valid: np.ndarray
    world: str


@dataclass(frozen=True, eq=False)
class UltrasoundFrames:
    """N frames of one probe at one depth.

    Attributes:
        values: (N, rows, columns) float32; grey values as in the file.
        spacing_mm: size of a pixel along columns and rows [mm]; None if nobody told.
        name: for messages; never a patient's name.
        spacing_source: who told the size of the pixels, in words.
        region: (rows, columns) bool; True where the file itself says that there is tissue; None if it does
            not say.
        annotated: (rows, columns) bool; True where some frame is coloured: text, rulers, Doppler.
        poses: of the tracker; None without one.
        times_s: (N,) float64; time of each frame [s]; None if not told.
        ras_from_image: (4, 4) float64; RAS from image space (`geometry/in_plane.py`) [mm].

    Raises:
        InputError: no frame, NaN or infinity, or one grey value everywhere.
        ValueError: shapes or types that do not fit.
    """

    values: torch.Tensor
    spacing_mm: tuple[float, float] | None
    name: str
    spacing_source: str = "file"
    region: torch.Tensor | None = None
    annotated: torch.Tensor | None = None
    poses: FramePoses | None = None
    times_s: np.ndarray | None = None
    ras_from_image: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.dtype != torch.float32:
            raise ValueError(
                f"values must be (N, rows, columns) float32, "
                f"got {tuple(self.values.shape)} {self.values.dtype}"
            )
        for marked in (self.region, self.annotated):
            if marked is not None and marked.shape != self.values.shape[1:]:
                raise ValueError(f"{tuple(marked.shape)} does not fit frames {tuple(self.values.shape[1:])}")
        if self.values.numel() == 0:
            raise InputError(f"'{self.name}' has no frames. Export the sequence again from its source.")
        check_values(self.values, self.name, "pixels")
        if self.spacing_mm is not None and not all(np.isfinite(s) and s > 0 for s in self.spacing_mm):
            raise InputError(
                f"'{self.name}' has pixels of {self.spacing_mm[0]:g} x {self.spacing_mm[1]:g} mm; both "
                "must be positive. Give the pixel size in mm."
            )
        if self.ras_from_image is None:
            object.__setattr__(self, "ras_from_image", IMAGE_RAS)

    @property
    def darkest(self) -> torch.Tensor:
        """(rows, columns); the smallest value of every pixel over all frames."""
        return self._extremes[0]

    @property
    def brightest(self) -> torch.Tensor:
        """(rows, columns); the largest value of every pixel over all frames."""
        return self._extremes[1]

    @cached_property
    def _extremes(self) -> tuple[torch.Tensor, torch.Tensor]:
        return extremes(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def with_spacing(self, spacing_mm: tuple[float, float], source: str) -> "UltrasoundFrames":
        """The same frames with a pixel size that somebody else told."""
        return replace(self, spacing_mm=spacing_mm, spacing_source=source)

    def taken(self, chosen: slice | list[int]) -> "UltrasoundFrames":
        """Some of the frames, with their poses and times."""
        poses = self.poses
        if poses is not None:
            poses = FramePoses(
                {name: of[chosen] for name, of in poses.transforms.items()},
                {name: of[chosen] for name, of in poses.valid.items()},
            )
        times = None if self.times_s is None else self.times_s[chosen]
        return replace(self, values=self.values[chosen], poses=poses, times_s=times)
