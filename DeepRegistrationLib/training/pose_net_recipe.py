"""Pose-Net: any orientation, any contrast."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.data.volume_synthesis import VolumeSynthesis, synthesize_volumes
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.losses.pose_loss import TwoStageSchedule, pose_loss
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.networks.rotation_heads import RotationHead
from DeepRegistrationLib.networks.volume_encoders import VolumeEncoder
from DeepRegistrationLib.training.angles import angle_figures, mean_angle_deg
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings
from DeepRegistrationLib.workflows.atlas_subjects import AtlasSubjects, load_atlas_subjects

_VALIDATION_SAMPLES = 192


@dataclass(frozen=True, eq=False)
class PoseBatch:
    """B volumes (B, 1, n, n, n) with their rotations (B, 3, 3), subject from atlas."""

    volumes: torch.Tensor
    rotation: torch.Tensor


@dataclass(frozen=True)
class PoseNetRecipe:
    """Training of Pose-Net.

    Attributes:
        training: how it is trained.
        grid_size: voxels n along each edge.
        head: form of the rotation.
        encoder: layers.
        mse_epochs: epochs of the paper's first stage; the 6D head needs none.
        synthesis: how volumes vary.
    """

    training: TrainingSettings = field(default_factory=TrainingSettings)
    grid_size: int = 32
    head: RotationHead = RotationHead.SIX_D
    encoder: VolumeEncoder = VolumeEncoder.COMPACT
    mse_epochs: int = 0
    synthesis: VolumeSynthesis = field(default_factory=VolumeSynthesis)

    def network(self) -> PoseNet:
        """A new Pose-Net."""
        return PoseNet(self.grid_size, self.head, self.encoder)

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `PoseNet`."""
        return {"grid_size": self.grid_size, "head": str(self.head), "encoder": str(self.encoder)}

    def load(self, data: Path, device: torch.device) -> AtlasSubjects:
        """The weeks of the atlas in the folder `data`."""
        return load_atlas_subjects(data, device)

    def draw(self, data: AtlasSubjects, count: int, generator: torch.Generator) -> PoseBatch:
        """Training volumes in uniform orientations."""
        return self._draw(data.train, count, generator)

    def loss(self, network: Callable, batch: PoseBatch, epoch: int) -> Loss:
        """The paper's loss in two stages."""
        estimate = network(batch.volumes)
        stage = TwoStageSchedule(self.mse_epochs).loss_at(epoch)
        value = pose_loss(estimate, batch.rotation, stage)
        return Loss(value, {"angle [deg]": mean_angle_deg(estimate, batch.rotation)})

    def validate(
        self, network: Callable, data: AtlasSubjects, generator: torch.Generator
    ) -> dict[str, float]:
        """Angles on an unseen week, all contrasts."""
        batch = self._draw(data.validation, _VALIDATION_SAMPLES, generator)
        return angle_figures(network(batch.volumes), batch.rotation)

    def _draw(self, subjects: SubjectCubes, count: int, generator: torch.Generator) -> PoseBatch:
        device = generator.device
        groups = count // self.synthesis.samples_per_brain
        chosen = torch.randint(len(subjects), (groups,), generator=generator, device=device)
        rotation = uniform_random_rotations(count, generator, torch.float32)
        shift = self.synthesis.shift * torch.randn(count, 3, generator=generator, device=device)
        volumes = synthesize_volumes(
            subjects, chosen, rotation, shift, self.grid_size, self.synthesis, generator
        )
        return PoseBatch(volumes, rotation)

    def described(self) -> dict[str, object]:
        """Every setting, for the model card."""
        return asdict(self)
