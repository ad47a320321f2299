"""The triplet paper's network: three stacked frames in, Euler angles of the outer two out."""

from dataclasses import dataclass

import torch
from torch import nn

from DeepRegistrationLib.geometry.rotations import (
    matrix_from_euler_xyz_extrinsic,
    rotation_vector_from_matrix,
)
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate

KERNELS = (7, 5, 5, 3, 3, 3, 3)
CHANNELS = (256, 128, 64, 32, 16, 8, 4)
STRIDES = (2, 2, 2, 2, 2, 1, 1)
_RAD_PER_OUTPUT = 0.1


@dataclass(frozen=True, eq=False)
class TripletEstimate:
    """B triplets.

    Attributes:
        euler: (B, 2, 3) [rad]; of before and after against the middle, x then y then z, extrinsic.
    """

    euler: torch.Tensor

    @property
    def rotation(self) -> RotationEstimate:
        """The angles as 2 B rotations: of (before, after) of the first triplet, then of the second..."""
        matrix = matrix_from_euler_xyz_extrinsic(self.euler.flatten(0, 1))
        return RotationEstimate(rotation_vector_from_matrix(matrix), matrix)


class UsTripletNet(nn.Module):
    """Encoder and decoder, one layer deeper than FlowNet's.

    | layer | kernel | stride | output for 64 x 32 (columns x rows) |
    |---|---|---|---|
    | convolution, batch normalization, ReLU | 7 | 2 | 256 x 16 x 32 |
    | convolution, batch normalization, ReLU | 5 | 2 | 128 x 8 x 16 |
    | convolution, batch normalization, ReLU | 5 | 2 | 64 x 4 x 8 |
    | convolution, batch normalization, ReLU | 3 | 2 | 32 x 2 x 4 |
    | convolution, batch normalization, ReLU | 3 | 2 | 16 x 1 x 2 |
    | convolution, batch normalization, ReLU | 3 | 1 | 8 x 1 x 2 |
    | convolution, batch normalization, ReLU | 3 | 1 | 4 x 1 x 2 |
    | transposed convolution, convolution; each batch normalization, ReLU | 3, 3 | 1 | 8 x 1 x 2 |
    | the same | 3, 3 | 1 | 16 x 1 x 2 |
    | the same | 3, 3 | 2 | 32 x 2 x 4 |
    | the same | 3, 3 | 2 | 64 x 4 x 8 |
    | the same | 3, 3 | 2 | 128 x 8 x 16 |
    | the same | 3, 3 | 2 | 256 x 16 x 32 |
    | convolution | 3 | 1 | 6 x 16 x 32 |
    | mean over the pixels | | | 2 frames x 3 Euler angles |

    Kernels, channels and their halving, normalization and the decoder's mirror image are the paper's. It
    does not tell the strides, nor how angles leave the last layer: strides of 2 until one row is left, and
    the mean over the pixels, are ours.

    Source: triplet paper (2020), section III B and figure 3.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *CHANNELS[:-1])
        self.encoder = nn.Sequential(
            *(
                _normalized(nn.Conv2d(i, o, kernel, stride, kernel // 2, bias=False), o)
                for i, o, kernel, stride in zip(inputs, CHANNELS, KERNELS, STRIDES, strict=True)
            )
        )
        widening = CHANNELS[::-1]  # 4, 8, ..., 256
        self.decoder = nn.Sequential(
            *(
                nn.Sequential(_widened(i, o, stride), _normalized(nn.Conv2d(o, o, 3, 1, 1, bias=False), o))
                for i, o, stride in zip(widening[:-1], widening[1:], STRIDES[:0:-1], strict=True)
            )
        )
        self.angles = nn.Conv2d(CHANNELS[0], 6, 3, 1, 1)

    def forward(self, frames: torch.Tensor) -> TripletEstimate:
        """Estimates angles.

        Args:
            frames: (B, 3, rows, columns); before, middle, after, 0 to 1; rows and columns are multiples of
            32.

        Returns:
            B triplets.
        """
        maps = self.decoder(self.encoder(frames))
        with torch.autocast(maps.device.type, enabled=False):  # few digits would round angles
            said = self.angles(maps.to(self.angles.weight.dtype)).mean((2, 3))
        return TripletEstimate(_RAD_PER_OUTPUT * said.unflatten(1, (2, 3)))


def _normalized(layer: nn.Module, channels: int) -> nn.Sequential:
    return nn.Sequential(layer, nn.BatchNorm2d(channels), nn.ReLU())


def _widened(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    layer = nn.ConvTranspose2d(inputs, outputs, 3, stride, 1, output_padding=stride - 1, bias=False)
    return _normalized(layer, outputs)
