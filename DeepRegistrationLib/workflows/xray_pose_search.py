"""Search for the pose of a CT over the whole range of starts: coarse and wide, then fine, few and exact.

orientations --project, correlate all shifts--> candidates --refine 32--> --refine 64--> --refine 128--> pool
^                                                                                                    |
+---- new orientations, a wider range, while no pose of the pool stands out from all others ---------+
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from DeepRegistrationLib.images.pyramid import downsample
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.optimize.radiograph_levels import (
    MakeMeasure,
    make_level,
    pixel_at_anatomy_mm,
    reduction,
)
from DeepRegistrationLib.optimize.radiograph_refinement import (
    RadiographLevel,
    RadiographRefinementSettings,
    RefinedPoses,
    refine_poses,
)
from DeepRegistrationLib.optimize.radiograph_search import Candidates, PoseRange, distinct, search_poses
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from DeepRegistrationLib.similarity.radiograph_measure import RadiographMeasure, SumOfMeasures
from DeepRegistrationLib.workflows.xray_anatomy import XrayAnatomy

COARSE_PX, MEDIUM_PX, FINE_PX = 32, 64, 128
# of the candidates of a round, this part goes on to the medium and to the fine level
_MEDIUM_SHARE, _FINE_SHARE = 0.2, 0.05
# most poses are found by a short look; only the others need a long one
_EFFORT = (0.25, 1.0, 1.5, 2.0)
# poses nearer than this are one pose, coarse to fine
_SAME_COARSE, _SAME_MEDIUM = (0.10, 25.0), (0.05, 15.0)
"""Turn [rad], shift [mm]."""


def balanced_measure(fixed: torch.Tensor, mask: torch.Tensor) -> RadiographMeasure:
    """Intensities lead from afar, edges decide near by; half each."""
    return SumOfMeasures([radiograph_correlation(fixed, mask), gradient_correlation(fixed, mask)])


@dataclass(frozen=True, eq=False)
class XrayScene:
    """What is registered to what, at any resolution.

    Attributes:
        anatomy: components of the CT.
        radiographs: of the views.
        start: (4, 4) float64; world from CT.
    """

    anatomy: XrayAnatomy
    radiographs: Sequence[Radiograph]
    start: np.ndarray
    _levels: dict[tuple[int, MakeMeasure, bool], RadiographLevel] = field(default_factory=dict)

    def level(
        self, size_px: int, measure: MakeMeasure = balanced_measure, fine: bool = False
    ) -> RadiographLevel:
        """Components and radiographs with about `size_px` pixels along the longer side; made once.

        Args:
            size_px: pixels.
            measure: compares.
            fine: with voxels half as large as a pixel, for the last refinement.
        """
        key = (size_px, measure, fine)
        if key not in self._levels:
            self._levels[key] = make_level(
                self.anatomy.components,
                self.radiographs,
                size_px,
                self.start,
                self.anatomy.centre_ras,
                measure,
                2.0 if fine else 1.0,
            )
        return self._levels[key]

    def pixel_mm(self, size_px: int) -> float:
        """Edge of the smallest pixel of a level where the anatomy is [mm]."""
        return min(
            pixel_at_anatomy_mm(
                radiograph.reduced(reduction(radiograph, size_px)), self.start, self.anatomy.centre_ras
            )
            for radiograph in self.radiographs
        )

    @cached_property
    def centre(self) -> torch.Tensor:
        """(3,) float64; middle of the anatomy in the CT's frame [mm]."""
        return torch.from_numpy(self.anatomy.centre_ras.copy())


@dataclass(frozen=True, eq=False)
class SearchResult:
    """What the search found.

    Attributes:
        pool: refined poses of all rounds that differ from each other, the best first.
        rounds: that were made.
    """

    pool: Candidates
    rounds: int


Advance = Callable[[float, float | None, torch.Tensor | None], None]
"""Told the fraction done, and the similarity and the pose of what is best now; raises to stop."""


