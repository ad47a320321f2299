"""What the trainings of all biplanar networks share: patients, samples and the overlap that is watched."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch

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
from DeepRegistrationLib.losses.biplanar_loss import soft_dice
from DeepRegistrationLib.networks.biplanar_affine_net import AffineEstimate
from DeepRegistrationLib.networks.biplanar_views import LAPTOP, BiplanarSize, warp_volumes
from DeepRegistrationLib.training.recipe import TrainingSettings

TRAIN, VALIDATION = "train", "validation"
_VALIDATION_SAMPLES = 16


@dataclass(frozen=True, eq=False)
class BiplanarData:
    """Patients to train on and patients to choose by, of other source subjects."""

    train: BiplanarPatients
    validation: BiplanarPatients


@dataclass(frozen=True)
class BiplanarRecipe:
    """What the trainings share.

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
        folders = [data / name for name in (TRAIN, VALIDATION)]
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


def deformed_figures(
    batch: BiplanarBatch, affine: AffineEstimate, displacement: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Overlap with and without a displacement (1, K, J, I, 3), and where it folds."""
    field = DisplacementField(displacement[0].float(), batch.views().geometry)
    return {
        "Dice [%]": atlas_dice(batch, affine, displacement),
        "affine Dice [%]": atlas_dice(batch, affine, None),
        "folded [%]": 100 * (jacobian_determinant(field) <= 0).float().mean(),
    }


def atlas_dice(
    batch: BiplanarBatch, affine: AffineEstimate, displacement: torch.Tensor | None
) -> torch.Tensor:
    """Dice of the atlas's bone and the patient's, at half of a voxel [%]."""
    geometry = batch.views().geometry
    mask = warp_volumes(batch.atlas_mask, geometry, affine.atlas_from_patient, displacement)
    return mask_dice(mask, batch)


def mask_dice(mask: torch.Tensor, batch: BiplanarBatch) -> torch.Tensor:
    """Dice of bone (B, 1, K, J, I) and the patient's, both at half [%]."""
    return 100 * soft_dice((mask > 0.5).float(), (batch.mask > 0.5).float()).mean()
