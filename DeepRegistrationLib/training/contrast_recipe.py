"""Contrast transfer T1 to T2, trained on pairs: pix2pix.

Of the weights those whose names begin with `generator.` enter the catalogue.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.contrast_pairs import ContrastPairs, PairSettings, draw_pairs
from DeepRegistrationLib.data.contrast_volume import ContrastVolume, load_contrast_volumes
from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.losses.adversarial_loss import (
    AdversarialForm,
    discriminator_loss,
    paired_generator_loss,
)
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.networks.patch_discriminator import PatchDiscriminator
from DeepRegistrationLib.training.adversarial_networks import PairedContrast, PairedOutput
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings

VALIDATION_SAMPLES = 96


@dataclass(frozen=True, eq=False)
class ContrastData:
    """Brains to train on and brains to choose by."""

    train: tuple[ContrastVolume, ...]
    validation: tuple[ContrastVolume, ...]


@dataclass(frozen=True)
class ContrastRecipe:
    """Training of the generator on pairs.

    Attributes:
        training: how it is trained.
        width: channels of the generator's first layer.
        depth: how often the generator halves a slice.
        dropout: of the generator during training; the paper's noise.
        discriminator_width: channels of the discriminator's first layer.
        inner_layers: of the discriminator; 1, 2 or 3 for patches of 16, 34 or 70 pixels.
        form: of the adversarial loss.
        l1_weight: lambda of the paper's loss.
        synthesis: how slices vary.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=6000,
            batch_size=16,
            draw_size=16,
            learning_rate=1.5e-3,
            gradient_clip=300.0,
            average_decay=0.995,
        )
    )
    width: int = 24
    depth: int = 5
    dropout: float = 0.0
    discriminator_width: int = 16
    inner_layers: int = 1
    form: AdversarialForm = AdversarialForm.CROSS_ENTROPY
    l1_weight: float = 100.0
    synthesis: PairSettings = field(default_factory=PairSettings)

    def network(self) -> PairedContrast:
        """A new generator with its discriminator."""
        return PairedContrast(
            ContrastGenerator(self.width, self.depth, self.dropout),
            PatchDiscriminator(True, self.discriminator_width, self.inner_layers),
        )

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `ContrastGenerator`: the discriminator is not kept."""
        return {"width": self.width, "depth": self.depth, "dropout": self.dropout}

    def load(self, data: Path, device: torch.device) -> ContrastData:
        """The weeks of the atlas in the folder `data`."""
        return load_contrast_data(data, device)

    def draw(self, data: ContrastData, count: int, generator: torch.Generator) -> ContrastPairs:
        """Pairs of slices of training weeks."""
        return draw_pairs(data.train, count, generator, self.synthesis)

    def loss(self, network: Callable[[torch.Tensor], PairedOutput], batch: ContrastPairs, epoch: int) -> Loss:
        """Both sides of the paper's loss."""
        out = network(torch.cat([batch.t1, batch.t2, batch.mask], dim=1))
        wanted = paired_generator_loss(
            out.judgements, out.made, batch.t2, batch.mask, self.form, self.l1_weight
        )
        caught = discriminator_loss(out.judgements, self.form)
        figures = {"difference [%]": _difference_percent(out.made, batch), "discriminator": caught.detach()}
        return Loss(wanted + caught, figures)

    def validate(
        self,
        network: Callable[[torch.Tensor], PairedOutput],
        data: ContrastData,
        generator: torch.Generator,
    ) -> dict[str, float]:
        """How well the T2 of an unseen week is met."""
        pairs = draw_pairs(data.validation, VALIDATION_SAMPLES, generator, self.synthesis)
        return contrast_figures(network(torch.cat([pairs.t1, pairs.t2, pairs.mask], dim=1)).made, pairs)


def load_contrast_data(data: Path, device: torch.device) -> ContrastData:
    """Training and validation weeks of the atlas in a folder."""
    return ContrastData(
        *(load_contrast_volumes(data, split, device) for split in (Split.TRAIN, Split.VALIDATION))
    )


def contrast_figures(made: torch.Tensor, pairs: ContrastPairs) -> dict[str, float]:
    """Mean absolute difference and correlation between made and true T2, within the mask."""
    inside = pairs.mask > 0
    both = torch.stack([made[inside], pairs.t2[inside]])
    return {
        "difference [%]": _difference_percent(made, pairs).item(),
        "correlation": torch.corrcoef(both)[0, 1].item(),
    }


def _difference_percent(made: torch.Tensor, pairs: ContrastPairs) -> torch.Tensor:
    """Scalar [% of the intensity range], without gradient."""
    difference = (made.detach() - pairs.t2).abs().sum() / pairs.mask.sum().clamp(min=1)
    return 100 * difference / 2  # images reach from -1 to 1
