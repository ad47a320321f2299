"""Loss of a pose, in the paper's two stages."""

from dataclasses import dataclass
from enum import StrEnum

import torch

from DeepRegistrationLib.geometry.rotations import rotation_vector_from_matrix
from DeepRegistrationLib.losses.rotation_losses import geodesic_loss, rotation_vector_mse
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate


class RotationLoss(StrEnum):
    """Which rotation loss is minimized."""

    MSE = "mse"
    GEODESIC = "geodesic"


@dataclass(frozen=True)
class TwoStageSchedule:
    """First the error of the vectors, which narrows the search down, then the angle.

    Attributes:
        mse_epochs: epochs of the first stage; 0 uses the angle from the start.

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.5: ten epochs each.
    """

    mse_epochs: int = 10

    def loss_at(self, epoch: int) -> RotationLoss:
        """The loss of an epoch, counted from 0."""
        return RotationLoss.MSE if epoch < self.mse_epochs else RotationLoss.GEODESIC


def pose_loss(
    estimate: RotationEstimate,
    true_matrix: torch.Tensor,
    rotation_loss: RotationLoss,
    translation: torch.Tensor | None = None,
    true_translation: torch.Tensor | None = None,
    translation_weight: float = 1.0,
) -> torch.Tensor:
    """Rotation loss plus weighted mean squared error of the translation.

    Args:
        estimate: B rotations.
        true_matrix: (B, 3, 3).
        rotation_loss: which one.
        translation: (B, T) estimated translation or slice number; None for rotations only.
        true_translation: (B, T), in the same unit.
        translation_weight: lambda.

    Returns:
        Scalar.

    Raises:
        ValueError: one translation without the other, or of another shape.

    Source: Mohseni Salehi et al., arXiv:1803.05982, equation 5.
    """
    if rotation_loss == RotationLoss.MSE:
        loss = rotation_vector_mse(estimate, rotation_vector_from_matrix(true_matrix))
    else:
        loss = geodesic_loss(estimate, true_matrix)
    if translation is None and true_translation is None:
        return loss
    if translation is None or true_translation is None or translation.shape != true_translation.shape:
        shapes = [None if given is None else tuple(given.shape) for given in (translation, true_translation)]
        raise ValueError(f"estimated and true translations must have one shape, got {shapes}")
    return loss + translation_weight * (translation - true_translation).square().mean()
