"""Where an atlas begins: many poses at once, coarse, by Levenberg-Marquardt."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from DeepRegistrationLib.geometry.rigid import rigid_matrix
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.biplanar_objective import BiplanarTarget
from DeepRegistrationLib.optimize.radiograph_refinement import (
    RadiographLevel,
    RadiographRefinementSettings,
    RadiographView,
    refine_poses,
)
from DeepRegistrationLib.projection.projector import ProjectionSettings
from DeepRegistrationLib.similarity.component_correlation import ComponentCorrelation
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.radiograph_filters import pixels

_SETTINGS = RadiographRefinementSettings(12, 1e-3, 0.2, 1.0)


def find_start(
    channels: torch.Tensor,
    geometry: VolumeGeometry,
    targets: Sequence[BiplanarTarget],
    world_from_atlas: np.ndarray,
    centre_ras: np.ndarray,
    turn_deg: float,
    shift_mm: float,
    count: int,
    seed: int,
    watch: Callable[[float], None] = lambda fraction: None,
    further: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """The best rigid pose of the atlas among several starts.

    Where the shadow of the bone is known, the thickness of the bone is compared with it; else edges are.

    Args:
        channels: (1, 2, K, J, I); attenuation beyond water and share of bone.
        geometry: of `channels`.
        targets: radiographs.
        world_from_atlas: (4, 4); where the atlas stands; one of the starts.
        centre_ras: (3,); about which starts are turned [mm, atlas RAS].
        turn_deg: standard deviation of the starts about each axis [degrees].
        shift_mm: the same along each axis [mm].
        count: number of starts.
        seed: of the starts.
        watch: told the fraction done; raises to stop.
        further: (4, 4) each; more starts, rigid.

    Returns:
        (4, 4) float64; world from atlas, rigid.
    """
    shadows = all(target.shadow is not None for target in targets)
    views = [
        RadiographView(
            target.camera,
            ComponentCorrelation(target.shadow, pixels(target.used))
            if shadows
            else gradient_correlation(target.values, target.region),
        )
        for target in targets
    ]
    level = RadiographLevel(
        channels[:, 1:] if shadows else channels[:, :1],
        geometry,
        views,
        torch.from_numpy(np.asarray(centre_ras, dtype=np.float64)),
        ProjectionSettings(step_mm=float(geometry.spacing_mm.min())),
    )
    drawn = _starts(world_from_atlas, centre_ras, turn_deg, shift_mm, count, seed)
    starts = torch.cat([drawn, *(torch.from_numpy(pose)[None] for pose in further)])
    found = refine_poses(starts, level, _SETTINGS, lambda fraction, similarity, pose: watch(fraction))
    return found.poses[int(found.fit.similarity.argmax())].numpy()


def _starts(
    world_from_atlas: np.ndarray,
    centre_ras: np.ndarray,
    turn_deg: float,
    shift_mm: float,
    count: int,
    seed: int,
) -> torch.Tensor:
    """(N, 4, 4) float64; the given pose first."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    drawn[0] = 0
    turn = matrix_from_rotation_vector(np.radians(turn_deg) * drawn[:, :3])
    centre = torch.from_numpy(np.asarray(centre_ras, dtype=np.float64))
    about = rigid_matrix(turn, centre - turn @ centre + shift_mm * drawn[:, 3:])
    return torch.from_numpy(np.array(world_from_atlas, dtype=np.float64)) @ about
