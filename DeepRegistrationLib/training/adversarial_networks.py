"""Generators with their discriminators: what adversarial recipes train, as one network with one optimizer.

One pass gives all that the losses of both sides need, and both sides take their step at once. Where a
generator is judged, the discriminator passes the gradient on and keeps none of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from DeepRegistrationLib.losses.adversarial_loss import Judgements
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.networks.patch_discriminator import PatchDiscriminator


@dataclass(frozen=True, eq=False)
class PairedOutput:
    """Output of `PairedContrast`.

    Attributes:
        made: (B, 1, n, n); the wanted contrast, -1 outside the mask.
        judgements: of the pairs.
    """

    made: torch.Tensor
    judgements: Judgements


@dataclass(frozen=True, eq=False)
class UnpairedOutput:
    """Output of `UnpairedContrast`; all slices are (B, 1, n, n), -1 outside their mask.

    Attributes:
        made: wanted contrast from the given one.
        given_again: given contrast from `made`.
        wanted_again: wanted contrast from what was made the other way round.
        given_kept: given contrast from the given one.
        wanted_kept: wanted contrast from the wanted one.
        wanted_judgements: of the wanted contrast.
        given_judgements: of the given contrast.
    """

    made: torch.Tensor
    given_again: torch.Tensor
    wanted_again: torch.Tensor
    given_kept: torch.Tensor
    wanted_kept: torch.Tensor
    wanted_judgements: Judgements
    given_judgements: Judgements


class PairedContrast(nn.Module):
    """One generator and one conditional discriminator.

    Args:
        generator: of the wanted contrast.
        discriminator: of pairs.
    """

    def __init__(self, generator: ContrastGenerator, discriminator: PatchDiscriminator) -> None:
        super().__init__()
        self.generator = generator
        self.discriminator = discriminator

    def forward(self, images: torch.Tensor) -> PairedOutput:
        """Translates and judges.

        Args:
            images: (B, 3, n, n); given contrast, wanted contrast, mask of the same slices.

        Returns:
            What was made and what the discriminator says of it.
        """
        given, wanted, mask = images.split(1, dim=1)
        made = _translated(self.generator, given, mask)
        return PairedOutput(made, _judgements(self.discriminator, made, mask, wanted, mask, given))


class UnpairedContrast(nn.Module):
    """A generator and an unconditional discriminator for each direction.

    Args:
        generator: of the wanted contrast.
        back: of the contrast that is given.
        discriminator: of the wanted contrast.
        back_discriminator: of the contrast that is given.
    """

    def __init__(
        self,
        generator: ContrastGenerator,
        back: ContrastGenerator,
        discriminator: PatchDiscriminator,
        back_discriminator: PatchDiscriminator,
    ) -> None:
        super().__init__()
        self.generator = generator
        self.back = back
        self.discriminator = discriminator
        self.back_discriminator = back_discriminator

    def forward(self, images: torch.Tensor) -> UnpairedOutput:
        """Translates both ways, back again, and judges.

        Args:
            images: (B, 4, n, n); given contrast and its mask, wanted contrast of other slices and its mask.

        Returns:
            All slices that the losses compare, and what the discriminators say.
        """
        given, given_mask, wanted, wanted_mask = images.split(1, dim=1)
        made = _translated(self.generator, given, given_mask)
        made_given = _translated(self.back, wanted, wanted_mask)
        return UnpairedOutput(
            made=made,
            given_again=_translated(self.back, made, given_mask),
            wanted_again=_translated(self.generator, made_given, wanted_mask),
            given_kept=_translated(self.back, given, given_mask),
            wanted_kept=_translated(self.generator, wanted, wanted_mask),
            wanted_judgements=_judgements(self.discriminator, made, given_mask, wanted, wanted_mask),
            given_judgements=_judgements(self.back_discriminator, made_given, wanted_mask, given, given_mask),
        )


def _translated(generator: ContrastGenerator, slices: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Output of a generator, -1 outside the mask; float32, because that is what it is compared in."""
    return (generator(slices).float() + 1) * mask - 1


def _judgements(
    discriminator: PatchDiscriminator,
    made: torch.Tensor,
    made_mask: torch.Tensor,
    true: torch.Tensor,
    true_mask: torch.Tensor,
    sources: torch.Tensor | None = None,
) -> Judgements:
    with _frozen(discriminator):
        for_generator = discriminator(made, sources)
    patches = for_generator.shape[-2:]
    return Judgements(
        for_generator=for_generator.float(),
        of_made=discriminator(made.detach(), sources).float(),
        of_true=discriminator(true, sources).float(),
        # a patch counts if there is brain in its middle
        made_counted=F.adaptive_max_pool2d(made_mask, patches),
        true_counted=F.adaptive_max_pool2d(true_mask, patches),
    )


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Within it, what a network computes has no gradient for its weights, but for its inputs."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trained:
            parameter.requires_grad_(True)
