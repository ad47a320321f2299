"""What every registration returns."""

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from DeepRegistrationLib.atlases.label_names import Segment
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.models.catalog import ModelStamp
from DeepRegistrationLib.workflows.slice_hypotheses import Hypothesis


class Trust(StrEnum):
    """The confidence in one word."""

    HIGH = "high"
    MODERATE = "moderate"
    LOW = "low"
    """Not to be trusted: exit code 4, and Slicer does not apply the transform."""


@dataclass(frozen=True)
class Confidence:
    """How far the result may be trusted.

    Attributes:
        value: 0 (certainly wrong) to 1 (certainly right).
        trust: the value in one word.
        reason: one sentence for the user.
        evidence: name -> number that led to the value, for the log and the report.
    """

    value: float
    trust: Trust
    reason: str
    evidence: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NamedTransform:
    """A linear map with the names of its frames.

    Attributes:
        matrix: (4, 4) float64; target RAS from source RAS [mm].
        source: frame it maps from, in words ("subject RAS").
        target: frame it maps to, in words ("atlas RAS").
    """

    matrix: np.ndarray
    source: str
    target: str


@dataclass(frozen=True, eq=False)
class SlicePose:
    """Where one slice of a stack lies.

    Attributes:
        index: number of the slice, from 0.
        matrix: (4, 4) float64; fixed RAS from the slice's RAS, rigid [mm].
        turned_deg: how far it turned against the stack [degrees].
        moved_mm: how far its centroid moved against the stack [mm].
        similarity: of the slice and the fixed image there, 0 to 1.
    """

    index: int
    matrix: np.ndarray
    turned_deg: float
    moved_mm: float
    similarity: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """What every registration returns, in memory; each job adds its images.

    Attributes:
        job: the job's name.
        method: the method that gave the result.
        device: where it was computed, in words.
        transforms: name (`target_from_source`) -> map. The first is the answer: fixed from moving.
        similarity: name of the measure -> value at the answer.
        confidence: how far to trust it.
        warnings: sentences for the user.
        seconds: stage -> wall time [s].
        settings: every setting in force, also those chosen automatically.
        history: stage -> similarity per iteration, for the convergence plot.
        models: trained networks that it was computed with (`find_model(name).stamp`).
    """

    job: str
    method: str
    device: str
    transforms: dict[str, NamedTransform]
    similarity: dict[str, float]
    confidence: Confidence
    warnings: tuple[str, ...]
    seconds: dict[str, float]
    settings: dict[str, object]
    history: dict[str, list[float]] = field(default_factory=dict)
    models: tuple[ModelStamp, ...] = ()

    @property
    def answer(self) -> NamedTransform:
        """The map that was looked for: fixed RAS from moving RAS."""
        return next(iter(self.transforms.values()))


@dataclass(frozen=True, eq=False, kw_only=True)
class RegistrationResult(Result):
    """Result of the registration of an image to an atlas.

    Attributes:
        fixed: image registered to.
        moving: image registered, on its own grid.
        warped: moving image on the grid of the fixed one, through the answer.
        segmentation: labels of the fixed image on the grid of the moving one; None if there are none.
        segments: the labels that occur in `segmentation`.
        start: map fixed from moving before the registration (centres aligned), for before/after pictures.
        matching: the fixed image on the grid of the moving one, through the answer; for slices.
        hypotheses: poses that cannot be told apart with certainty, the most probable first; for slices.
        slices: one pose for each slice; for stacks.
    """

    fixed: Volume
    moving: Volume
    warped: Volume
    segmentation: Volume | None
    segments: tuple[Segment, ...]
    start: np.ndarray
    matching: Volume | None = None
    hypotheses: tuple[Hypothesis, ...] = ()
    slices: tuple[SlicePose, ...] = ()

    @property
    def fixed_from_moving(self) -> np.ndarray:
        """(4, 4) float64; the answer: fixed RAS from moving RAS [mm]."""
        return self.answer.matrix