def search(
    scene: XrayScene,
    pose_range: PoseRange,
    orientations: int,
    candidates: int,
    rounds: int,
    seed: int,
    is_certain: Callable[[Candidates], bool],
    time_limit_s: float | None,
    advance: Advance,
) -> SearchResult:
    """Searches round after round until one pose stands out.

    Args:
        scene: what is registered to what.
        pose_range: how far the start may be off.
        orientations: tried out in each round.
        candidates: refined in each round.
        rounds: at most.
        seed: of the orientations.
        is_certain: tells from the pool whether to stop.
        time_limit_s: no new round after this time [s].
        advance: follows and can stop.
    """
    started = time.perf_counter()
    pool: Candidates | None = None
    for number in range(rounds):
        # what the first rounds did not find may lie further out
        wider = PoseRange(pose_range.turn_rad * (1 + 0.1 * number), pose_range.shift_mm * (1 + 0.1 * number))
        effort = _EFFORT[min(number, len(_EFFORT) - 1)]
        part = _Part(number, advance)
        proposals = _proposals(scene, wider, round(effort * orientations), seed * 1000 + number, part)
        found = _refined(scene, proposals, max(1, round(effort * candidates)), part)
        pool = found if pool is None else _merged(pool, found, scene)
        if is_certain(pool):
            break
        if time_limit_s is not None and time.perf_counter() - started > time_limit_s:
            break
    return SearchResult(pool, number + 1)


@dataclass(frozen=True)
class _Part:
    """One round's share of the progress: later rounds are rarely needed."""

    number: int
    advance: Advance

    def __call__(self, fraction: float, similarity: float | None = None, pose: object = None) -> None:
        self.advance(1 - 0.4**self.number * (1 - 0.6 * fraction), similarity, pose)


def _proposals(
    scene: XrayScene, pose_range: PoseRange, orientations: int, seed: int, part: _Part
) -> Candidates:
    """Candidates of all views, scored in all views, the best first; with the start itself."""
    found = []
    count = -(-orientations // len(scene.radiographs))
    whole = scene.anatomy.whole
    for view, radiograph in enumerate(scene.radiographs):
        small = radiograph.reduced(reduction(radiograph, COARSE_PX))
        spacing = pixel_at_anatomy_mm(small, scene.start, scene.anatomy.centre_ras)
        volume = downsample(whole, np.maximum(whole.geometry.spacing_mm, spacing))
        found.append(
            search_poses(
                volume,
                small,
                scene.start,
                scene.anatomy.centre_ras,
                pose_range,
                count,
                lambda images: images,
                seed + 100 * view,
                lambda fraction: part(0.3 * fraction),
            )
        )
    if len(found) == 1:
        return found[0]
    poses = torch.cat([one.best(count // 4).poses for one in found])
    scores = scene.level(COARSE_PX).similarity(poses)
    order = scores.argsort(descending=True, stable=True)
    return Candidates(poses[order], scores[order])


def _refined(scene: XrayScene, proposals: Candidates, count: int, part: _Part) -> Candidates:
    """Refined at three levels; fewer and fewer."""
    first = distinct(proposals.best(4 * count), scene.centre, *_SAME_COARSE).best(count)
    start = torch.from_numpy(scene.start.copy())[None]
    poses = torch.cat([start, first.poses])
    medium, fine = (max(3, round(share * count)) for share in (_MEDIUM_SHARE, _FINE_SHARE))
    stages = (
        (COARSE_PX, 8, (5e-3, 1.0, 5.0), medium, _SAME_COARSE, (0.3, 0.6)),
        (MEDIUM_PX, 10, (2e-3, 0.3, 2.0), fine, _SAME_MEDIUM, (0.6, 0.8)),
        (FINE_PX, 10, (5e-4, 0.1, 0.5), fine, _SAME_MEDIUM, (0.8, 1.0)),
    )
    for size, iterations, tolerances, keep, same, (begin, end) in stages:
        refined = refine_poses(
            poses,
            scene.level(size),
            RadiographRefinementSettings(iterations, *tolerances),
            lambda f, similarity, pose, b=begin, e=end: part(b + f * (e - b), similarity, pose),
        )
        found = distinct(_sorted(refined), scene.centre, *same).best(keep)
        poses = found.poses
    return found


def _sorted(refined: RefinedPoses) -> Candidates:
    order = refined.fit.similarity.argsort(descending=True, stable=True)
    return Candidates(refined.poses[order], refined.fit.similarity[order])


def _merged(first: Candidates, second: Candidates, scene: XrayScene) -> Candidates:
    poses, scores = torch.cat([first.poses, second.poses]), torch.cat([first.scores, second.scores])
    order = scores.argsort(descending=True, stable=True)
    return distinct(Candidates(poses[order], scores[order]), scene.centre, *_SAME_MEDIUM)
