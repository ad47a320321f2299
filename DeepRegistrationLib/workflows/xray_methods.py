"""The ways in which the pose of a CT before its radiographs is found."""

from dataclasses import dataclass, field

import numpy as np
import torch

from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod, XrayCtSettings, XrayMeasure
from DeepRegistrationLib.models.catalog import ModelStamp
from DeepRegistrationLib.optimize.radiograph_descent import (
    GRADIENT_DESCENT,
    NETWORK_DESCENT,
    descend,
)
from DeepRegistrationLib.optimize.radiograph_levels import MakeMeasure, reduction
from DeepRegistrationLib.optimize.radiograph_refinement import (
    RadiographLevel,
    RadiographRefinementSettings,
    refine_poses,
    retracted,
)
from DeepRegistrationLib.optimize.radiograph_search import Candidates, PoseRange
from DeepRegistrationLib.progress import StageProgress
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.gradient_orientation import gradient_orientation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from DeepRegistrationLib.similarity.radiograph_local_correlation import radiograph_local_correlation
from DeepRegistrationLib.similarity.radiograph_mutual_information import radiograph_mutual_information
from DeepRegistrationLib.workflows.xray_pose_search import FINE_PX, XrayScene, last_measure, search
from DeepRegistrationLib.workflows.xray_region import within_reach
from DeepRegistrationLib.workflows.xray_rivals import stands_out

SEARCH, DESCEND, REFINE = "Searching the pose", "Following the gradient", "Refining the pose"
MEASURES: dict[XrayMeasure, MakeMeasure] = {
    XrayMeasure.DETAIL: last_measure,
    XrayMeasure.GRADIENT_CORRELATION: gradient_correlation,
    XrayMeasure.CORRELATION: radiograph_correlation,
    XrayMeasure.LOCAL_CORRELATION: radiograph_local_correlation,
    XrayMeasure.GRADIENT_ORIENTATION: gradient_orientation,
    XrayMeasure.MUTUAL_INFORMATION: radiograph_mutual_information,
}
# orientations tried out for each candidate that is refined
_ORIENTATIONS_PER_CANDIDATE = 20
_LARGEST_PX = 256
# how far a pose that the search found may still be off
_NEARLY = PoseRange(turn_rad=0.05, shift_mm=3.0)
# also tried before the last refinement of a single view, relative to what the search found
_DEPTHS_MM = (-14.0, -9.0, -5.5, -2.5, 2.5, 5.5, 9.0, 14.0)
# iterations after which most depths are given up, and how many stay
_LOOK, _DEPTHS_KEPT = 3, 4
# turn [rad], shift and depth [mm]: near enough for larger images to begin
_NEARLY_THERE = (1e-4, 1e-2, 5e-2)


@dataclass(eq=False)
class Track:
    """What happened on the way, for the convergence plot and the pictures that follow it.

    Attributes:
        stages: receives the progress.
        history: stage -> best similarity so far.
        poses: stage -> the pose that belongs to it (4, 4).
    """

    stages: StageProgress
    history: dict[str, list[float]] = field(default_factory=dict)
    poses: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def follow(
        self, stage: str, fraction: float, similarity: float | None, pose: torch.Tensor | None
    ) -> None:
        """Keeps and reports one iteration; raises `Cancelled` if the person wants to stop."""
        if pose is None:
            self.stages.advance(fraction)
            return
        matrix = pose.numpy().copy()
        self.history.setdefault(stage, []).append(similarity)
        self.poses.setdefault(stage, []).append(matrix)
        self.stages.advance(fraction, pose=tuple(matrix.flatten().tolist()), similarity=similarity)


@dataclass(frozen=True, eq=False)
class FoundPose:
    """Answer of a method.

    Attributes:
        pose: (4, 4) float64; world from CT.
        pool: other poses that were refined, with the answer's neighbourhood first; None without a search.
        rounds: of the search.
        models: networks that took part.
    """

    pose: torch.Tensor
    pool: Candidates | None = None
    rounds: int = 0
    models: tuple[ModelStamp, ...] = ()


