"""Levenberg-Marquardt for the pose of a volume before one or several cameras, many poses at once.

One projection per iteration gives the images and the six images of their change with the pose; it serves both
the decision on the last step and the next linearization. Each pose turns about the middle of the volume and
moves in a frame that looks along the ray through it: then depth changes the size of the shadow only, and is
not mixed with the directions that are known hundred times better.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.geometry.rigid import rigid_matrix
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.projection.projector import ProjectionSettings, project, project_with_tangents
from DeepRegistrationLib.similarity.radiograph_measure import PoseFit, RadiographMeasure, sum_of_fits

# a longer step leaves the region in which the images change linearly
_LONGEST_TURN_RAD, _LONGEST_SHIFT_MM, _LONGEST_DEPTH_MM = 0.25, 40.0, 120.0


@dataclass(frozen=True, eq=False)
class RadiographView:
    """One radiograph of one level.

    Attributes:
        camera: source and detector of its pixels, in the world.
        measure: compares projected images with it.
    """

    camera: Camera
    measure: RadiographMeasure


@dataclass(frozen=True, eq=False)
class RadiographLevel:
    """Volume and radiographs at one resolution.

    Attributes:
        values: (1, C, K, J, I); attenuation of C components, such as bone and soft tissue.
        geometry: where their voxels lie.
        views: at least one.
        centre_ras: (3,) float64; middle of the anatomy in the frame of the volume: what poses turn about.
        projection: sampling along the rays.
    """

    values: torch.Tensor
    geometry: VolumeGeometry
    views: Sequence[RadiographView]
    centre_ras: torch.Tensor
    projection: ProjectionSettings

    def similarity(self, poses: torch.Tensor) -> torch.Tensor:
        """(N,); mean over the views at poses (N, 4, 4), world from volume."""
        found = [
            view.measure.similarity(project(self.values, self.geometry, view.camera, poses, self.projection))
            for view in self.views
        ]
        return torch.stack(found).mean(0).double().cpu()

    def fit(self, poses: torch.Tensor, in_world: bool = False) -> PoseFit:
        """Similarity of N poses and its expansion; float64 on the CPU.

        Args:
            poses: (N, 4, 4) float64; world from volume.
            in_world: the expansion is along the axes of the world, still about the middle of the anatomy;
                else it is in the twist frames of the poses.
        """
        frames = twist_frames(poses, self.centre_ras, self.views[0].camera)
        if in_world:
            frames[:, :3, :3] = torch.eye(3, dtype=frames.dtype)
        fits = []
        for view in self.views:
            images, tangents = project_with_tangents(
                self.values, self.geometry, view.camera, poses, self.projection, frames
            )
            fits.append(view.measure.fit(images, tangents))
        mean = sum_of_fits(fits, [1 / len(fits)] * len(fits))
        return PoseFit(*(x.double().cpu() for x in (mean.similarity, mean.gradient, mean.hessian)))


@dataclass(frozen=True)
class RadiographRefinementSettings:
    """When a pose is good enough.

    Attributes:
        iterations: at most.
        turn_tolerance_rad: a pose stops when its undamped step turns it less,
        shift_tolerance_mm: moves it less across the beam,
        depth_tolerance_mm: and less along it.
        damping: first Levenberg-Marquardt factor, relative to the diagonal.
    """

    iterations: int = 20
    turn_tolerance_rad: float = 2e-5
    shift_tolerance_mm: float = 2e-3
    depth_tolerance_mm: float = 1e-2
    damping: float = 1e-2


Watch = Callable[[float, float, torch.Tensor], None]
"""Told the fraction of iterations done, the best similarity and its pose (4, 4); raises to stop."""


@dataclass(frozen=True, eq=False)
class RefinedPoses:
    """Where a refinement ended.

    Attributes:
        poses: (N, 4, 4) float64; world from volume.
        fit: similarity, gradient and curvature there.
        iterations: that were needed.
    """

    poses: torch.Tensor
    fit: PoseFit
    iterations: int


def refine_poses(
    poses: torch.Tensor,
    level: RadiographLevel,
    settings: RadiographRefinementSettings,
    watch: Watch = lambda fraction, similarity, pose: None,
) -> RefinedPoses:
    """Refines all poses; those that have converged are not computed any more.

    A pose has converged when the step of the *undamped* quadratic model is shorter than the tolerances: a
    damped step is short in weak directions long before these have arrived.

    Args:
        poses: (N, 4, 4) float64; world from volume.
        level: volume and radiographs.
        settings: stopping rules.
        watch: follows and can stop.

    Source: damping by the gain ratio, Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05.
    """
    poses = poses.double().clone()
    fit = level.fit(poses)
    state = PoseFit(fit.similarity.clone(), fit.gradient.clone(), fit.hessian.clone())
    damping = torch.full((len(poses),), settings.damping, dtype=torch.float64)
    growth = torch.full_like(damping, 3.0)
    active = torch.arange(len(poses))
    iteration = 0
    for iteration in range(settings.iterations):
        best = int(state.similarity.argmax())
        watch(iteration / settings.iterations, float(state.similarity[best]), poses[best])
        if len(active) == 0:
            break
        step, gain_expected = _step(state, active, damping[active])
        trial = retracted(poses[active], step, level)
        tried = level.fit(trial)
        gain = tried.similarity - state.similarity[active]
        ratio = gain / gain_expected.clamp(min=1e-15)
        better = gain > 0
        accepted = active[better]
        poses[accepted] = trial[better]
        for old, new in ((state.similarity, tried.similarity), (state.gradient, tried.gradient)):
            old[accepted] = new[better]
        state.hessian[accepted] = tried.hessian[better]
        # Nielsen: a model that predicts well is damped less, at most to a fifth
        smaller = (1 - (2 * ratio - 1) ** 3).clamp(0.2, 2.0)
        damping[active] = torch.where(better, damping[active] * smaller, damping[active] * growth[active])
        damping.clamp_(1e-7, 1e6)
        growth[active] = torch.where(better, torch.full_like(gain, 3.0), growth[active] * 2)
        active = active[~_arrived(state, active, damping[active], settings)]
    return RefinedPoses(poses, state, iteration + 1)


def twist_frames(poses: torch.Tensor, centre_ras: torch.Tensor, camera: Camera) -> torch.Tensor:
    """Frames in which poses are changed: at the volume's middle, z along the ray that passes through it.

    Args:
        poses: (N, 4, 4) float64; world from volume.
        centre_ras: (3,); middle of the anatomy in the frame of the volume.
        camera: x runs along its columns as far as z lets it.

    Returns:
        (N, 4, 4) float64; world from twist, rigid and right-handed.
    """
    centres = poses[:, :3, :3] @ centre_ras + poses[:, :3, 3]
    beam = torch.nn.functional.normalize(centres - torch.from_numpy(camera.source_ras.copy()), dim=-1)
    columns = torch.from_numpy(camera.column_direction.copy()).expand_as(beam)
    across = torch.nn.functional.normalize(columns - (columns * beam).sum(-1, keepdim=True) * beam, dim=-1)
    axes = torch.stack([across, torch.linalg.cross(beam, across), beam], -1)
    return rigid_matrix(axes, centres)


def retracted(poses: torch.Tensor, step: torch.Tensor, level: RadiographLevel) -> torch.Tensor:
    """Poses after a step in their own twist frames.

    Args:
        poses: (N, 4, 4).
        step: (N, 6); turn about the middle of the volume [rad], then shift [mm].
        level: tells the middle and the camera.
    """
    frames = twist_frames(poses, level.centre_ras, level.views[0].camera)
    moved = rigid_matrix(matrix_from_rotation_vector(step[:, :3]), step[:, 3:])
    return frames @ moved @ torch.linalg.inv(frames) @ poses


def _step(state: PoseFit, active: torch.Tensor, damping: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Damped steps (M, 6), not longer than allowed, and the gain in similarity the model expects (M,)."""
    hessian, gradient = state.hessian[active], state.gradient[active]
    diagonal = _safe_diagonal(hessian)
    step = torch.linalg.solve(hessian + torch.diag_embed(damping[:, None] * diagonal), gradient)
    longest = torch.stack(
        [
            step[:, :3].norm(dim=-1) / _LONGEST_TURN_RAD,
            step[:, 3:5].norm(dim=-1) / _LONGEST_SHIFT_MM,
            step[:, 5].abs() / _LONGEST_DEPTH_MM,
        ]
    ).amax(0)
    step = step / longest.clamp(min=1)[:, None]
    curved = (step[:, None] @ hessian @ step[..., None])[:, 0, 0]
    return step, 2 * (gradient * step).sum(-1) - curved


