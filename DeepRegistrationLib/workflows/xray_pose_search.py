"""Search for the pose of a CT over the whole range of starts: coarse and wide, then fine, few and exact.

orientations --project, turn, correlate all shifts--> candidates --refine 32, 64, 128 px--> pool
^                                                                                         |
+---- another measure, new orientations, a wider range, while no pose of the pool --------+
                          stands out from all others
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rotations import geodesic_distance
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
    refine_poses,
)
from DeepRegistrationLib.optimize.radiograph_search import (
    Candidates,
    MakeCorrelation,
    PoseRange,
    are_near,
    distinct,
    search_poses,
)
from DeepRegistrationLib.optimize.shift_correlation import IntensityShifts, OrientationShifts
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.gradient_orientation import gradient_orientation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from DeepRegistrationLib.similarity.radiograph_measure import RadiographMeasure, SumOfMeasures
from DeepRegistrationLib.workflows.xray_anatomy import XrayAnatomy
from DeepRegistrationLib.workflows.xray_rivals import ENOUGH_RIVALS

COARSE_PX, MEDIUM_PX, FINE_PX = 32, 64, 128
_LEAST = ENOUGH_RIVALS + 2
"""Goes on at the least, so that there are rivals to compare the best pose with."""
_FARTHEST_TURN, _FARTHEST_SHIFT = 3.6, 3.6
"""Standard deviations of the range of starts; a start that is off as it says is less, 998 times of 1000."""
_DETAIL_PX = 2.0
# a radiograph was aimed at the anatomy: poses at which it shows less of the bones are no answers
_LEAST_SEEN = 0.15
# poses nearer than this are one pose, coarse to fine
_SAME_COARSE, _SAME_MEDIUM = (0.10, 25.0), (0.05, 15.0)
_SAME_ANSWER, _ENOUGH_ANSWERS = (0.05, 30.0), 2
"""Turn [rad], shift [mm]; trails that have to end there."""
_TOLERANCES = {COARSE_PX: (5e-3, 1.0, 5.0), MEDIUM_PX: (2e-3, 0.3, 2.0), FINE_PX: (5e-4, 0.1, 0.5)}
"""Pixels of a level -> turn [rad], shift and depth [mm] below which a pose has arrived."""


def balanced_measure(fixed: torch.Tensor, mask: torch.Tensor) -> RadiographMeasure:
    """Intensities lead from afar, edges decide near by; half each."""
    return SumOfMeasures([radiograph_correlation(fixed, mask), gradient_correlation(fixed, mask)])


def edge_measure(fixed: torch.Tensor, mask: torch.Tensor) -> RadiographMeasure:
    """Height and direction of edges, half each: refines what only part of the radiograph agrees with."""
    return SumOfMeasures([gradient_correlation(fixed, mask), gradient_orientation(fixed, mask)])


def detail_measure(fixed: torch.Tensor, mask: torch.Tensor) -> RadiographMeasure:
    """What is left when all that changes slowly is taken away.

    Outlines of a patient and cut faces of a CT are long: a wrong pose explains them with other outlines, and
    bones nearer to the source cover more of them. Detail of the size of few pixels fits at the right pose
    only, however little of the radiograph it is.
    """
    return radiograph_correlation(fixed, mask, _DETAIL_PX)


def fine_measure(fixed: torch.Tensor, mask: torch.Tensor) -> RadiographMeasure:
    """Detail and directions of edges, half each: what poses of all trails are compared by, and refined last.

    Neither scatter nor other tissue leads it away. Either half alone prefers a wrong pose now and then, where
    the right one has little detail, or its edges cross many others.
    """
    return SumOfMeasures([gradient_orientation(fixed, mask), detail_measure(fixed, mask)])


def last_measure(fixed: torch.Tensor, mask: torch.Tensor) -> RadiographMeasure:
    """The same with more detail: near the right pose it tells the depth better than directions do."""
    return SumOfMeasures([gradient_orientation(fixed, mask), detail_measure(fixed, mask)], [0.25, 0.75])


_FIRST_EFFORT, _SMALL_ROUNDS = 0.35, 2
"""Of the first rounds: most searches need no more than one; two that end at the same pose are certain."""


@dataclass(frozen=True)
class _Level:
    """One refinement of a trail.

    Attributes:
        size_px: pixels along the longer side of the radiographs.
        measure: that is refined.
        iterations: at most.
        kept: part of the candidates of the trail that goes on.
    """

    size_px: int
    measure: MakeMeasure
    iterations: int
    kept: float


@dataclass(frozen=True)
class _Trail:
    """One way from orientations to refined poses.

    Attributes:
        correlation: that proposes poses.
        levels: of refinement.
    """

    correlation: MakeCorrelation
    levels: tuple[_Level, ...]


# the whole radiograph is explained: quick, and enough where the CT shows what the radiograph shows
_BY_INTENSITY = _Trail(
    IntensityShifts,
    (
        _Level(COARSE_PX, balanced_measure, 8, 0.3),
        _Level(MEDIUM_PX, balanced_measure, 8, 0.15),
        _Level(FINE_PX, balanced_measure, 8, 0.1),
    ),
)
# edges only: where much of the radiograph is not in the CT, or not among the bones that were chosen
_BY_EDGES = _Trail(
    OrientationShifts,
    (
        _Level(MEDIUM_PX, gradient_orientation, 10, 0.15),
        _Level(FINE_PX, edge_measure, 10, 0.1),
    ),
)


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
            fine: all components, with voxels half as large as a pixel, for the last refinement.
        """
        key = (size_px, measure, fine)
        if key not in self._levels:
            self._levels[key] = make_level(
                self.anatomy.components if fine else self.anatomy.searched,
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

    @property
    def cameras(self) -> list[Camera]:
        """Of the radiographs."""
        return [radiograph.camera for radiograph in self.radiographs]

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
    is_certain: Callable[[Candidates, bool], bool],
    time_limit_s: float | None,
    advance: Advance,
) -> SearchResult:
    """Searches trail after trail until one pose stands out.

    Args:
        scene: what is registered to what.
        pose_range: how far the start may be off.
        orientations: tried out in each round.
        candidates: refined in each round.
        rounds: at most.
        seed: of the orientations.
        is_certain: tells whether to stop, from the pool and whether several trails ended at its first pose.
        time_limit_s: no new round after this time [s].
        advance: follows and can stop.
    """
    started = time.perf_counter()
    pool: Candidates | None = None
    trails = (_BY_EDGES,) if scene.anatomy.bone_alone else (_BY_INTENSITY, _BY_EDGES)
    answers: list[torch.Tensor] = []
    for number in range(rounds):
        # what the first rounds did not find may lie further out
        wider = PoseRange(pose_range.turn_rad * (1 + 0.1 * number), pose_range.shift_mm * (1 + 0.1 * number))
        effort = _FIRST_EFFORT if number < _SMALL_ROUNDS else 1.0
        count = max(8, round(effort * orientations))
        for which, trail in enumerate(trails):
            part = _Part(number, which, len(trails), advance)
            proposals = _proposals(scene, trail, wider, count, seed * 1000 + number, part)
            found = _refined(scene, trail, proposals, max(8, round(effort * candidates)), wider, part)
            pool = found if pool is None else _merged(pool, found, scene)
            answers.append(found.poses[0])
            if is_certain(pool, _found_again(scene, pool.poses[0], answers)):
                return SearchResult(pool, number + 1)
        if time_limit_s is not None and time.perf_counter() - started > time_limit_s:
            break
    return SearchResult(pool, number + 1)