def methods_stages(method: XrayCtMethod) -> tuple[str, ...]:
    """Stages that a method goes through, in their order."""
    return (SEARCH, REFINE) if method == XrayCtMethod.AUTO else (DESCEND,)


def pose_range_of(settings: XrayCtSettings) -> PoseRange:
    """How far the start pose may be off."""
    return PoseRange(float(np.radians(settings.search_rotation_deg)), settings.search_translation_mm)


def find_pose(scene: XrayScene, settings: XrayCtSettings, track: Track) -> FoundPose:
    """Finds the pose by the method that was chosen."""
    if settings.method == XrayCtMethod.AUTO:
        return _by_search(scene, settings, track)
    pose, models = torch.from_numpy(scene.start.copy()), ()
    if settings.method in (XrayCtMethod.NET, XrayCtMethod.NET_GRAD_NCC):
        pose, models = _by_network(scene, pose, track)
    if settings.method in (XrayCtMethod.GRAD_NCC, XrayCtMethod.NET_GRAD_NCC):
        pose = _by_gradient(scene, pose, track)
    return FoundPose(pose, models=models)


def final_size_px(scene: XrayScene) -> int:
    """Pixels of the last level: as fine as the CT has something to say."""
    size = FINE_PX
    longest = max(max(r.camera.image_size_px) for r in scene.radiographs)
    finest_mm = float(scene.anatomy.bone.geometry.spacing_mm.min())
    while size * 2 <= min(longest, _LARGEST_PX) and scene.pixel_mm(size * 2) >= 0.5 * finest_mm:
        size *= 2
    return size


def _by_search(scene: XrayScene, settings: XrayCtSettings, track: Track) -> FoundPose:
    track.stages.enter(SEARCH)
    found = search(
        scene,
        pose_range_of(settings),
        orientations=_ORIENTATIONS_PER_CANDIDATE * settings.candidates,
        candidates=settings.candidates,
        rounds=settings.rounds,
        seed=settings.seed,
        is_certain=lambda pool, again: stands_out(pool, scene.centre, scene.cameras, again),
        time_limit_s=settings.time_limit_s,
        advance=lambda fraction, similarity, pose: track.follow(SEARCH, fraction, similarity, pose),
    )
    track.stages.enter(REFINE)
    pose = _refine_to_the_end(scene, found.pool.poses[0], MEASURES[settings.measure], track)
    return FoundPose(pose, found.pool, found.rounds)


def _refine_to_the_end(
    scene: XrayScene, pose: torch.Tensor, measure: MakeMeasure, track: Track
) -> torch.Tensor:
    scene = _closer(scene, pose)
    if scene.anatomy.bone_alone:
        scene = _fuller(scene, pose, measure)
    size = final_size_px(scene)
    # a short look with voxels as large as pixels tells which depth is right
    look, fine = scene.level(FINE_PX, measure), scene.level(FINE_PX, measure, fine=True)
    steps = [
        _Step(look, RadiographRefinementSettings(_LOOK), 0.2, _DEPTHS_KEPT),
        _Step(look, RadiographRefinementSettings(2 * _LOOK), 0.3),
    ]
    if size > FINE_PX:
        steps.append(_Step(fine, RadiographRefinementSettings(45, *_NEARLY_THERE), 0.6))
        steps.append(_Step(scene.level(size, measure, fine=True), RadiographRefinementSettings(15), 1.0))
    else:
        steps.append(_Step(fine, RadiographRefinementSettings(45), 1.0))
    poses, begin = _starts_in_depth(scene, pose), 0.0
    for step in steps:
        refined = refine_poses(
            poses,
            step.level,
            step.settings,
            lambda f, similarity, at, b=begin, e=step.end: track.follow(
                REFINE, b + f * (e - b), similarity, at
            ),
        )
        best = refined.fit.similarity.argsort(descending=True)[: step.kept]
        poses, begin = refined.poses[best], step.end
    return poses[0]


