"""The biplanar networks: the affine module alone, and both modules together as in the paper."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import nn

from DeepRegistrationLib.data.biplanar_synthesis import (
    BiplanarBatch,
    BiplanarPatients,
    BiplanarSynthesis,
    draw_batch,
    load_patients,
)
from DeepRegistrationLib.data.femur_folder import find_atlas, find_pairs
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.displacement import DisplacementField, jacobian_determinant
from DeepRegistrationLib.losses.biplanar_loss import smoothness, soft_dice, volume_correlation
from DeepRegistrationLib.networks.biplanar_affine_net import AffineEstimate, BiplanarAffineNet
from DeepRegistrationLib.networks.biplanar_net import BiplanarEstimate, BiplanarNet
from DeepRegistrationLib.networks.biplanar_views import LAPTOP, BiplanarSize, warp_volumes
from DeepRegistrationLib.training.recipe import Loss, TrainingSettings

_VALIDATION_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class BiplanarData:
    """Patients to train on and patients to choose by, of other source subjects."""

    train: BiplanarPatients
    validation: BiplanarPatients


@dataclass(frozen=True)
class _BiplanarRecipe:
    """What both trainings share.

    Attributes:
        training: how it is trained. The paper: Adam, rate 1e-5, batches of one, 300 epochs.
        size: of images, volumes and layers; the default runs on a laptop.
        synthesis: how samples vary.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(
            steps=30000, batch_size=2, draw_size=1, learning_rate=1e-4, weight_decay=0.0, average_decay=0.999
        )
    )
    size: BiplanarSize = LAPTOP
    synthesis: BiplanarSynthesis = field(default_factory=BiplanarSynthesis)

    def load(self, data: Path, device: torch.device) -> BiplanarData:
        """The folders `train` and `validation` of `data`, each a population; the atlas is that of `train`.

        Raises:
            InputError: a folder is missing or cannot be used.
        """
        folders = [data / name for name in ("train", "validation")]
        for folder in folders:
            if not folder.is_dir():
                raise InputError(
                    f"The folder '{folder}' is missing. Make it with `deepregistration population "
                    f"--data MESHES --split {folder.name} --output {folder}`, or put CTs with labels there."
                )
        atlas = find_atlas(folders[0])
        train, validation = (
            load_patients(find_pairs(folder), atlas, self.size, device) for folder in folders
        )
        return BiplanarData(train, validation)

    def draw(self, data: BiplanarData, count: int, generator: torch.Generator) -> BiplanarBatch:
        """Patients with their radiographs."""
        return self._sample(data.train, count, generator)

    def validate(self, network: Callable, data: BiplanarData, generator: torch.Generator) -> dict[str, float]:
        """Dice on subjects that are not trained on."""
        found: dict[str, list[float]] = {}
        for _ in range(_VALIDATION_SAMPLES):  # one after the other: memory as small as in training
            batch = self._sample(data.validation, 1, generator)
            for name, figure in self._figures(network, batch).items():
                found.setdefault(name, []).append(float(figure))
        return {name: sum(values) / len(values) for name, values in found.items()}

    def _sample(self, patients: BiplanarPatients, count: int, generator: torch.Generator) -> BiplanarBatch:
        return draw_batch(patients, count, self.size, self.synthesis, generator)

    @abstractmethod
    def _figures(self, network: Callable, batch: BiplanarBatch) -> dict[str, torch.Tensor]:
        """What is measured, by name with unit."""


@dataclass(frozen=True)
class BiplanarAffineRecipe(_BiplanarRecipe):
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
        return {"affine Dice [%]": _dice(batch, estimate, None)}


@dataclass(frozen=True)
class BiplanarNetRecipe(_BiplanarRecipe):
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
        return {"size": asdict(self.size), **self._switches()}

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
        field = DisplacementField(estimate.displacement[0].float(), batch.views().geometry)
        folded = (jacobian_determinant(field) <= 0).float().mean()
        return {
            "Dice [%]": _dice(batch, estimate.affine, estimate.displacement),
            "affine Dice [%]": _dice(batch, estimate.affine, None),
            "folded [%]": 100 * folded,
        }

    def _switches(self) -> dict[str, bool | int]:
        return {
            "together": self.together,
            "skips": self.skips,
            "one_decoder": self.one_decoder,
            "inverse_projection": self.inverse_projection,
            "squarings": self.squarings,
        }


def _dice(batch: BiplanarBatch, affine: AffineEstimate, displacement: torch.Tensor | None) -> torch.Tensor:
    """Dice of the atlas's bone and the patient's, at half of a voxel [%]."""
    geometry = batch.views().geometry
    mask = warp_volumes(batch.atlas_mask, geometry, affine.atlas_from_patient, displacement)
    return 100 * soft_dice((mask > 0.5).float(), (batch.mask > 0.5).float()).mean()
