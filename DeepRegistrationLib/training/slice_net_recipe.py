"""Slice net: where a single slice was cut, up to its mirror image."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.random_contrast import ContrastSettings
from DeepRegistrationLib.data.random_poses import half_space_slices
from DeepRegistrationLib.data.slice_synthesis import SliceSynthesis, synthesize_slices
from DeepRegistrationLib.data.subjects import SubjectCubes
from DeepRegistrationLib.losses.slice_loss import nearer_twin, slice_loss
from DeepRegistrationLib.networks.rotation_heads import RotationHead
from DeepRegistrationLib.networks.slice_net import CENTRE_POSITION, SliceNet
from DeepRegistrationLib.training.angles import angle_figures, mean_angle_deg
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings
from DeepRegistrationLib.workflows.atlas_subjects import AtlasSubjects, load_atlas_subjects

_VALIDATION_SAMPLES = 512


@dataclass(frozen=True, eq=False)
class SliceBatch:
    """B slices (B, 1, n, n), rotations (B, 3, 3), slice from atlas, and offsets (B,) [brain radii]."""

    slices: torch.Tensor
    rotation: torch.Tensor
    offset: torch.Tensor


@dataclass(frozen=True)
class SliceNetRecipe:
    """Training of the slice net.

    Attributes:
        training: how it is trained.
        slice_size: pixels n along each edge.
        width: channels of the first layer.
        head: form of the rotation.
        twins: whether a slice may be taken for its mirror image (`geometry/slice_mirror.py`); the paper
            trains on one of the two only.
        position_weight: lambda of the paper's loss, for positions in brain radii.
        middle: share of the brain that slices are taken from.
        semi_axes: of an ellipsoid like the brain [brain radii].
        synthesis: how slices vary.
    """

    training: TrainingSettings = field(default_factory=lambda: TrainingSettings(batch_size=128, draw_size=64))
    slice_size: int = 64
    width: int = 32
    head: RotationHead = RotationHead.SIX_D
    twins: bool = True
    position_weight: float = 2.0
    middle: float = 0.7
    semi_axes: tuple[float, float, float] = (0.9, 1.15, 0.95)
    synthesis: SliceSynthesis = field(
        default_factory=lambda: SliceSynthesis(contrast=ContrastSettings(remapped=0.15, from_tissues=0.25))
    )

    def network(self) -> SliceNet:
        """A new slice net."""
        return SliceNet(self.head, self.width)

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `SliceNet`."""
        return {"head": str(self.head), "width": self.width}

    def load(self, data: Path, device: torch.device) -> AtlasSubjects:
        """The weeks of the atlas in the folder `data`."""
        return load_atlas_subjects(data, device, own_frame=False)

    def draw(self, data: AtlasSubjects, count: int, generator: torch.Generator) -> SliceBatch:
        """Slices of the training weeks."""
        return self._draw(data.train, count, generator)

    def loss(self, network: Callable, batch: SliceBatch, epoch: int) -> Loss:
        """Angle plus weighted error of the position, to the slice or to its twin."""
        pose = network(batch.slices)
        offset = (pose.position - CENTRE_POSITION) / CENTRE_POSITION
        value = slice_loss(
            pose.rotation, offset, batch.rotation, batch.offset, self.position_weight, self.twins
        )
        rotation, true_offset = nearer_twin(pose.rotation.matrix, batch.rotation, batch.offset)
        figures = {
            "angle [deg]": mean_angle_deg(pose.rotation, rotation),
            "offset [radii]": (offset.detach() - true_offset).abs().mean(),
        }
        return Loss(value, figures)

    def validate(
        self, network: Callable, data: AtlasSubjects, generator: torch.Generator
    ) -> dict[str, float]:
        """Errors on an unseen week; of each slice and its twin the nearer one counts."""
        batch = self._draw(data.validation, _VALIDATION_SAMPLES, generator)
        pose = network(batch.slices)
        rotation, true_offset = nearer_twin(pose.rotation.matrix, batch.rotation, batch.offset)
        offset = (pose.position - CENTRE_POSITION) / CENTRE_POSITION
        return {
            **angle_figures(pose.rotation, rotation),
            "mean offset [radii]": (offset - true_offset).abs().mean().item(),
        }

    def _draw(self, subjects: SubjectCubes, count: int, generator: torch.Generator) -> SliceBatch:
        device = generator.device
        groups = count // self.synthesis.slices_per_brain
        chosen = torch.randint(len(subjects), (groups,), generator=generator, device=device)
        semi_axes = torch.tensor(self.semi_axes, device=device)
        poses = half_space_slices(count, semi_axes, self.middle, generator)
        slices = synthesize_slices(subjects, chosen, poses, self.slice_size, self.synthesis, generator)
        return SliceBatch(slices, poses.rotation, poses.offset)
