"""The networks that the paper compares with: weights of a shape model, and the label map itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from DeepRegistrationLib.data.biplanar_atlas import prepare_atlas
from DeepRegistrationLib.data.biplanar_modes import control_geometry, displacement_modes
from DeepRegistrationLib.data.biplanar_shape_model import SHAPE_MODEL, read_shape_model
from DeepRegistrationLib.data.biplanar_synthesis import BiplanarBatch
from DeepRegistrationLib.data.femur_folder import find_atlas
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.losses.biplanar_loss import soft_dice, volume_correlation
from DeepRegistrationLib.networks.biplanar_label_net import BiplanarLabelNet
from DeepRegistrationLib.networks.biplanar_sdm_net import BiplanarSdmNet, SdmEstimate
from DeepRegistrationLib.networks.biplanar_views import warp_volumes
from DeepRegistrationLib.training.biplanar_samples import (
    TRAIN,
    BiplanarData,
    BiplanarRecipe,
    deformed_figures,
    mask_dice,
)
from DeepRegistrationLib.training.recipe import Loss


@dataclass(frozen=True, eq=False)
class SdmData(BiplanarData):
    """Patients, and the shape model of those that are trained on.

    Attributes:
        mean: (3, k, j, i); see `BiplanarSdmNet.set_model`, as `modes`.
        modes: (M, 3, k, j, i).
    """

    mean: torch.Tensor
    modes: torch.Tensor


@dataclass(frozen=True)
class BiplanarSdmRecipe(BiplanarRecipe):
    """Training of the network that regresses weights of modes.

    Attributes:
        modes: number of modes: 6 of proportions, then the largest of shape.
        control_shape_kji: control points over the grid.
        prior_weight: of the mean squared weight of the modes, each in its standard deviation.
    """

    modes: int = 26
    control_shape_kji: tuple[int, int, int] = (24, 16, 24)
    prior_weight: float = 0.01

    def network(self) -> nn.Module:
        """A new network; its modes are zero until `prepare`."""
        return BiplanarSdmNet(**self.network_settings())

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `BiplanarSdmNet`."""
        return {
            "size": asdict(self.size),
            "modes": self.modes,
            "control_shape_kji": tuple(self.control_shape_kji),
        }

    def load(self, data: Path, device: torch.device) -> SdmData:
        """Patients, and the model that was fitted to those of `train`.

        Raises:
            InputError: a folder or the model is missing or cannot be used.
        """
        patients = super().load(data, device)
        path = data / TRAIN / SHAPE_MODEL
        if not path.is_file():
            raise InputError(
                f"The shape model '{path}' is missing. Make it from the patients that are trained on with "
                f"`deepregistration shape-model --data {data / TRAIN}`."
            )
        centre_ras = prepare_atlas(*find_atlas(data / TRAIN).read()).centre_ras
        control = control_geometry(patients.train.geometry, self.control_shape_kji)
        mean, modes = displacement_modes(read_shape_model(path), control, centre_ras, self.modes)
        return SdmData(patients.train, patients.validation, mean.to(device), modes.to(device))

    def prepare(self, network: BiplanarSdmNet, data: SdmData) -> None:
        """Puts the modes into a new network."""
        network.set_model(data.mean, data.modes)

    def loss(self, network: Callable, batch: BiplanarBatch, epoch: int) -> Loss:
        """Correlations as of the paper's own network; instead of smoothness, how unusual the weights are.

        The paper does not say with which loss its comparison method was trained.
        """
        estimate: SdmEstimate = network(batch.radiographs, batch.atlas, batch.views())
        pose = estimate.affine.atlas_from_patient
        after_affine = warp_volumes(batch.atlas, batch.views().geometry, pose)
        affine = volume_correlation(after_affine, batch.target).mean()
        whole = volume_correlation(estimate.warped, batch.target).mean()
        value = -affine - whole + self.prior_weight * estimate.coefficients.square().mean()
        return Loss(value, {"correlation": whole.detach(), "affine correlation": affine.detach()})

    def _figures(self, network: Callable, batch: BiplanarBatch) -> dict[str, torch.Tensor]:
        estimate: SdmEstimate = network(batch.radiographs, batch.atlas, batch.views())
        return deformed_figures(batch, estimate.affine, estimate.displacement)


@dataclass(frozen=True)
class BiplanarLabelRecipe(BiplanarRecipe):
    """Training of the network that regresses the label map.

    Attributes:
        channels: of the levels of the U-net.
    """

    channels: tuple[int, ...] = (16, 32, 64, 128)

    def network(self) -> nn.Module:
        """A new network."""
        return BiplanarLabelNet(self.size, tuple(self.channels))

    def network_settings(self) -> Mapping[str, object]:
        """Arguments of `BiplanarLabelNet`."""
        return {"size": asdict(self.size), "channels": tuple(self.channels)}

    def loss(self, network: Callable, batch: BiplanarBatch, epoch: int) -> Loss:
        """Cross entropy and overlap, equally.

        Source: cross entropy as in Kasten et al., 2020; overlap added, because bone is a small part of the
        volume. The paper does not say with which loss its comparison method was trained.
        """
        logits = network(batch.radiographs, batch.views()).float()
        entropy = F.binary_cross_entropy_with_logits(logits, batch.mask)
        overlap = soft_dice(logits.sigmoid(), batch.mask).mean()
        return Loss(entropy - overlap, {"cross entropy": entropy.detach(), "soft Dice": overlap.detach()})

    def _figures(self, network: Callable, batch: BiplanarBatch) -> dict[str, torch.Tensor]:
        logits = network(batch.radiographs, batch.views())
        return {"Dice [%]": mask_dice(logits.float().sigmoid(), batch)}
