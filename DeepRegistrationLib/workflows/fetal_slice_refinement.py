"""Refinement of slices against the atlas at one resolution.

The slice is the fixed image of the refinement; the atlas is sampled at its pixels and averaged over the
slice's thickness. Lengths are fractions of the atlas brain's radius.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_slice import SliceMeasure
from DeepRegistrationLib.optimize.gauss_newton import RefinementSettings, refine
from DeepRegistrationLib.optimize.moving_sampler import MovingSampler
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.optimize.slice_sampler import SliceSampler
from DeepRegistrationLib.similarity.correlation import Correlation
from DeepRegistrationLib.similarity.fit import LeastSquaresSimilarity
from DeepRegistrationLib.similarity.local_correlation import LocalCorrelation
from DeepRegistrationLib.workflows.prepared_brain import PreparedBrain
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice

Advance = Callable[[float], None]

_WITHIN_SLICES = (0, 2, 2)
"""Radius of the windows of local correlation along k, j, i: a slice has no part in its neighbour's."""


_POINTS_AT_ONCE = 200_000
"""Bounds the memory where many poses are scored."""


@dataclass(frozen=True)
class LevelSettings:
    """One resolution of the refinement.

    Attributes:
        pixels_per_radius: pixels of the slice per brain radius.
        iterations: at most.
        scaling: also fit the size.
        degree: of the polynomial that links intensities globally; None takes local correlation.
    """

    pixels_per_radius: float
    iterations: int
    scaling: bool
    degree: int | None = None


COARSE = LevelSettings(9.0, 12, scaling=False)
MEDIUM = LevelSettings(14.0, 8, scaling=True)
FINE = LevelSettings(22.0, 12, scaling=True)


@dataclass(frozen=True, eq=False)
class SliceLevel:
    """Slices and the atlas at one resolution.

    Attributes:
        offsets: (P, 3); pixels that are compared, about the slices' centroid [mm, RAS].
        sampler: of the atlas, as thick as the slices.
        similarity: explains the slices by what the sampler finds.
        settings: of the refinement.
    """

    offsets: torch.Tensor
    sampler: SliceSampler
    similarity: LeastSquaresSimilarity
    settings: LevelSettings

    def refine(
        self, poses: PoseBatch, advance: Advance = lambda fraction: None, iterations: int | None = None
    ) -> tuple[PoseBatch, torch.Tensor, list[float]]:
        """Refined poses; similarity (N,); best similarity after each iteration."""
        settings = RefinementSettings(
            iterations=self.settings.iterations if iterations is None else iterations,
            scaling=self.settings.scaling,
        )
        return refine(poses, self.offsets, self.sampler, self.similarity, settings, advance)

    def score(self, poses: PoseBatch) -> torch.Tensor:
        """(N,); similarity where the poses are."""
        size = max(1, _POINTS_AT_ONCE // len(self.offsets))
        numbers = torch.arange(len(poses), device=self.offsets.device).split(size)
        parts = [self.similarity(self.sampler.values(poses[some], self.offsets)) for some in numbers]
        return torch.cat([part.similarity for part in parts])


def make_level(
    atlas: PreparedBrain, part: PreparedSlice, scale: float, settings: LevelSettings
) -> SliceLevel:
    """Prepares a level.

    Args:
        atlas: the atlas brain.
        part: the slices.
        scale: size of the atlas relative to the subject.
        settings: resolution and measure.
    """
    resolution_mm = atlas.radius_mm / settings.pixels_per_radius
    image, mask = part.level(resolution_mm / scale)
    near = _near(mask)
    inside = near.flatten() > 0
    points = ras_grid(image.geometry, dtype=torch.float64) - torch.as_tensor(np.asarray(part.centre_ras))
    # the atlas's own resolution is a part of the thickness; widths add as squares
    missing_mm = max((part.thickness_mm * scale) ** 2 - resolution_mm**2, 0.0) ** 0.5 / scale
    similarity: LeastSquaresSimilarity
    if settings.degree is None:
        similarity = LocalCorrelation(image.values, near, _WITHIN_SLICES)
    else:
        similarity = Correlation(
            image.values.flatten()[inside],
            near.flatten()[inside],
            settings.degree,
            signed=settings.degree == 1,
        )
    return SliceLevel(
        offsets=points.reshape(-1, 3).to(image.values)[inside],
        sampler=SliceSampler(_atlas_sampler(atlas, resolution_mm), part.normal, missing_mm),
        similarity=similarity,
        settings=settings,
    )


def last_level(measure: SliceMeasure) -> LevelSettings:
    """The finest level with the measure that was chosen."""
    if measure == SliceMeasure.LOCAL_CORRELATION:
        return FINE
    return LevelSettings(FINE.pixels_per_radius, FINE.iterations, FINE.scaling, degree=1)


# three levels of four ages, with and without fluid: a resident worker meets the same atlas again
@functools.lru_cache(maxsize=24)
def _atlas_sampler(atlas: PreparedBrain, resolution_mm: float) -> MovingSampler:
    return MovingSampler(atlas.oversampled(resolution_mm))


def _near(mask: Volume) -> torch.Tensor:
    """(K, J, I); 1 in the mask and one pixel around it, where the outline shows; 0 elsewhere."""
    grown = F.max_pool2d(mask.values[None], 3, stride=1, padding=1)[0]
    return (grown > 0.1).float()
