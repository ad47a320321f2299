"""From how far away a similarity leads to the right pose: its value and its gradient at growing distances.

For each CT the true poses are those of the paper. Around each of them lie start poses at fixed distances, in
random directions; turn and shift grow together, 40 mm with 30 degrees. Measured are the mean loss and how
often its gradient points within 60 degrees of the gradient of the geodesic distance, turn and shift apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from DeepRegistrationLib.data.xray_poses import XrayPoseSettings, poses_around, random_poses
from DeepRegistrationLib.evaluation.xray_study_cts import StudyCt
from DeepRegistrationLib.evaluation.xray_target import XrayTarget
from DeepRegistrationLib.evaluation.xray_targets import radiographs_of
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.losses.direction_loss import angle_between
from DeepRegistrationLib.losses.geodesic_se3 import geodesic_gradient
from DeepRegistrationLib.networks.xray_deep_net import XrayDeepNet
from DeepRegistrationLib.optimize.learned_similarity import LearnedSimilarity
from DeepRegistrationLib.optimize.radiograph_levels import make_level
from DeepRegistrationLib.projection.projector import project_with_tangents
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from DeepRegistrationLib.similarity.radiograph_measure import RadiographMeasure
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy

TURN_DEG, SHIFT_MM = 30.0, 40.0
"""Distance at which the directions are judged."""
SHARES = (0.05, 0.125, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Distances in units of it."""
WITHIN_DEG = 60.0
"""Largest angle between a gradient and the geodesic one that still leads home."""
NETWORK, CORRELATION, GRADIENT_CORRELATION = "network", "ncc", "grad-ncc"
_PIXELS = 64
"""Size of the radiographs for the other measures."""

LossAndGradient = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Poses (B, 4, 4) -> losses (B,) and gradients (B, 6) about the middle of the anatomy [1/rad, 1/mm]."""


@dataclass(frozen=True)
class CaptureTrial:
    """One measure of one start pose.

    Attributes:
        ct: name.
        measure: name.
        target: number of the true pose.
        share: distance in units of 30 degrees and 40 mm.
        loss: of the measure; its own unit.
        loss_at_target: at the true pose.
        turn_deg: angle between both gradients of the turn [degrees].
        shift_deg: of the shift.
    """

    ct: str
    measure: str
    target: int
    share: float
    loss: float
    loss_at_target: float
    turn_deg: float
    shift_deg: float

    def to_json(self) -> dict[str, object]:
        """All fields."""
        return asdict(self)


def capture_trials(
    study: StudyCt,
    network: XrayDeepNet,
    kind: XrayTarget,
    targets: int,
    starts: int,
    seed: int,
    advance: Callable[[float], None] = lambda fraction: None,
) -> list[CaptureTrial]:
    """Measures one CT.

    Args:
        study: the CT.
        network: DeepNet in evaluation mode.
        kind: what the radiographs are.
        targets: true poses.
        starts: start poses around each of them at each distance.
        seed: of the poses.
        advance: told the fraction done; raises to stop.
    """
    generator = torch.Generator().manual_seed(seed)
    anatomy = prepare_anatomy(study.ct, study.labels, (), torch.device("cpu"))
    about = np.eye(4)
    about[:3, 3] = study.middle_ras
    middle = torch.from_numpy(study.middle_ras)
    poses = random_poses(targets, XrayPoseSettings(), generator)
    trials = []
    for number, pose in enumerate(poses):
        advance(number / targets)
        around = torch.cat(
            [
                pose[None],
                *(
                    poses_around(pose.expand(starts, 4, 4), TURN_DEG * share, SHIFT_MM * share, generator)
                    for share in SHARES
                ),
            ]
        )
        # both turn about the middle of the bones: the isocentre of the paper's C-arm
        here = torch.from_numpy(about)
        around = here @ around @ torch.linalg.inv(here)
        true = around[:1]
        radiographs = radiographs_of(study, kind, true[0].numpy(), seed + number)
        wanted = geodesic_gradient(around[1:], true, middle)
        for name, measure in _measures(
            network, anatomy.bone, radiographs, true[0].numpy(), study.middle_ras
        ).items():
            losses, gradients = measure(around)
            gradients = gradients[1:].double()
            turns, shifts = (
                torch.rad2deg(angle_between(gradients[:, part], wanted[:, part]))
                for part in (slice(0, 3), slice(3, 6))
            )
            trials += [
                CaptureTrial(
                    study.name,
                    name,
                    number,
                    SHARES[index // starts],
                    float(losses[1 + index]),
                    float(losses[0]),
                    float(turns[index]),
                    float(shifts[index]),
                )
                for index in range(len(wanted))
            ]
    return trials


def _measures(
    network: XrayDeepNet,
    bone: Volume,
    radiographs: Sequence[Radiograph],
    start: np.ndarray,
    centre_ras: np.ndarray,
) -> dict[str, LossAndGradient]:
    # the network looks where the isocentre is, not where the true pose would put the bones
    isocentre = np.eye(4)
    prepared = LearnedSimilarity(network).prepare(bone, radiographs, isocentre, centre_ras)

    def learned(poses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = prepared.loss_and_gradient(poses)
        return found.value, found.gradient

    def classic(make: Callable[[torch.Tensor, torch.Tensor], RadiographMeasure]) -> LossAndGradient:
        level = make_level((bone,), radiographs, _PIXELS, isocentre, centre_ras, make)

        def measured(poses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            where = torch.eye(4, dtype=torch.float64).repeat(len(poses), 1, 1)
            where[:, :3, 3] = poses[:, :3, :3] @ torch.from_numpy(centre_ras) + poses[:, :3, 3]
            loss, gradient = 0.0, 0.0
            for view in level.views:
                images, tangents = project_with_tangents(
                    level.values, level.geometry, view.camera, poses, level.projection, where
                )
                fit = view.measure.fit(images, tangents)
                loss, gradient = loss - fit.similarity, gradient - 2 * fit.gradient
            return loss, gradient

        return measured

    return {
        NETWORK: learned,
        CORRELATION: classic(radiograph_correlation),
        GRADIENT_CORRELATION: classic(gradient_correlation),
    }