@dataclass(frozen=True, eq=False)
class _Step:
    """Part of the last refinement.

    Attributes:
        level: volume and radiographs.
        settings: stopping rules.
        end: of its part of the progress.
        kept: poses that go on, the best ones.
    """

    level: RadiographLevel
    settings: RadiographRefinementSettings
    end: float
    kept: int = 1


def _fuller(scene: XrayScene, pose: torch.Tensor, measure: MakeMeasure) -> XrayScene:
    """The scene with the rims of its bones, if the radiographs show them there."""
    scenes = (scene, XrayScene(scene.anatomy.with_rim, scene.radiographs, scene.start))
    fits = [
        refine_poses(pose[None], one.level(FINE_PX, measure), RadiographRefinementSettings(2 * _LOOK + 1)).fit
        for one in scenes
    ]
    return scenes[int(fits[1].similarity[0] > fits[0].similarity[0])]


def _closer(scene: XrayScene, pose: torch.Tensor) -> XrayScene:
    """The scene around a pose that was found, where that gives finer pixels: a small bone in a large view."""
    near = pose.numpy()
    parts = tuple(within_reach(r, scene.anatomy, near, _NEARLY) for r in scene.radiographs)
    sizes = zip(parts, scene.radiographs, strict=True)
    is_finer = any(reduction(part, _LARGEST_PX) < reduction(whole, _LARGEST_PX) for part, whole in sizes)
    return XrayScene(scene.anatomy, parts, near) if is_finer else scene


def _starts_in_depth(scene: XrayScene, pose: torch.Tensor) -> torch.Tensor:
    """The pose, the same in other depths, and where intensities lead it.

    The cut faces of a CT are its highest edges; along the depth they make valleys that edges alone do not
    leave.
    """
    level = scene.level(FINE_PX, radiograph_correlation)
    by_intensity = refine_poses(pose[None], level, RadiographRefinementSettings(15, 1e-4, 0.02, 0.1)).poses
    # a second view tells what is depth to the first
    depths_mm = _DEPTHS_MM if len(scene.radiographs) == 1 else ()
    steps = torch.zeros(len(depths_mm), 6, dtype=torch.float64)
    steps[:, 5] = torch.tensor(depths_mm, dtype=torch.float64)
    others = retracted(pose[None].expand(len(steps), 4, 4), steps, level)
    return torch.cat([pose[None], others, by_intensity])


def _by_gradient(scene: XrayScene, pose: torch.Tensor, track: Track) -> torch.Tensor:
    track.stages.enter(DESCEND)
    level = scene.level(FINE_PX, gradient_correlation)

    def loss(poses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        fit = level.fit(poses, in_world=True)
        # the measure is the square of the correlation that the paper maximizes
        correlation = fit.similarity.clamp(min=1e-4).sqrt()
        return 1 - correlation, -fit.gradient / correlation[:, None]

    def watch(fraction: float, value: float, at: torch.Tensor) -> None:
        track.follow(DESCEND, fraction, (1 - value) ** 2, at)

    return descend(pose, loss, scene.centre, _unit_mm(scene), GRADIENT_DESCENT, watch)


def _by_network(
    scene: XrayScene, pose: torch.Tensor, track: Track
) -> tuple[torch.Tensor, tuple[ModelStamp, ...]]:
    from DeepRegistrationLib.workflows.xray_network import learned_similarity

    track.stages.enter(DESCEND)
    prepared, stamp = learned_similarity(scene)
    level = scene.level(FINE_PX, gradient_correlation)

    def loss(poses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = prepared.loss_and_gradient(poses)
        return found.value, found.gradient

    def watch(fraction: float, value: float, at: torch.Tensor) -> None:
        track.follow(DESCEND, fraction, float(level.similarity(at[None])[0]), at)

    return descend(pose, loss, scene.centre, _unit_mm(scene), NETWORK_DESCENT, watch), (stamp,)


def _unit_mm(scene: XrayScene) -> float:
    """Half the edge of the volume, which the paper calls 1."""
    return float(scene.anatomy.bone.geometry.extent_mm.max()) / 2
