"""DeepNet: how unlike two radiographs are, so that downhill is the way to the right pose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from DeepRegistrationLib.networks.image_encoder import ImageEncoder
from DeepRegistrationLib.networks.residual_volume_net import ResidualVolumeNet
from DeepRegistrationLib.networks.xray_input import XrayInput

Projection = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Channels (V, C, n, n, n) -> radiographs (B, C, r, r) and their pose-tangent images (B, C, 6, r, r)."""


@dataclass(frozen=True, eq=False)
class PoseLoss:
    """Network similarity of B poses.

    Attributes:
        value: (B,); L_N, mean squared difference of the embeddings.
        gradient: (B, 6); of L_N when the volume turns about the middle of its grid [1/rad] and shifts [1/mm],
            along the axes of the world.
    """

    value: torch.Tensor
    gradient: torch.Tensor


class XrayDeepNet(nn.Module):
    """Volume network, projection, and an encoder for each side.

    | layer | output |
    |---|---|
    | bones around the point that is looked at | 1 x n^3 |
    | `ResidualVolumeNet` | 3 x n^3 |
    | projection with tangent images (no weights) | 3 x r^2, and 3 x 6 x r^2 |
    | `ImageEncoder` of the moving image | 64 |
    | `ImageEncoder` of the target, with its mask | 64 |
    | mean squared difference | 1 |

    The encoders share no weights but begin alike: before any training the same image has the same embedding,
    and the similarity is one of images already.

    Two sizes are of use: the paper's (`grid_size` 128, `voxel_mm` 2, `image_size` 128, `pixel_mm` 1.42,
    `image_channels` of `image_encoder.PAPER_CHANNELS`), and the default one for laptops. It is coarse: the
    network has to tell the way from afar; near by other measures take over.

    Source: Gao et al., "Generalizing spatial transformers to projective geometry", MICCAI 2020, figure 2.

    Args:
        grid_size: voxels n along each edge of the volume.
        voxel_mm: their size [mm].
        image_size: pixels r along each edge of the radiographs.
        pixel_mm: their size where the middle of the volume stands, not on the detector [mm].
        volume_channels: of the volume network.
        image_channels: of the encoders.
        embedding: numbers that describe a radiograph.
    """

    def __init__(
        self,
        grid_size: int = 40,
        voxel_mm: float = 6.0,
        image_size: int = 32,
        pixel_mm: float = 5.66,
        volume_channels: Sequence[int] = (4, 8, 16, 8, 3),
        image_channels: Sequence[int] = (16, 48, 96, 96),
        embedding: int = 64,
    ) -> None:
        super().__init__()
        self.sees = XrayInput(grid_size, voxel_mm, image_size, pixel_mm)
        self.volume_net = ResidualVolumeNet(volume_channels)
        self.moving_encoder = ImageEncoder(volume_channels[-1], image_size, image_channels, embedding)
        self.target_encoder = ImageEncoder(2, image_size, image_channels, embedding)
        self.target_encoder.begin_like(self.moving_encoder)

    def forward(
        self, volumes: torch.Tensor, targets: torch.Tensor, project: Projection, plain: bool = False
    ) -> PoseLoss:
        """Compares; value and gradient are differentiable in the weights while gradients are recorded.

        Args:
            volumes: (V, 1, n, n, n); bone, 0 elsewhere, in units of water's attenuation.
            targets: (B, 2, r, r); radiographs in any unit that grows with attenuation, 0 where the mask is
                0; then the masks.
            project: of the poses in question.
            plain: leaves the volume network out; while it is not trained the result is the same, in a third
                of the time.
        """
        learns = torch.is_grad_enabled()
        images, tangents = project(volumes if plain else self.volume_net(volumes).to(volumes.dtype))
        if plain:
            channels = self.moving_encoder.inputs
            images = images.expand(-1, channels, -1, -1)
            # one channel's change is that of all; the sum over channels below counts it once for each
            tangents = tangents.expand(-1, channels, -1, -1, -1)
        with torch.autocast(images.device.type, enabled=False):
            found = self.compare(images, tangents, self.target_encoder(targets), learns)
        if plain and learns:
            # several processes wait for a gradient of every weight
            nothing = 0 * sum(weights.sum() for weights in self.volume_net.parameters())
            return PoseLoss(found.value, found.gradient + nothing)
        return found

    def of_shadows(self, volumes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings of the plainest projections, along an axis; copies of a network are compared by them.

        Args:
            volumes: (B, 1, n, n, n).

        Returns:
            (B, E) of both encoders.
        """
        shadows = self.volume_net(volumes).mean(3)
        images = F.interpolate(shadows, (self.sees.image_size,) * 2)
        targets = torch.cat([images[:, :1], torch.ones_like(images[:, :1])], dim=1)
        return self.moving_encoder(images), self.target_encoder(targets)

    def compare(
        self, images: torch.Tensor, tangents: torch.Tensor, target: torch.Tensor, learns: bool = False
    ) -> PoseLoss:
        """Similarity of projected volumes to an encoded target.

        The gradient in the pose is the sum over pixels of dL/dI times the tangent images. Both are linear in
        the volume, so the gradient of this gradient in the weights needs no second derivative of the
        projector, only its adjoint.

        Args:
            images: (B, C, r, r); see `Projection`.
            tangents: (B, C, 6, r, r).
            target: (B or 1, E); output of `target_encoder`.
            learns: the result shall be differentiable in the weights.
        """
        with torch.enable_grad():
            if not images.requires_grad:
                images = images.detach().requires_grad_()
            value = (self.moving_encoder(images) - target).square().mean(1)
            (slope,) = torch.autograd.grad(value.sum(), images, create_graph=learns)
        if not learns:
            value, slope = value.detach(), slope.detach()
        return PoseLoss(value, torch.einsum("bchw,bcnhw->bn", slope, tangents))
