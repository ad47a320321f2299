"""Local module of the biplanar registration: a velocity field from two pairs of radiographs."""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from DeepRegistrationLib.geometry.detector_rays import DetectorRays
from DeepRegistrationLib.geometry.grid import index_grid, sample
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.networks.biplanar_encoders import PairEncoder, convolution_3d, view_levels
from DeepRegistrationLib.networks.biplanar_views import LAPTOP, BiplanarSize, BiplanarViews, biplanar_size
from DeepRegistrationLib.projection.beam_space import beam_grid_around, beam_to_volume

_NARROW = 1e-4
"""Standard deviation of the first weights of the last layer: a new network bends almost nothing."""


class BeamDecoder(nn.Module):
    """From 2D features to 3D features in the beam of their camera.

    | at each step s | output |
    |---|---|
    | convolution 3x3x3, leaky rectifier | d_s |
    | all but the last step: upsampling by two | d_s, twice the edges |
    | skip: 2D features of this size copied along the depth, convolution 3x3x3, leaky rectifier | d_s |

    Skips are normalized by batches; their features are concatenated before the next convolution. The 2D
    encoder has no level of full size: the last step has no skip.

    Source: Van Houtte et al., 2022, local registration module.

    Args:
        encoder: features of the 2D levels.
        decoder: d_s, one more than levels.
        copies: M of the last 2D features along the depth.
        skips: connect the levels; without them the decoder sees the last level only.
    """

    def __init__(
        self, encoder: Sequence[int], decoder: Sequence[int], copies: int, skips: bool = True
    ) -> None:
        super().__init__()
        self.copies = copies
        inputs = [encoder[-1]] + [count * (2 if skips else 1) for count in decoder[:-2]] + [decoder[-2]]
        self.steps = nn.ModuleList(
            convolution_3d(before, after, normalized=False)
            for before, after in zip(inputs, decoder, strict=True)
        )
        # levels from the coarsest but one to the finest
        levels = list(encoder[-2::-1]) if skips else []
        self.skips = nn.ModuleList(
            convolution_3d(count, decoder[step], normalized=True) for step, count in enumerate(levels)
        )

    def forward(self, levels: Sequence[torch.Tensor]) -> torch.Tensor:
        """(B, d, planes, rows, columns) from the features of each level, finest first."""
        features = levels[-1][:, :, None].expand(-1, -1, self.copies, -1, -1)
        for step, convolve in enumerate(self.steps[:-1]):
            # nearest and then a convolution: no checkerboard, and the cheapest on every device
            features = F.interpolate(convolve(features), scale_factor=2, mode="nearest")
            if step < len(self.skips):
                flat = levels[-2 - step][:, :, None].expand(-1, -1, features.shape[2], -1, -1)
                features = torch.cat([features, self.skips[step](flat)], 1)
        return self.steps[-1](features)


class BiplanarLocalNet(nn.Module):
    """Regresses a stationary velocity field.

    | layer | output for the paper's size |
    |---|---|
    | projections of the atlas after the affine map, each beside its radiograph | 2 views of 2 x 224 x 160 |
    | each view: 5 levels of two convolutions 3x3, the first with stride 2 | 256 x 7 x 5 |
    | each view: copied 4 times along the depth, `BeamDecoder` | 16 x 128 x 224 x 160, in the beam |
    | each view: inverse projective transformer (no weights) | 16 x 192 x 128 x 192, in the patient |
    | both views: convolution 3x3x3 | 3 x 192 x 128 x 192: velocity [mm per unit time, RAS] |

    Source: Van Houtte et al., 2022, local registration module and invProST.

    Args:
        size: of images, volumes and layers.
        skips: connect encoders and decoders (ablation of the paper: without).
        one_decoder: the views are combined at each level, as in the affine module, and decoded once, in the
            beam of the first view (ablation).
        inverse_projection: bring the features into the patient's space; without it both beams are laid upon
            each other, stretched to the volume, as if they were one (ablation).
    """

    def __init__(
        self,
        size: BiplanarSize | Mapping[str, Sequence[float]] = LAPTOP,
        skips: bool = True,
        one_decoder: bool = False,
        inverse_projection: bool = True,
    ) -> None:
        super().__init__()
        size = biplanar_size(size)
        self.size, self.one_decoder, self.inverse_projection = size, one_decoder, inverse_projection
        views = 1 if one_decoder else 2
        if one_decoder:
            self.encoder: nn.Module = PairEncoder(size.encoder, second_convolution=True)
        else:
            self.encoder = nn.ModuleList(view_levels(size.encoder, second_convolution=True) for _ in range(2))
        self.decoders = nn.ModuleList(
            BeamDecoder(size.encoder, size.decoder, size.copies, skips) for _ in range(views)
        )
        self.velocity = nn.Conv3d(views * size.decoder[-1], 3, 3, padding=1)
        nn.init.normal_(self.velocity.weight, std=_NARROW)
        nn.init.zeros_(self.velocity.bias)

    def forward(self, radiographs: torch.Tensor, atlas: torch.Tensor, views: BiplanarViews) -> torch.Tensor:
        """Estimates velocities.

        Args:
            radiographs: (B, 2, rows, columns); line integrals of attenuation, masked to the bone.
            atlas: (B, 1, K, J, I); attenuation after the affine map [1/mm].
            views: grid and cameras.

        Returns:
            (B, K, J, I, 3) [mm per unit time, RAS]; for `geometry.velocity_field.flow`.
        """
        pairs = views.pairs(atlas, radiographs)
        if self.one_decoder:
            levels = [self.encoder(*pairs)]
        else:
            levels = [_features(pair, encoder) for pair, encoder in zip(pairs, self.encoder, strict=True)]
        physical = [
            self._in_patient(decoder(features), rays, views.geometry)
            for decoder, features, rays in zip(self.decoders, levels, views.cameras, strict=False)
        ]
        return self.velocity(torch.cat(physical, 1)).movedim(1, -1)

    def _in_patient(self, beam: torch.Tensor, rays: DetectorRays, geometry: VolumeGeometry) -> torch.Tensor:
        """(B, C, K, J, I) from (B, C, planes, rows, columns)."""
        with torch.autocast(beam.device.type, enabled=False):  # few digits would round positions
            if not self.inverse_projection:
                return _stretched(beam.float(), geometry.shape_kji)
            grid = beam_grid_around(geometry, rays.detached(), beam.shape[2])
            return beam_to_volume(beam.float(), grid, geometry)[0]


def _features(pair: torch.Tensor, encoder: nn.ModuleList) -> list[torch.Tensor]:
    """Features of each level of one view."""
    levels = []
    for level in encoder:
        pair = level(pair)
        levels.append(pair)
    return levels


def _stretched(beam: torch.Tensor, shape_kji: tuple[int, int, int]) -> torch.Tensor:
    """A beam (B, C, planes, rows, columns) as if rows were k, planes were j and columns were i."""
    turned = beam.movedim(2, 3)  # rows, planes, columns
    scale = [
        (before - 1) / max(after - 1, 1) for before, after in zip(turned.shape[2:], shape_kji, strict=True)
    ]
    index = index_grid(shape_kji, beam.device, beam.dtype) * torch.tensor(scale[::-1]).to(beam)
    return sample(turned, index[None], padding="border")
