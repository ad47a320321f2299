"""Generator of the contrast transfer: a slice of one contrast in, the same slice of another contrast out."""

import torch
from monai.networks.blocks import Convolution
from torch import nn

_SLOPE = ("LEAKYRELU", {"negative_slope": 0.2})


class ContrastGenerator(nn.Module):
    """U-Net of pix2pix, for small slices.

    With the default width 32 and depth 5, for a slice of n^2 pixels:

    | layer | output | skip |
    |---|---|---|
    | convolution 4x4, stride 2, leaky ReLU | 32 x (n/2)^2 | a |
    | convolution 4x4, stride 2, batch normalization, leaky ReLU | 64 x (n/4)^2 | b |
    | convolution 4x4, stride 2, batch normalization, leaky ReLU | 128 x (n/8)^2 | c |
    | convolution 4x4, stride 2, batch normalization, leaky ReLU | 256 x (n/16)^2 | d |
    | convolution 4x4, stride 2, leaky ReLU | 256 x (n/32)^2 | |
    | transposed convolution 4x4, stride 2, batch normalization, dropout, ReLU | 256 x (n/16)^2 | + d = 512 |
    | transposed convolution 4x4, stride 2, batch normalization, dropout, ReLU | 128 x (n/8)^2 | + c = 256 |
    | transposed convolution 4x4, stride 2, batch normalization, ReLU | 64 x (n/4)^2 | + b = 128 |
    | transposed convolution 4x4, stride 2, batch normalization, ReLU | 32 x (n/2)^2 | + a = 64 |
    | transposed convolution 4x4, stride 2, tanh | 1 x n^2 | |

    Fully convolutional: any slice whose edges are multiples of 2^depth. Unlike in the paper, dropout ends
    with the training: a registration that is run twice must give the same result twice.

    Source: Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017,
    section 6.1.1.

    Args:
        width: channels of the first layer; doubled at each level, up to eight times.
        depth: how often the slice is halved.
        dropout: share of the features left out during training in the innermost two layers that are not the
            bottleneck: the paper's noise, there 0.5.

    Raises:
        ValueError: `depth` below 2.
    """

    def __init__(self, width: int = 32, depth: int = 5, dropout: float = 0.0) -> None:
        super().__init__()
        if depth < 2:
            raise ValueError(f"the slice must be halved at least twice, got a depth of {depth}")
        self.depth = depth
        channels = [width * min(2**level, 8) for level in range(depth)]
        self.encoder = nn.ModuleList(
            [_down(1 if level == 0 else channels[level - 1], channels[level], 0 < level < depth - 1)
             for level in range(depth)]
        )  # fmt: skip
        decoder = []
        for level in range(depth - 1, 0, -1):
            # every decoder layer but the innermost also sees the encoder's output of its level
            inputs = channels[level] * (1 if level == depth - 1 else 2)
            decoder.append(_up(inputs, channels[level - 1], dropout if level >= depth - 2 else 0.0))
        self.decoder = nn.ModuleList(decoder)
        self.last = nn.Sequential(
            nn.ConvTranspose2d(2 * channels[0], 1, kernel_size=4, stride=2, padding=1), nn.Tanh()
        )
        self.apply(_narrow_normal)

    def forward(self, slices: torch.Tensor) -> torch.Tensor:
        """Translates slices.

        Args:
            slices: (B, 1, J, I); planes of the canonical cube (`geometry/canonical_grid.py`), any
                orientation; -1 outside the brain, above -1 and up to 1 inside.

        Returns:
            (B, 1, J, I); -1..1; what lies outside the brain is to be masked by the caller.

        Raises:
            ValueError: an edge is no multiple of 2^depth.
        """
        if slices.shape[-1] % 2**self.depth or slices.shape[-2] % 2**self.depth:
            raise ValueError(
                f"the slice is halved {self.depth} times, its edges must be multiples of {2**self.depth}; "
                f"got {tuple(slices.shape[-2:])}"
            )
        skips = []
        features = slices
        for layer in self.encoder:
            features = layer(features)
            skips.append(features)
        skips.pop()  # the bottleneck
        for layer in self.decoder:
            features = torch.cat([layer(features), skips.pop()], dim=1)
        return self.last(features)


def _down(inputs: int, outputs: int, normalized: bool) -> Convolution:
    return Convolution(
        2, inputs, outputs, strides=2, kernel_size=4, padding=1, adn_ordering="NA", act=_SLOPE,
        norm="BATCH" if normalized else None, bias=not normalized,
    )  # fmt: skip


def _up(inputs: int, outputs: int, dropout: float) -> Convolution:
    return Convolution(
        2, inputs, outputs, strides=2, kernel_size=4, padding=1, output_padding=0, is_transposed=True,
        adn_ordering="NDA", act="RELU", norm="BATCH", dropout=dropout or None, bias=False,
    )  # fmt: skip


def _narrow_normal(layer: nn.Module) -> None:
    """Start values of the paper, section 6.2: normal with a standard deviation of 0.02."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