def _found_again(scene: XrayScene, answer: torch.Tensor, answers: list[torch.Tensor]) -> bool:
    """True if trails that began elsewhere ended at the same pose: another one would, too."""
    near = are_near(torch.stack(answers), answer, scene.centre, *_SAME_ANSWER)
    return int(near.sum()) >= _ENOUGH_ANSWERS


@dataclass(frozen=True)
class _Part:
    """One round's share of the progress: later rounds are rarely needed."""

    number: int
    trail: int
    trails: int
    advance: Advance

    def __call__(self, fraction: float, similarity: float | None = None, pose: object = None) -> None:
        fraction = (self.trail + fraction) / self.trails
        self.advance(1 - 0.4**self.number * (1 - 0.6 * fraction), similarity, pose)


def _proposals(
    scene: XrayScene, trail: _Trail, pose_range: PoseRange, orientations: int, seed: int, part: _Part
) -> Candidates:
    """Candidates of all views, scored in all views, the best first."""
    found = []
    size, measure = trail.levels[0].size_px, trail.levels[0].measure
    count = -(-orientations // len(scene.radiographs))
    for view, radiograph in enumerate(scene.radiographs):
        small = radiograph.reduced(reduction(radiograph, size))
        spacing = pixel_at_anatomy_mm(small, scene.start, scene.anatomy.centre_ras)
        template = scene.anatomy.template
        found.append(
            search_poses(
                downsample(template, np.maximum(template.geometry.spacing_mm, spacing)),
                small,
                scene.start,
                scene.anatomy.centre_ras,
                pose_range,
                count,
                trail.correlation,
                seed + 100 * view,
                lambda fraction: part(0.4 * fraction),
            )
        )
    if len(found) == 1:
        return found[0]
    poses = torch.cat([one.best(count // 4).poses for one in found])
    return _by_score(poses, scene.level(size, measure).similarity(poses))


def _refined(
    scene: XrayScene, trail: _Trail, proposals: Candidates, count: int, pose_range: PoseRange, part: _Part
) -> Candidates:
    """Refined from level to level, fewer and fewer; scored at the fine level."""

    def possible(candidates: Candidates) -> Candidates:
        return _seen(_within_range(candidates, scene, pose_range), scene)

    first = distinct(possible(proposals).best(4 * count), scene.centre, *_SAME_COARSE).best(count)
    poses = torch.cat([torch.from_numpy(scene.start.copy())[None], first.poses])
    by_fine = scene.level(FINE_PX, fine_measure)
    for number, level in enumerate(trail.levels):
        begin, end = 0.4 + 0.6 * number / len(trail.levels), 0.4 + 0.6 * (number + 1) / len(trail.levels)
        refined = refine_poses(
            poses,
            scene.level(level.size_px, level.measure),
            RadiographRefinementSettings(level.iterations, *_TOLERANCES[level.size_px]),
            lambda f, similarity, pose, b=begin, e=end: part(b + f * (e - b), similarity, pose),
        )
        coarse = level.size_px == COARSE_PX
        scores = refined.fit.similarity if coarse else by_fine.similarity(refined.poses)
        found = possible(_by_score(refined.poses, scores))
        same = _SAME_COARSE if coarse else _SAME_MEDIUM
        found = distinct(found, scene.centre, *same).best(max(_LEAST, round(level.kept * count)))
        poses = found.poses
    return found


def _within_range(candidates: Candidates, scene: XrayScene, pose_range: PoseRange) -> Candidates:
    """Candidates that the start may be off by; all of them if there are none."""
    start = torch.from_numpy(scene.start.copy())
    turns = geodesic_distance(candidates.poses[:, :3, :3], start[:3, :3])
    centres = candidates.poses[:, :3, :3] @ scene.centre + candidates.poses[:, :3, 3]
    shifts = (centres - start[:3, :3] @ scene.centre - start[:3, 3]).norm(dim=-1)
    near = (turns <= _FARTHEST_TURN * pose_range.turn_rad) & (shifts <= _FARTHEST_SHIFT * pose_range.shift_mm)
    return Candidates(candidates.poses[near], candidates.scores[near]) if bool(near.any()) else candidates


def _seen(candidates: Candidates, scene: XrayScene) -> Candidates:
    """Candidates at which every radiograph shows enough of the bones; all of them if there are none."""
    points = candidates.poses[:, None, :3, :3] @ scene.anatomy.points_ras[..., None]
    points = (points[..., 0] + candidates.poses[:, None, :3, 3]).numpy()
    enough = torch.ones(len(points), dtype=torch.bool)
    for radiograph in scene.radiographs:
        shadows, _ = radiograph.camera.project(points)
        inside = ((shadows >= -0.5) & (shadows < np.array(radiograph.camera.image_size_px) - 0.5)).all(-1)
        enough &= torch.from_numpy(inside.mean(1) >= _LEAST_SEEN)
    if not bool(enough.any()):
        return candidates
    return Candidates(candidates.poses[enough], candidates.scores[enough])


def _by_score(poses: torch.Tensor, scores: torch.Tensor) -> Candidates:
    order = scores.argsort(descending=True, stable=True)
    return Candidates(poses[order], scores[order])


def _merged(first: Candidates, second: Candidates, scene: XrayScene) -> Candidates:
    both = torch.cat([first.poses, second.poses]), torch.cat([first.scores, second.scores])
    return distinct(_by_score(*both), scene.centre, *_SAME_MEDIUM)
