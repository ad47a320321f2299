"""Correction-Net: what a first estimate left over."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.correction_synthesis import CorrectionSynthesis, synthesize_pairs
from DeepRegistrationLib.data.random_poses import small_rotations
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.losses.pose_loss import TwoStageSchedule, pose_loss
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.rotation_heads import RotationHead
from DeepRegistrationLib.networks.volume_encoders import VolumeEncoder
from DeepRegistrationLib.training.angles import angle_figures, mean_angle_deg
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings
from DeepRegistrationLib.workflows.atlas_subjects import AtlasSubjects, load_atlas_subjects

_VALIDATION_SAMPLES = 192


@dataclass(frozen=True, eq=False)
class CorrectionBatch:
    """B pairs (B, 2, n, n, n) with rotations (B, 3, 3) and shifts (B, 3) [brain radii], moving from atlas."""

    pairs: torch.Tensor
    rotation: torch.Tensor
    translation: torch.Tensor


@dataclass(frozen=True)
class CorrectionNetRecipe:
    """Training of Correction-Net.

    Attributes:
        training: how it is trained.
        grid_size: voxels n along each edge.
        head: form of the rotation.
        encoder: layers.
        mse_epochs: epochs of the paper's first stage.
        translation_weight: lambda of the paper's loss.
        synthesis: how pairs vary.
    """

    training: TrainingSettings = field(default_factory=TrainingSettings)
    grid_size: int = 32
    head: RotationHead = RotationHead.SIX_D
    encoder: VolumeEncoder = VolumeEncoder.COMPACT
    mse_epochs: int = 0
    translation_weight: float = 3.0
    synthesis: CorrectionSynthesis = field(default_factory=CorrectionSynthesis)

    def network(self) -> CorrectionNet:
        """A new Correction-Net."""
        return CorrectionNet(self.grid_size, self.head, self.encoder)

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `CorrectionNet`."""
        return {"grid_size": self.grid_size, "head": str(self.head), "encoder": str(self.encoder)}

    def load(self, data: Path, device: torch.device) -> AtlasSubjects:
        """The weeks of the atlas in the folder `data`."""
        return load_atlas_subjects(data, device)

    def draw(self, data: AtlasSubjects, count: int, generator: torch.Generator) -> CorrectionBatch:
        """Pairs of training weeks."""
        groups = count // self.synthesis.moving.samples_per_brain
        chosen = torch.randint(len(data.train), (groups,), generator=generator, device=generator.device)
        return self._draw(data.train, _whole(data.train), chosen, generator)

    def loss(self, network: Callable, batch: CorrectionBatch, epoch: int) -> Loss:
        """Rotation loss plus weighted error of the translation."""
        correction = network(batch.pairs)
        stage = TwoStageSchedule(self.mse_epochs).loss_at(epoch)
        value = pose_loss(
            correction.rotation,
            batch.rotation,
            stage,
            correction.translation,
            batch.translation,
            self.translation_weight,
        )
        shift = (correction.translation.detach() - batch.translation).norm(dim=1).mean()
        return Loss(
            value,
            {"angle [deg]": mean_angle_deg(correction.rotation, batch.rotation), "shift [radii]": shift},
        )

    def validate(
        self, network: Callable, data: AtlasSubjects, generator: torch.Generator
    ) -> dict[str, float]:
        """Errors of an unseen week against the training weeks as atlas."""
        groups = torch.arange(
            _VALIDATION_SAMPLES // self.synthesis.moving.samples_per_brain, device=generator.device
        )
        chosen = groups % len(data.validation)
        batch = self._draw(data.validation, _whole(data.train), chosen, generator)
        correction = network(batch.pairs)
        shift = (correction.translation - batch.translation).norm(dim=1)
        return {
            **angle_figures(correction.rotation, batch.rotation),
            "mean shift [radii]": shift.mean().item(),
        }

    def _draw(
        self,
        subjects: SubjectCubes,
        atlases: SubjectCubes,
        chosen: torch.Tensor,
        generator: torch.Generator,
    ) -> CorrectionBatch:
        count, device = len(chosen) * self.synthesis.moving.samples_per_brain, generator.device
        rotation = small_rotations(count, math.radians(self.synthesis.rotation_deg), generator)
        uniform = torch.rand(count, 3, generator=generator, device=device)
        shift = self.synthesis.translation * (2 * uniform - 1)
        pairs = synthesize_pairs(
            subjects, atlases, chosen, rotation, shift, self.grid_size, self.synthesis, generator
        )
        return CorrectionBatch(pairs.images, rotation, pairs.translation)


@functools.lru_cache(maxsize=4)
def _whole(subjects: SubjectCubes) -> SubjectCubes:
    """The brains that are whole: atlases are."""
    return subjects.taken([i for i, origin in enumerate(subjects.origin) if not origin.any()])
