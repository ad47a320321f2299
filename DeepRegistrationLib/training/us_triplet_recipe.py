"""The triplet paper's network with its protocol: one angle for all frames, or several angles mixed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.us_paper_triplets import PaperTriplets, paper_triplets
from DeepRegistrationLib.data.us_subjects import UltrasoundSubjects, load_ultrasound_subjects
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.losses.rotation_losses import geodesic_loss
from DeepRegistrationLib.networks.us_triplet_net import TripletEstimate, UsTripletNet
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings

_SOURCE_SIZE = 128


@dataclass(frozen=True)
class UsTripletRecipe:
    """Training of the paper's network.

    The paper has two rates (2e-4 and 2e-5), two sizes (128 x 64 and 64 x 32), and one angle per training
    (1, 3 or 5 degrees) or all three mixed. Its loss is not told; ours is the geodesic distance.

    Attributes:
        training: how it is trained; L1 as in the paper.
        angles_deg: theta; one, or several that are mixed [degrees].
        columns: of the input.
        rows: of the input.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=1500,
            steps_per_epoch=250,
            batch_size=18,
            draw_size=18,
            learning_rate=2e-5,
            warm_up_steps=20,
            weight_decay=0.0,
            l1=1e-7,
            average_decay=0.98,
            precision="32-true",
        )
    )
    angles_deg: tuple[float, ...] = (1.0, 3.0, 5.0)
    columns: int = 64
    rows: int = 32

    def network(self) -> UsTripletNet:
        """A new network."""
        return UsTripletNet()

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `UsTripletNet`: none."""
        return {}

    def load(self, data: Path, device: torch.device) -> UltrasoundSubjects:
        """Frames under the folder `data` (`data/us_split.py`)."""
        return load_ultrasound_subjects(data, _SOURCE_SIZE, device)

    def draw(self, data: UltrasoundSubjects, count: int, generator: torch.Generator) -> PaperTriplets:
        """Turned copies of training frames."""
        chosen = data.train.drawn(count, generator)
        return paper_triplets(data.train, chosen, self.angles_deg, (self.columns, self.rows), generator)

    def loss(self, network: Callable, batch: PaperTriplets, epoch: int) -> Loss:
        """Geodesic distance of both rotations."""
        estimate: TripletEstimate = network(batch.frames)
        value = geodesic_loss(estimate.rotation, _about_z(batch.angle))
        return Loss(value, {"angle [deg]": value.detach().rad2deg()})

    def validate(
        self, network: Callable, data: UltrasoundSubjects, generator: torch.Generator
    ) -> dict[str, float]:
        """The paper's figure on subjects that are not trained on."""
        chosen = torch.arange(len(data.validation), device=generator.device)
        chosen = chosen.repeat_interleave(len(self.angles_deg))
        size = (self.columns, self.rows)
        batch = paper_triplets(data.validation, chosen, self.angles_deg, size, generator, vary=0.0)
        estimate: TripletEstimate = network(batch.frames)
        error = estimate.euler[..., 2] - batch.angle
        return {
            "mean error [% of the angle]": 100 * (error / batch.angle).abs().mean().item(),
            "mean angle [deg]": error.abs().rad2deg().mean().item(),
        }


def _about_z(angle: torch.Tensor) -> torch.Tensor:
    flat = angle.flatten()
    zero = torch.zeros_like(flat)
    return matrix_from_rotation_vector(torch.stack([zero, zero, flat], -1))
