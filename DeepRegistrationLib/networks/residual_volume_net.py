"""What is added to a CT volume before it is projected, and the channels in which it is projected."""

from collections.abc import Sequence

import torch
from torch import nn


class ResidualVolumeNet(nn.Module):
    """Learns what to change in the bones so that their shadows are easier to compare.

    With the paper's channels 4, 8, 16, 8, 3:

    | layer | output for a grid of n^3 | |
    |---|---|---|
    | convolution 3x3x3, activation | 4 x n^3 | |
    | convolution 3x3x3, activation | 8 x n^3 | |
    | convolution 3x3x3, activation | 16 x n^3 | |
    | convolution 3x3x3, activation | 8 x n^3 | |
    | convolution 3x3x3 | 3 x n^3 | + the volume, copied into each channel |

    The last layer begins with zeros: the untrained network projects the bones as they are.

    Source: Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020, section 2.2
        and figure 2; the sizes are the published ones.

    Args:
        channels: of the layers; the last is the number of projected channels.
    """

    def __init__(self, channels: Sequence[int] = (4, 8, 16, 8, 3)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for count in channels:
            layers += [nn.Conv3d(before, count, 3, padding=1), nn.SiLU()]
            before = count
        self.layers = nn.Sequential(*layers[:-1])
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, volumes: torch.Tensor) -> torch.Tensor:
        """Volumes (V, 1, K, J, I) as channels (V, C, K, J, I); zero outside of where the volume reaches."""
        return volumes + self.layers(volumes)
