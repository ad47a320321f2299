"""Contrast transfer T1 to T2 without pairs: cycle-consistent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from DeepRegistrationLib.data.contrast_pairs import PairSettings, draw_pairs
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.losses.adversarial_loss import AdversarialForm, deception_loss, discriminator_loss
from DeepRegistrationLib.losses.cycle_loss import cycle_loss, identity_loss, unpaired_generator_loss
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.networks.patch_discriminator import PatchDiscriminator
from DeepRegistrationLib.training.adversarial_networks import UnpairedContrast, UnpairedOutput
from DeepRegistrationLib.training.contrast_recipe import (
    VALIDATION_SAMPLES,
    ContrastData,
    contrast_figures,
    load_contrast_data,
)
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings


@dataclass(frozen=True, eq=False)
class UnpairedSlices:
    """B slices (B, 1, n, n) of each contrast with their masks; T1 and T2 are of different brains."""

    t1: torch.Tensor
    t1_mask: torch.Tensor
    t2: torch.Tensor
    t2_mask: torch.Tensor


@dataclass(frozen=True)
class ContrastUnpairedRecipe:
    """Training of the generator without pairs: every second week gives T1 slices, the others give T2 slices.

    Attributes:
        training: how it is trained.
        width: channels of the generators' first layer.
        depth: how often the generators halve a slice.
        discriminator_width: channels of the discriminators' first layer.
        inner_layers: of the discriminators; 1, 2 or 3 for patches of 16, 34 or 70 pixels.
        form: of the adversarial loss.
        cycle_weight: lambda of the paper's loss.
        identity_share: weight of the identity relative to lambda.
        synthesis: how slices vary.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=12000,
            batch_size=16,
            draw_size=16,
            learning_rate=5e-4,
            gradient_clip=20.0,
            average_decay=0.995,
        )
    )
    width: int = 24
    depth: int = 3
    discriminator_width: int = 16
    inner_layers: int = 2
    form: AdversarialForm = AdversarialForm.LEAST_SQUARES
    cycle_weight: float = 10.0
    identity_share: float = 0.5
    synthesis: PairSettings = field(default_factory=PairSettings)

    def network(self) -> UnpairedContrast:
        """New generators with their discriminators."""
        return UnpairedContrast(
            ContrastGenerator(self.width, self.depth),
            ContrastGenerator(self.width, self.depth),
            PatchDiscriminator(False, self.discriminator_width, self.inner_layers),
            PatchDiscriminator(False, self.discriminator_width, self.inner_layers),
        )

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `ContrastGenerator`: the generator back and the discriminators are not kept."""
        return {"width": self.width, "depth": self.depth}

    def load(self, data: Path, device: torch.device) -> ContrastData:
        """The weeks of the atlas in the folder `data`.

        Raises:
            InputError: no atlas there, or not two weeks to train on.
        """
        loaded = load_contrast_data(data, device)
        if len(loaded.train) < 2:
            raise InputError(
                f"The atlas folder '{data}' has {len(loaded.train)} week to train on. Without pairs, T1 and "
                "T2 come from different weeks: choose a folder with the weeks 21 to 37."
            )
        return loaded

    def draw(self, data: ContrastData, count: int, generator: torch.Generator) -> UnpairedSlices:
        """Slices of training weeks."""
        first = draw_pairs(data.train[::2], count, generator, self.synthesis)
        second = draw_pairs(data.train[1::2], count, generator, self.synthesis)
        return UnpairedSlices(first.t1, first.mask, second.t2, second.mask)

    def loss(
        self, network: Callable[[torch.Tensor], UnpairedOutput], batch: UnpairedSlices, epoch: int
    ) -> Loss:
        """Both sides of the paper's loss, in both directions, with identity."""
        out = network(torch.cat([batch.t1, batch.t1_mask, batch.t2, batch.t2_mask], dim=1))
        cycle = cycle_loss(batch.t1, out.given_again, batch.t2, out.wanted_again)
        identity = identity_loss(batch.t1, out.given_kept, batch.t2, out.wanted_kept)
        both = (out.wanted_judgements, out.given_judgements)
        adversarial = sum(deception_loss(judged, self.form) for judged in both)
        caught = sum(discriminator_loss(judged, self.form) for judged in both)
        value = unpaired_generator_loss(adversarial, cycle, identity, self.cycle_weight, self.identity_share)
        return Loss(value + caught, {"cycle": cycle.detach(), "discriminators": caught.detach()})

    def validate(
        self,
        network: Callable[[torch.Tensor], UnpairedOutput],
        data: ContrastData,
        generator: torch.Generator,
    ) -> dict[str, float]:
        """How well the T2 of an unseen week is met; here the pairs are known."""
        pairs = draw_pairs(data.validation, VALIDATION_SAMPLES, generator, self.synthesis)
        images = torch.cat([pairs.t1, pairs.mask, pairs.t2, pairs.mask], dim=1)
        return contrast_figures(network(images).made, pairs)
