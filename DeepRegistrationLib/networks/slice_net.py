"""Slice net: where in the atlas a single slice was cut."""

from dataclasses import dataclass

import torch
from monai.networks.nets.resnet import ResNet, ResNetBlock
from torch import nn

from DeepRegistrationLib.networks.rotation_heads import RotationEstimate, RotationHead, rotation_head

CENTRE_POSITION = 15.0
"""Slice number of a slice through the brain's centre, and slices per brain radius: 30 cover the brain."""


@dataclass(frozen=True, eq=False)
class SlicePose:
    """A batch of poses of slices.

    Attributes:
        rotation: B rotations; slice from atlas.
        position: (B,), >= 0; number of the slice along its normal: 15 at the brain's centre, 15 more per
            brain radius, so that 0 to 30 is one radius to either side.
    """

    rotation: RotationEstimate
    position: torch.Tensor


class SliceNet(nn.Module):
    """ResNet-18 with two heads.

    | layer | output for a slice of n^2 |
    |---|---|
    | convolution 7x7, stride 2, batch normalization, ReLU, maximum 3x3 stride 2 | 64 x (n/4)^2 |
    | 2 residual blocks of two convolutions 3x3 | 64 x (n/4)^2 |
    | 2 residual blocks, the first with stride 2 | 128 x (n/8)^2 |
    | 2 residual blocks, the first with stride 2 | 256 x (n/16)^2 |
    | 2 residual blocks, the first with stride 2 | 512 x (n/32)^2 |
    | mean over the image | 512 |
    | rotation head | rotation |
    | fully connected, ReLU | 1: slice number |

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.2 and figure 1b.

    Args:
        head: form of the rotation.
        width: channels of the first layer; 64 in the paper and in the table, fewer make it smaller.
    """

    def __init__(self, head: RotationHead = RotationHead.SIX_D, width: int = 64) -> None:
        super().__init__()
        widths = tuple(width * 2**level for level in range(4))
        # MONAI's function fixes the widths, its class does not
        self.features = ResNet(
            ResNetBlock,
            layers=[2, 2, 2, 2],
            block_inplanes=list(widths),
            spatial_dims=2,
            n_input_channels=1,
            conv1_t_stride=2,
            feed_forward=False,
            shortcut_type="B",
        )
        self.rotation = rotation_head(head, widths[-1])
        self.position = nn.Linear(widths[-1], 1)
        # a slice number below zero gives no gradient: the start is the slice in the middle
        nn.init.constant_(self.position.bias, CENTRE_POSITION)

    def forward(self, slices: torch.Tensor) -> SlicePose:
        """Estimates poses.

        Args:
            slices: (B, 1, n, n); about the centre of the brain, zero mean and unit variance.

        Returns:
            B poses.
        """
        features = self.features(slices)
        return SlicePose(self.rotation(features), torch.relu(self.position(features))[:, 0])
