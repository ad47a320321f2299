"""Pose-Net: the orientation of a brain from its volume."""

import torch
from torch import nn

from DeepRegistrationLib.networks.rotation_heads import RotationEstimate, RotationHead, rotation_head
from DeepRegistrationLib.networks.volume_encoders import VolumeEncoder, volume_encoder
from DeepRegistrationLib.networks.volume_features import FEATURES


class PoseNet(nn.Module):
    """Rotation that brings the atlas into the orientation of the input.

    | layer | output |
    |---|---|
    | `VolumeFeatures` or `CompactFeatures`, 1 channel | 256 |
    | rotation head | rotation |

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.3 and figure 1d; the 6D head is ours.

    Args:
        grid_size: voxels along each edge of the input; a multiple of 4, of 8 for the compact encoder.
        head: form of the rotation.
        encoder: the paper's layers, or ours for laptops.
    """

    def __init__(
        self,
        grid_size: int = 32,
        head: RotationHead = RotationHead.SIX_D,
        encoder: VolumeEncoder = VolumeEncoder.PAPER,
    ) -> None:
        super().__init__()
        self.features = volume_encoder(VolumeEncoder(encoder), 1, grid_size)
        self.rotation = rotation_head(head, FEATURES)

    def forward(self, volumes: torch.Tensor) -> RotationEstimate:
        """Estimates rotations.

        Args:
            volumes: (B, 1, n, n, n); brains about their centres of gravity, scaled to one size, zero mean
                and unit variance.

        Returns:
            B rotations; moving from atlas.
        """
        return self.rotation(self.features(volumes))
