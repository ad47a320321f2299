"""2D encoders of pairs of radiographs, with and without what both views know together."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

_SLOPE = 0.2
"""Of the leaky rectifier for negative values; not published."""


def convolution_2d(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """Convolution 3x3, batch normalization, leaky rectifier."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(_SLOPE),
    )


def convolution_3d(inputs: int, outputs: int, normalized: bool) -> nn.Sequential:
    """Convolution 3x3x3, batch normalization if wanted, leaky rectifier."""
    layers: list[nn.Module] = [nn.Conv3d(inputs, outputs, 3, padding=1, bias=not normalized)]
    if normalized:
        layers.append(nn.BatchNorm3d(outputs))
    return nn.Sequential(*layers, nn.LeakyReLU(_SLOPE))


class PairEncoder(nn.Module):
    """Both views level by level, and their combination.

    | at each level l | output |
    |---|---|
    | each view: convolution 3x3, stride 2, batch normalization, leaky rectifier | f_l, half the edges |
    | each view, `second_convolution`: the same with stride 1 | f_l |
    | combination before: convolution 3x3, stride 2, batch normalization, leaky rectifier | f_l |
    | both views and combination before, concatenated: convolution 3x3, ... | f_l |

    Without `together` the views are combined after the last level only.

    Source: Van Houtte et al., 2022, affine registration module and figure 1. How the combination before comes
        to half its size is not said; a strided convolution is taken.

    Args:
        features: f_l of each level.
        together: combine at each level.
        second_convolution: two convolutions per level, as in the local module.
    """

    def __init__(
        self, features: Sequence[int], together: bool = True, second_convolution: bool = False
    ) -> None:
        super().__init__()
        self.together = together
        self.first, self.second = (view_levels(features, second_convolution) for _ in range(2))
        joined = list(features) if together else [features[-1]]
        self.down = nn.ModuleList(convolution_2d(before, after, 2) for before, after in pairwise(joined))
        self.combine = nn.ModuleList(
            convolution_2d((2 if level == 0 else 3) * count, count, 1) for level, count in enumerate(joined)
        )

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> list[torch.Tensor]:
        """Combined features of each level, (B, f_l, ...) each; of the last one only without `together`.

        Args:
            first: (B, 2, rows, columns); projected atlas and radiograph of the first view.
            second: (B, 2, rows, columns).
        """
        combined: list[torch.Tensor] = []
        for level, (on_first, on_second) in enumerate(zip(self.first, self.second, strict=True)):
            first, second = on_first(first), on_second(second)
            if self.together:
                before = [self.down[level - 1](combined[-1])] if level else []
                combined.append(self.combine[level](torch.cat([first, second, *before], 1)))
        return combined or [self.combine[0](torch.cat([first, second], 1))]


def view_levels(features: Sequence[int], second_convolution: bool) -> nn.ModuleList:
    """Levels of one view, from 2 channels."""
    levels = []
    for before, after in zip([2, *features[:-1]], features, strict=True):
        layers = [convolution_2d(before, after, 2)]
        if second_convolution:
            layers.append(convolution_2d(after, after, 1))
        levels.append(nn.Sequential(*layers))
    return nn.ModuleList(levels)
