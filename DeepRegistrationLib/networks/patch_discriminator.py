"""Discriminator of the contrast transfer: does each patch of a slice look measured or made?"""

import torch
from monai.networks.nets import PatchDiscriminator as MonaiPatchDiscriminator
from torch import nn


class PatchDiscriminator(nn.Module):
    """PatchGAN: one judgement per overlapping patch.

    With the default width 32 and one inner layer, for slices of n^2 pixels; a judgement sees 16 x 16 pixels:

    | layer | output |
    |---|---|
    | convolution 4x4, stride 2, leaky ReLU | 32 x (n/2)^2 |
    | convolution 4x4, stride 1, batch normalization, leaky ReLU | 64 x (n/2 - 1)^2 |
    | convolution 4x4, stride 1 | 1 x (n/2 - 2)^2 |

    Two inner layers see 34 x 34 pixels, three 70 x 70 as in the paper, where slices have 256^2 pixels: every
    inner layer but the last has stride 2, and each doubles the channels.

    Conditional (pix2pix): input and output of the generator are seen side by side as two channels, so that a
    good image of another brain is recognized. Unconditional (unpaired training): the output alone.

    Source: Isola et al., CVPR 2017, section 6.1.2; Zhu et al., "Unpaired image-to-image translation using
    cycle-consistent adversarial networks", ICCV 2017, section 4.

    Args:
        conditional: whether the source image is seen too.
        width: channels of the first layer.
        inner_layers: 1, 2 or 3 for patches of 16, 34 or 70 pixels.

    Raises:
        ValueError: `inner_layers` below 1.
    """

    def __init__(self, conditional: bool, width: int = 32, inner_layers: int = 1) -> None:
        super().__init__()
        if inner_layers < 1:
            raise ValueError(f"at least one inner layer is needed, got {inner_layers}")
        self.conditional = conditional
        # MONAI's own start values: normal with a standard deviation of 0.02, as in the paper
        self.judge = MonaiPatchDiscriminator(
            spatial_dims=2, channels=width, in_channels=2 if conditional else 1, num_layers_d=inner_layers
        )

    def forward(self, images: torch.Tensor, sources: torch.Tensor | None = None) -> torch.Tensor:
        """Judges images.

        Args:
            images: (B, 1, J, I); measured or made, -1..1.
            sources: (B, 1, J, I); what each was or would be made from; None if the network is unconditional.

        Returns:
            (B, 1, j, i); logit that the patch was measured.

        Raises:
            ValueError: sources for an unconditional network, or none for a conditional one.
        """
        if (sources is not None) != self.conditional:
            raise ValueError(
                "a conditional discriminator needs the source images, an unconditional one takes none; got "
                f"{'sources' if sources is not None else 'none'}"
            )
        seen = images if sources is None else torch.cat([sources, images], dim=1)
        return self.judge(seen)[-1]
