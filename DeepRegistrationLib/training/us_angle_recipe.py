"""The compact angle network: continuous, unequal angles with shifts, speckle and changes of gain."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.us_subjects import FrameSet, UltrasoundSubjects, load_ultrasound_subjects
from DeepRegistrationLib.data.us_synthesis import Triplets, TripletSynthesis, synthesize_triplets
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.images.us_texture import locally_normalized
from DeepRegistrationLib.losses.rotation_losses import geodesic_loss
from DeepRegistrationLib.networks.us_angle_net import SIZE, InPlaneEstimate, UsAngleNet
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings

_SOURCE_SIZE = 128
_VALIDATION_TRIPLETS = 192


@dataclass(frozen=True, eq=False)
class AngleBatch:
    """P pairs (P, 2, n, n) with angle (P,) [rad] and shift (P, 2) [edges] of the first frame."""

    pairs: torch.Tensor
    angle: torch.Tensor
    shift: torch.Tensor


@dataclass(frozen=True)
class UsAngleRecipe:
    """Training of the compact network.

    Attributes:
        training: how it is trained; the batch size counts triplets, of two pairs each.
        width: of the network.
        shift_weight: of the error of the shift [rad per edge of the image].
        synthesis: how triplets vary.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(steps=12000, batch_size=32, learning_rate=2e-3)
    )
    width: int = 32
    shift_weight: float = 1.0
    synthesis: TripletSynthesis = field(default_factory=TripletSynthesis)

    def network(self) -> UsAngleNet:
        """A new network."""
        return UsAngleNet(self.width)

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `UsAngleNet`."""
        return {"width": self.width}

    def load(self, data: Path, device: torch.device) -> UltrasoundSubjects:
        """Frames under the folder `data` (`data/us_split.py`)."""
        return load_ultrasound_subjects(data, _SOURCE_SIZE, device)

    def draw(self, data: UltrasoundSubjects, count: int, generator: torch.Generator) -> AngleBatch:
        """Pairs of new triplets."""
        return self._draw(data.train, count, generator)

    def loss(self, network: Callable, batch: AngleBatch, epoch: int) -> Loss:
        """Geodesic distance of the rotations, and distance of the shifts."""
        estimate: InPlaneEstimate = network(batch.pairs)
        turned = geodesic_loss(estimate.rotation, _about_normal(batch.angle))
        moved = (estimate.shift - batch.shift).norm(dim=1).mean()
        value = turned + self.shift_weight * moved
        return Loss(value, {"angle [deg]": turned.detach().rad2deg(), "shift [edges]": moved.detach()})

    def validate(
        self, network: Callable, data: UltrasoundSubjects, generator: torch.Generator
    ) -> dict[str, float]:
        """Errors on subjects that are not trained on."""
        batch = self._draw(data.validation, _VALIDATION_TRIPLETS, generator)
        estimate: InPlaneEstimate = network(batch.pairs)
        error = (estimate.angle - batch.angle).abs().rad2deg()
        return {
            "mean angle [deg]": error.mean().item(),
            "median angle [deg]": error.median().item(),
            "95 % of angles below [deg]": error.quantile(0.95).item(),
            "mean shift [edges]": (estimate.shift - batch.shift).norm(dim=1).mean().item(),
        }

    def _draw(self, frames: FrameSet, count: int, generator: torch.Generator) -> AngleBatch:
        chosen = frames.drawn(count, generator)
        return pairs_of(synthesize_triplets(frames, chosen, SIZE, self.synthesis, generator))


def pairs_of(triplets: Triplets) -> AngleBatch:
    """Both neighbours of the middle frame as pairs: (before, middle) of all triplets, then (after,
    middle).
    """
    normal = locally_normalized(triplets.frames, triplets.mask)
    before, after = normal[:, [0, 1]], normal[:, [2, 1]]
    return AngleBatch(
        torch.cat([before, after]),
        torch.cat([triplets.angle[:, 0], triplets.angle[:, 1]]),
        torch.cat([triplets.shift[:, 0], triplets.shift[:, 1]]),
    )


def _about_normal(angle: torch.Tensor) -> torch.Tensor:
    zero = torch.zeros_like(angle)
    return matrix_from_rotation_vector(torch.stack([zero, zero, angle], -1))
