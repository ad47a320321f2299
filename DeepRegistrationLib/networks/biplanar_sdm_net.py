"""Comparison method: coefficients of a statistical deformation model instead of a free field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from DeepRegistrationLib.geometry.grid import index_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.networks.biplanar_affine_net import (
    AffineEstimate,
    connected_layer,
    similarity_matrix,
)
from DeepRegistrationLib.networks.biplanar_encoders import PairEncoder
from DeepRegistrationLib.networks.biplanar_views import (
    LAPTOP,
    BiplanarSize,
    BiplanarViews,
    biplanar_size,
    indices_after,
    warp_volumes,
)


@dataclass(frozen=True, eq=False)
class SdmEstimate:
    """Maps of B patients and the atlas after them.

    Attributes:
        affine: similarity part.
        coefficients: (B, M) in standard deviations.
        displacement: (B, K, J, I, 3) [mm, RAS].
        warped: (B, 1, K, J, I); atlas at T(x + u(x)).
    """

    affine: AffineEstimate
    coefficients: torch.Tensor
    displacement: torch.Tensor
    warped: torch.Tensor


class BiplanarSdmNet(nn.Module):
    """Regresses a similarity map and the weights of deformation modes.

    | layer | output for the paper's size |
    |---|---|
    | projections of the atlas, each beside its radiograph | 2 views of 2 x 224 x 160 |
    | `PairEncoder`, 5 levels | 256 x 7 x 5 |
    | fully connected | 7 + M |
    | mean and modes of the model at the control points, weighted (no weights to learn) | 3 x k x j x i |
    | linear interpolation where the similarity map sends each voxel | displacement at each voxel |

    Source: Van Houtte et al., 2022, first comparison method (B-spline statistical deformation model, its
        principal components regressed).

    Args:
        size: of images and layers.
        modes: number M of modes.
        control_shape_kji: control points of the model over the grid of the volumes.
    """

    def __init__(
        self,
        size: BiplanarSize | Mapping[str, Sequence[float]] = LAPTOP,
        modes: int = 20,
        control_shape_kji: tuple[int, int, int] = (24, 16, 24),
    ) -> None:
        super().__init__()
        size = biplanar_size(size)
        self.encoder = PairEncoder(size.encoder)
        self.numbers = connected_layer(size, 7 + modes)
        self.register_buffer("mean", torch.zeros(3, *control_shape_kji))
        self.register_buffer("modes", torch.zeros(modes, 3, *control_shape_kji))

    def set_model(self, mean: torch.Tensor, modes: torch.Tensor) -> None:
        """Takes a fitted model.

        Args:
            mean: (3, k, j, i); mean displacement of points of the atlas's frame, at the control points
                [mm, RAS].
            modes: (M, 3, k, j, i); displacement at one standard deviation of each mode [mm, RAS].

        Raises:
            ValueError: another size.
        """
        if mean.shape != self.mean.shape or modes.shape != self.modes.shape:
            raise ValueError(
                f"expected {tuple(self.mean.shape)} and {tuple(self.modes.shape)}, got "
                f"{tuple(mean.shape)} and {tuple(modes.shape)}"
            )
        self.mean.copy_(mean)
        self.modes.copy_(modes)

    def forward(self, radiographs: torch.Tensor, atlas: torch.Tensor, views: BiplanarViews) -> SdmEstimate:
        """Registers; arguments as in `BiplanarAffineNet`."""
        features = self.encoder(*views.pairs(atlas, radiographs))[-1]
        with torch.autocast(features.device.type, enabled=False):
            numbers = self.numbers(features.float().flatten(1))
        affine = AffineEstimate(numbers[:, :7], similarity_matrix(numbers[:, :7], views))
        coefficients = numbers[:, 7:]
        with torch.autocast(features.device.type, enabled=False):  # few digits would round displacements
            displacement = self._displacement(coefficients, affine.atlas_from_patient, views.geometry)
        warped = warp_volumes(atlas, views.geometry, affine.atlas_from_patient, displacement)
        return SdmEstimate(affine, coefficients, displacement, warped)

    def _displacement(
        self, coefficients: torch.Tensor, atlas_from_patient: torch.Tensor, geometry: VolumeGeometry
    ) -> torch.Tensor:
        """(B, K, J, I, 3); u, by which the patient is bent before T, so that T(x + u(x)) = T(x) + d(T(x)).

        The model knows displacements d of the atlas: they turn with the patient.
        """
        control = self.mean + torch.einsum("bm,mckji->bckji", coefficients, self.modes)
        shape = geometry.shape_kji
        scale = [(a - 1) / max(b - 1, 1) for a, b in zip(control.shape[2:], shape, strict=True)]
        index = indices_after(index_grid(shape, control.device)[None], geometry, atlas_from_patient)
        there = sample(control, index * torch.tensor(scale[::-1]).to(control), padding="border")
        back = torch.linalg.inv(atlas_from_patient[:, :3, :3]).to(there)
        return torch.einsum("bdc,bckji->bkjid", back, there)