def _arrived(
    state: PoseFit, active: torch.Tensor, damping: torch.Tensor, settings: RadiographRefinementSettings
) -> torch.Tensor:
    """(M,) bool; the undamped step is short, or no step helps any more."""
    hessian, gradient = state.hessian[active], state.gradient[active]
    step = torch.linalg.solve(hessian + torch.diag_embed(1e-6 * _safe_diagonal(hessian)), gradient)
    short = (
        (step[:, :3].norm(dim=-1) < settings.turn_tolerance_rad)
        & (step[:, 3:5].norm(dim=-1) < settings.shift_tolerance_mm)
        & (step[:, 5].abs() < settings.depth_tolerance_mm)
    )
    return short | (damping > 1e4)


def _safe_diagonal(hessian: torch.Tensor) -> torch.Tensor:
    """(M, 6); a direction without any signal still needs a positive diagonal, in its own unit."""
    diagonal = torch.diagonal(hessian, dim1=-2, dim2=-1)
    # 1 rad moves the anatomy's edge by about 100 mm
    unit = torch.tensor([1e4, 1e4, 1e4, 1.0, 1.0, 1.0], dtype=hessian.dtype)
    return torch.maximum(diagonal, 1e-7 * (diagonal / unit).amax(-1, keepdim=True) * unit + 1e-14 * unit)
