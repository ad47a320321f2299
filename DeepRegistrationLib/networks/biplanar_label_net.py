"""Comparison method: the label map regressed directly, without an atlas."""

from collections.abc import Mapping, Sequence

import torch
from monai.networks.nets import UNet
from torch import nn

from DeepRegistrationLib.networks.biplanar_views import LAPTOP, BiplanarSize, BiplanarViews, biplanar_size
from DeepRegistrationLib.projection.beam_space import beam_grid_around, beam_to_volume


class BiplanarLabelNet(nn.Module):
    """Radiographs smeared through the volume, and a 3D U-net.

    | layer | output for the paper's size |
    |---|---|
    | each radiograph copied along its rays (no weights) | 2 x 192 x 128 x 192 |
    | U-net of MONAI, strides 2, batch normalization | 1 x 192 x 128 x 192 |

    The original copies along the axes of the volume, which is the same for parallel, orthogonal views; along
    the rays it holds for any two cameras.

    Source: Kasten et al., "End-to-end convolutional neural network for 3D reconstruction of knee bones from
        bi-planar X-ray images", MLMIR 2020; second comparison method of Van Houtte et al., 2022.

    Args:
        size: of images and volumes; voxels must be divisible by 2^levels.
        channels: of the levels of the U-net.
    """

    def __init__(
        self,
        size: BiplanarSize | Mapping[str, Sequence[float]] = LAPTOP,
        channels: tuple[int, ...] = (16, 32, 64, 128),
    ) -> None:
        super().__init__()
        size = biplanar_size(size)
        self.planes = size.planes
        self.network = UNet(
            spatial_dims=3,
            in_channels=2,
            out_channels=1,
            channels=channels,
            strides=(2,) * (len(channels) - 1),
            num_res_units=1,
            norm="batch",
        )

    def forward(self, radiographs: torch.Tensor, views: BiplanarViews) -> torch.Tensor:
        """Logits (B, 1, K, J, I) of being bone, from radiographs (B, 2, rows, columns)."""
        return self.network(self.smeared(radiographs, views))

    def smeared(self, radiographs: torch.Tensor, views: BiplanarViews) -> torch.Tensor:
        """(B, 2, K, J, I); at each voxel what both radiographs show where it is projected."""
        volumes = []
        for view, rays in enumerate(views.cameras):
            grid = beam_grid_around(views.geometry, rays.detached(), self.planes)
            image = radiographs[:, view : view + 1, None]  # (B, 1, 1, rows, columns)
            beam = image.expand(-1, -1, self.planes, -1, -1)
            volumes.append(beam_to_volume(beam, grid, views.geometry)[0])
        return torch.cat(volumes, 1)
