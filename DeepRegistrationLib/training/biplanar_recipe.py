"""The biplanar networks: the affine module alone, and both modules together as in the paper."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import torch
from torch import nn

from DeepRegistrationLib.data.biplanar_synthesis import BiplanarBatch
from DeepRegistrationLib.losses.biplanar_loss import smoothness, soft_dice, volume_correlation
from DeepRegistrationLib.networks.biplanar_affine_net import AffineEstimate, BiplanarAffineNet
from DeepRegistrationLib.networks.biplanar_net import BiplanarEstimate, BiplanarNet
from DeepRegistrationLib.networks.biplanar_views import warp_volumes
from DeepRegistrationLib.training.biplanar_samples import BiplanarRecipe, atlas_dice, deformed_figures
from DeepRegistrationLib.training.recipe import Loss


@dataclass(frozen=True)
class BiplanarAffineRecipe(BiplanarRecipe):
    """Training of the affine module alone; faster than both together, and a start for them.

    Attributes:
        together: see `BiplanarAffineNet`.
    """

    together: bool = True

    def network(self) -> nn.Module:
        """A new affine module."""
        return BiplanarAffineNet(self.size, self.together)

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `BiplanarAffineNet`."""
        return {"size": asdict(self.size), "together": self.together}

    def loss(self, network: Callable, batch: BiplanarBatch, epoch: int) -> Loss:
        """Correlation of the atlas after the map with the patient."""
        estimate: AffineEstimate = network(batch.radiographs, batch.atlas, batch.views())
        warped = warp_volumes(batch.atlas, batch.views().geometry, estimate.atlas_from_patient)
        correlation = volume_correlation(warped, batch.target).mean()
        return Loss(-correlation, {"correlation": correlation.detach()})

    def _figures(self, network: Callable, batch: BiplanarBatch) -> dict[str, torch.Tensor]:
        estimate: AffineEstimate = network(batch.radiographs, batch.atlas, batch.views())
        return {"affine Dice [%]": atlas_dice(batch, estimate, None)}


@dataclass(frozen=True)
class BiplanarNetRecipe(BiplanarRecipe):
    """Training of both modules together.

    Attributes:
        together: see `BiplanarNet`, as the following four.
        skips: connect encoders and decoders.
        one_decoder: one decoder for both views.
        inverse_projection: bring the features into the patient's space.
        squarings: of the integration.
        smoothness_weight: delta of the paper.
        dice_weight: of the overlap of the masks; 0 in the paper.
        projection_weight: of the correlation of the projected result with the radiographs; 0 in the paper.
    """

    together: bool = True
    skips: bool = True
    one_decoder: bool = False
    inverse_projection: bool = True
    squarings: int = 6
    smoothness_weight: float = 0.01
    dice_weight: float = 0.0
    projection_weight: float = 0.0

    def network(self) -> nn.Module:
        """A new network."""
        return BiplanarNet(self.size, **self._switches())

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `BiplanarNet`."""
        return {"size": asdict(self.size), **self._switches(), "view_deg": self.synthesis.view_deg}

    def loss(self, network: Callable, batch: BiplanarBatch, epoch: int) -> Loss:
        """Loss of the paper, and the terms that have a weight.

        Source: Van Houtte et al., 2022, section on semi-supervised learning.
        """
        views = batch.views()
        estimate: BiplanarEstimate = network(batch.radiographs, batch.atlas, views)
        affine = volume_correlation(estimate.after_affine, batch.target).mean()
        whole = volume_correlation(estimate.warped, batch.target).mean()
        bent = smoothness(estimate.displacement, views.geometry).mean()
        value = -affine - whole + self.smoothness_weight * bent
        figures = {"correlation": whole.detach(), "affine correlation": affine.detach()}
        if self.dice_weight:
            mask = warp_volumes(
                batch.atlas_mask, views.geometry, estimate.affine.atlas_from_patient, estimate.displacement
            )
            value = value - self.dice_weight * soft_dice(mask, batch.mask).mean()
        if self.projection_weight:
            images = torch.cat(views.project(estimate.warped), 1)
            value = value - self.projection_weight * volume_correlation(images, batch.radiographs).mean()
        return Loss(value, figures)

    def _figures(self, network: Callable, batch: BiplanarBatch) -> dict[str, torch.Tensor]:
        estimate: BiplanarEstimate = network(batch.radiographs, batch.atlas, batch.views())
        return deformed_figures(batch, estimate.affine, estimate.displacement)

    def _switches(self) -> dict[str, bool | int]:
        return {
            "together": self.together,
            "skips": self.skips,
            "one_decoder": self.one_decoder,
            "inverse_projection": self.inverse_projection,
            "squarings": self.squarings,
        }
