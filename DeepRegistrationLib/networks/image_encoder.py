"""Embedding of a radiograph; one for the projected volume, another one of the same form for the target."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

PAPER_CHANNELS = (16, 64, 128)
_GROUPS = 4


class Bottleneck(nn.Module):
    """Three convolutions with a narrow middle, and the input added.

    | layer | output |
    |---|---|
    | convolution 1x1, group normalization, activation | b/4 |
    | convolution 3x3, group normalization, activation | b/4 |
    | convolution 1x1, group normalization | b, + convolution 1x1 of the input |
    | activation | b |

    Groups instead of batches are normalized: the gradient of one sample must not depend on the others.

    Source: He et al., "Deep residual learning for image recognition", CVPR 2016, figure 5.

    Args:
        inputs: channels.
        outputs: channels b.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        narrow = outputs // 4
        self.layers = nn.Sequential(
            *_normalized(inputs, narrow, 1),
            nn.SiLU(),
            *_normalized(narrow, narrow, 3),
            nn.SiLU(),
            *_normalized(narrow, outputs, 1),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, b, rows, columns) from (B, C, rows, columns)."""
        return F.silu(self.skip(features) + self.layers(features))


class ImageEncoder(nn.Module):
    """Convolution, bottleneck blocks with pooling, and one fully connected layer.

    With the default channels, for an image of n^2 pixels:

    | layer | output |
    |---|---|
    | zero mean and unit variance of each channel | C x n^2 |
    | convolution 5x5, activation, mean of 2x2 | 16 x (n/2)^2 |
    | bottleneck block, mean of 2x2 | 48 x (n/4)^2 |
    | bottleneck block, mean of 2x2 | 96 x (n/8)^2 |
    | bottleneck block, mean of 2x2 | 96 x (n/16)^2 |
    | fully connected | 64 |

    The published sizes are 16, 64, 128 and 64 (`PAPER_CHANNELS`). On a processor fewer channels learn more in
    the same time. The last block and the connected layer see the whole image, so that a shadow far from
    where it should be still pulls in the right direction.

    All layers are smooth and means are taken where others take maxima: the gradient in the pose is what is
    trained, and it must not jump.

    Source: Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020, figure 2.

    Args:
        inputs: channels of the image.
        image_size: pixels n along each edge; a multiple of 2 to the number of channels.
        channels: of the first convolution, then of each block.
        embedding: numbers that describe an image.

    Raises:
        ValueError: the image cannot be halved that often.
    """

    def __init__(
        self,
        inputs: int,
        image_size: int = 64,
        channels: Sequence[int] = (16, 48, 96, 96),
        embedding: int = 64,
    ) -> None:
        super().__init__()
        if image_size % 2 ** len(channels):
            raise ValueError(
                f"the image is halved {len(channels)} times, its edges must be multiples of "
                f"{2 ** len(channels)}; got {image_size}"
            )
        self.inputs = inputs
        first, *blocks = channels
        layers: list[nn.Module] = [nn.Conv2d(inputs, first, 5, padding=2), nn.SiLU(), nn.AvgPool2d(2)]
        before = first
        for count in blocks:
            layers += [Bottleneck(before, count), nn.AvgPool2d(2)]
            before = count
        self.layers = nn.Sequential(*layers)
        self.connected = nn.Linear(before * (image_size // 2 ** len(channels)) ** 2, embedding)

    def begin_like(self, other: "ImageEncoder") -> None:
        """Takes the weights of another encoder; the first channel is seen as all channels of the other one.

        Args:
            other: with the same layers; it may have another number of input channels. These show the same
                image before the volume network is trained.
        """
        state = other.state_dict()
        first = "layers.0.weight"
        seen = torch.zeros_like(self.state_dict()[first])
        seen[:, 0] = state[first].sum(1)
        self.load_state_dict({**state, first: seen})

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Embeddings (B, E) of images (B, C, n, n), differentiable twice."""
        return self.connected(self.layers(_standardized(images)).flatten(1))


def _normalized(inputs: int, outputs: int, size: int) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
    return convolution, nn.GroupNorm(min(_GROUPS, outputs), outputs)


def _standardized(images: torch.Tensor) -> torch.Tensor:
    """Zero mean and unit variance of each channel; an empty one stays zero."""
    centred = images - images.mean((2, 3), keepdim=True)
    variance = centred.square().mean((2, 3), keepdim=True)
    return centred * (variance + 1e-6).rsqrt()
