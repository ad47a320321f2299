"""Last layer of a network that estimates a rotation: two ways to stay on SO(3)."""

import math
from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import nn

from DeepRegistrationLib.geometry.rotations import (
    matrix_from_6d,
    matrix_from_rotation_vector,
    rotation_vector_from_matrix,
)


class RotationHead(StrEnum):
    """How a rotation leaves the network."""

    PI_TANH = "pi-tanh"
    """The paper's: a rotation vector, each component pi tanh(x). Discontinuous at 180 degrees."""
    SIX_D = "6d"
    """Two columns of the matrix, orthonormalized: continuous on all of SO(3) (Zhou et al., CVPR 2019)."""


@dataclass(frozen=True, eq=False)
class RotationEstimate:
    """A batch of rotations in both forms.

    Attributes:
        vector: (B, 3); rotation vector [rad]. From pi tanh its length may exceed pi; it then names the same
            rotation as a shorter one.
        matrix: (B, 3, 3).
    """

    vector: torch.Tensor
    matrix: torch.Tensor


class PiTanhHead(nn.Module):
    """Fully connected layer of 3, then pi tanh.

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.2.

    Args:
        features: number of inputs.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 3)

    def forward(self, features: torch.Tensor) -> RotationEstimate:
        """Rotations from features (B, F)."""
        vector = math.pi * torch.tanh(_in_full_precision(self.linear, features))
        return RotationEstimate(vector, matrix_from_rotation_vector(vector))


class SixDHead(nn.Module):
    """Fully connected layer of 6, then Gram and Schmidt; starts near the identity.

    Args:
        features: number of inputs.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 6)
        with torch.no_grad():
            # two columns of length zero have no direction: the bias keeps the start away from that
            self.linear.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))

    def forward(self, features: torch.Tensor) -> RotationEstimate:
        """Rotations from features (B, F)."""
        matrix = matrix_from_6d(_in_full_precision(self.linear, features))
        return RotationEstimate(rotation_vector_from_matrix(matrix), matrix)


def rotation_head(kind: RotationHead, features: int) -> PiTanhHead | SixDHead:
    """The head of this kind for a number of features."""
    return {RotationHead.PI_TANH: PiTanhHead, RotationHead.SIX_D: SixDHead}[kind](features)


def _in_full_precision(linear: nn.Linear, features: torch.Tensor) -> torch.Tensor:
    """The layer outside mixed precision: bfloat16 would round angles to half a degree."""
    with torch.autocast(features.device.type, enabled=False):
        return linear(features.to(linear.weight.dtype))
