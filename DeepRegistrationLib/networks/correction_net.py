"""Correction-Net: what is left to turn and to shift after a first estimate."""

from dataclasses import dataclass

import torch
from torch import nn

from DeepRegistrationLib.networks.rotation_heads import RotationEstimate, RotationHead, rotation_head
from DeepRegistrationLib.networks.volume_encoders import VolumeEncoder, volume_encoder
from DeepRegistrationLib.networks.volume_features import FEATURES


@dataclass(frozen=True, eq=False)
class Correction:
    """A batch of small rigid maps.

    Attributes:
        rotation: B rotations about the centre of the grid; moving from atlas.
        translation: (B, 3); shift of the moving image [brain radii, x y z].
    """

    rotation: RotationEstimate
    translation: torch.Tensor


class CorrectionNet(nn.Module):
    """Rotation and translation between an atlas and a roughly oriented image.

    | layer | output |
    |---|---|
    | `VolumeFeatures` or `CompactFeatures`, 2 channels | 256 |
    | rotation head | rotation |
    | fully connected | 3: translation |

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.4 and figure 1e.

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
        self.features = volume_encoder(VolumeEncoder(encoder), 2, grid_size)
        self.rotation = rotation_head(head, FEATURES)
        self.translation = nn.Linear(FEATURES, 3)

    def forward(self, atlas_and_moving: torch.Tensor) -> Correction:
        """Estimates corrections.

        Args:
            atlas_and_moving: (B, 2, n, n, n); channel 0 the atlas, channel 1 the moving image on the same
                grid.

        Returns:
            B corrections.
        """
        features = self.features(atlas_and_moving)
        return Correction(self.rotation(features), self.translation(features))
