"""Affine module of the biplanar registration: seven numbers from two pairs of radiographs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.networks.biplanar_encoders import PairEncoder
from DeepRegistrationLib.networks.biplanar_views import LAPTOP, BiplanarSize, BiplanarViews, biplanar_size

_TURN, _SHIFT_MM, _SIZE = 0.1, 5.0, 0.1
"""What an output of 1 means [rad, mm, logarithm]. Small, because the last layer sums thousands of features:
with larger units the first steps of a training throw the atlas out of the volume, and nothing leads back."""
_NARROW = 1e-3
"""Standard deviation of the first weights of the last layer: a new network answers almost the identity."""


@dataclass(frozen=True, eq=False)
class AffineEstimate:
    """Similarity maps of B patients.

    Attributes:
        numbers: (B, 7); rotation vector [0.1 rad], shift [5 mm], logarithm of the size [0.1].
        atlas_from_patient: (B, 4, 4); about the middle of the grid [mm, RAS], float64.
    """

    numbers: torch.Tensor
    atlas_from_patient: torch.Tensor


class BiplanarAffineNet(nn.Module):
    """Regresses a similarity map.

    | layer | output for the paper's size |
    |---|---|
    | projections of the atlas, each beside its radiograph | 2 views of 2 x 224 x 160 |
    | `PairEncoder`, 5 levels | 256 x 7 x 5 |
    | fully connected | 7 |

    Source: Van Houtte et al., 2022, affine registration module.

    Args:
        size: of images and layers.
        together: combine the views at each level; without it only at the end (ablation of the paper).
    """

    def __init__(
        self, size: BiplanarSize | Mapping[str, Sequence[float]] = LAPTOP, together: bool = True
    ) -> None:
        super().__init__()
        size = biplanar_size(size)
        self.size = size
        self.encoder = PairEncoder(size.encoder, together)
        self.numbers = connected_layer(size, 7)

    def forward(self, radiographs: torch.Tensor, atlas: torch.Tensor, views: BiplanarViews) -> AffineEstimate:
        """Estimates maps.

        Args:
            radiographs: (B, 2, rows, columns); line integrals of attenuation, masked to the bone.
            atlas: (B or 1, 1, K, J, I); attenuation [1/mm], masked to the bone.
            views: grid and cameras.
        """
        return self.regress(*views.pairs(atlas, radiographs), views)

    def regress(self, first: torch.Tensor, second: torch.Tensor, views: BiplanarViews) -> AffineEstimate:
        """The same from the pairs of `BiplanarViews.pairs`."""
        features = self.encoder(first, second)[-1]
        with torch.autocast(features.device.type, enabled=False):  # few digits would round angles
            numbers = self.numbers(features.float().flatten(1))
        return AffineEstimate(numbers, similarity_matrix(numbers, views))


def connected_layer(size: BiplanarSize, outputs: int) -> nn.Linear:
    """Last layer, behind the flattened features of an encoder; answers almost zero at first."""
    parts = 2 ** len(size.encoder)
    rows, columns = (n // parts for n in size.image_shape_px)
    layer = nn.Linear(size.encoder[-1] * rows * columns, outputs)
    nn.init.normal_(layer.weight, std=_NARROW)
    nn.init.zeros_(layer.bias)
    return layer


def similarity_matrix(numbers: torch.Tensor, views: BiplanarViews) -> torch.Tensor:
    """(B, 4, 4) float64; similarity maps about the middle of the grid, from (B, 7)."""
    numbers = numbers.double()
    centre = torch.from_numpy(views.geometry.centre_ras).to(numbers.device)
    linear = (
        matrix_from_rotation_vector(_TURN * numbers[:, :3]) * (_SIZE * numbers[:, 6]).exp()[:, None, None]
    )
    shift = centre - linear @ centre + _SHIFT_MM * numbers[:, 3:6]
    top = torch.cat([linear, shift[..., None]], -1)
    bottom = torch.tensor([0.0, 0, 0, 1], dtype=top.dtype, device=top.device).expand(len(top), 1, 4)
    return torch.cat([top, bottom], 1)
