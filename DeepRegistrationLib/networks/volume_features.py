"""Features of a volume, shared by Pose-Net and Correction-Net."""

import torch
from torch import nn

FEATURES = 256
"""Number of features that the regression heads receive."""


class VolumeFeatures(nn.Module):
    """Five convolutions and three fully connected layers.

    | layer | output for a grid of n^3 |
    |---|---|
    | convolution 3x3x3, ReLU, batch normalization | 8 x n^3 |
    | maximum of 2x2x2 | 8 x (n/2)^3 |
    | convolution 3x3x3, ReLU, batch normalization | 32 x (n/2)^3 |
    | maximum of 2x2x2 | 32 x (n/4)^3 |
    | convolution 3x3x3, ReLU, batch normalization | 32 x (n/4)^3 |
    | convolution 3x3x3, ReLU, batch normalization | 64 x (n/4)^3 |
    | convolution 3x3x3, ReLU, batch normalization | 64 x (n/4)^3 |
    | fully connected, ReLU, batch normalization | 512 |
    | fully connected, ReLU, batch normalization | 512 |
    | fully connected, ReLU, batch normalization | 256 |

    Source: Mohseni Salehi et al., arXiv:1803.05982, section 2.3 and figure 1c.

    Args:
        channels: of the input.
        grid_size: voxels along each edge of the input; a multiple of 4.

    Raises:
        ValueError: `grid_size` is no multiple of 4.
    """

    def __init__(self, channels: int, grid_size: int) -> None:
        super().__init__()
        if grid_size % 4 or grid_size < 4:
            raise ValueError(f"the grid is halved twice, its size must be a multiple of 4; got {grid_size}")
        self.grid_size = grid_size
        self.convolutions = nn.Sequential(
            convolution(channels, 8),
            nn.MaxPool3d(2),
            convolution(8, 32),
            nn.MaxPool3d(2),
            convolution(32, 32),
            convolution(32, 64),
            convolution(64, 64),
        )
        self.connected = nn.Sequential(
            nn.Flatten(),
            connected(64 * (grid_size // 4) ** 3, 512),
            connected(512, 512),
            connected(512, FEATURES),
        )

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Features (B, 256) of volumes (B, C, n, n, n)."""
        return self.connected(self.convolutions(volumes))


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution 3x3x3, ReLU, batch normalization."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, stride, padding=1), nn.ReLU(), nn.BatchNorm3d(outputs))


def connected(inputs: int, outputs: int) -> nn.Sequential:
    """Fully connected layer, ReLU, batch normalization."""
    return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(), nn.BatchNorm1d(outputs))
