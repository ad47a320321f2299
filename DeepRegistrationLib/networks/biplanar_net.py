"""The biplanar registration network: affine module, then local module, both warping the atlas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import rays_of_cameras
from DeepRegistrationLib.geometry.velocity_field import flow
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.networks.biplanar_affine_net import AffineEstimate, BiplanarAffineNet
from DeepRegistrationLib.networks.biplanar_local_net import BiplanarLocalNet
from DeepRegistrationLib.networks.biplanar_views import (
    LAPTOP,
    BiplanarSize,
    BiplanarViews,
    biplanar_size,
    warp_volumes,
)


@dataclass(frozen=True, eq=False)
class BiplanarEstimate:
    """Maps of B patients and the atlas after them.

    Attributes:
        affine: first map; see `AffineEstimate`.
        velocity: (B, K, J, I, 3) [mm per unit time, RAS].
        displacement: (B, K, J, I, 3); flow of the velocity [mm, RAS].
        after_affine: (B, 1, K, J, I); atlas warped by the affine map.
        warped: (B, 1, K, J, I); atlas warped by both: at x it shows the atlas at T(x + u(x)).
    """

    affine: AffineEstimate
    velocity: torch.Tensor
    displacement: torch.Tensor
    after_affine: torch.Tensor
    warped: torch.Tensor


class BiplanarNet(nn.Module):
    """Both modules one after the other.

    | step | output |
    |---|---|
    | `BiplanarAffineNet` | 7 numbers: T |
    | atlas warped by T | K x J x I |
    | `BiplanarLocalNet` | velocity |
    | scaling and squaring | u |
    | atlas warped once, at T(x + u(x)) | K x J x I |

    Source: Van Houtte et al., 2022, figure 1.

    Args:
        size: of images, volumes and layers.
        together: see `BiplanarAffineNet`.
        skips: see `BiplanarLocalNet`, as the following.
        one_decoder: one decoder for both views.
        inverse_projection: bring the features into the patient's space.
        squarings: of the integration; the step is 2^-n of the whole.
        view_deg: what it was trained for: by how much views were turned from front and side, either way
            [degrees]. It computes the same; who asks it has to know.
    """

    def __init__(
        self,
        size: BiplanarSize | Mapping[str, Sequence[float]] = LAPTOP,
        together: bool = True,
        skips: bool = True,
        one_decoder: bool = False,
        inverse_projection: bool = True,
        squarings: int = 6,
        view_deg: float = 0.0,
    ) -> None:
        super().__init__()
        self.view_deg = view_deg
        size = biplanar_size(size)
        self.affine = BiplanarAffineNet(size, together)
        self.local = BiplanarLocalNet(size, skips, one_decoder, inverse_projection)
        self.squarings = squarings

    def forward(
        self, radiographs: torch.Tensor, atlas: torch.Tensor, views: BiplanarViews
    ) -> BiplanarEstimate:
        """Registers; arguments as in `BiplanarAffineNet`."""
        affine = self.affine(radiographs, atlas, views)
        after_affine = warp_volumes(atlas, views.geometry, affine.atlas_from_patient)
        velocity = self.local(radiographs, after_affine, views)
        with torch.autocast(velocity.device.type, enabled=False):  # few digits would round displacements
            displacement = flow(velocity.to(atlas.dtype), views.geometry, self.squarings)
        warped = warp_volumes(atlas, views.geometry, affine.atlas_from_patient, displacement)
        return BiplanarEstimate(affine, velocity, displacement, after_affine, warped)

    def of_volumes(self, volumes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Seven numbers and displacements for volumes whose mirror images are to be found.

        Copies of a network are compared by them.

        Args:
            volumes: (B, 1, n, n, n).

        Returns:
            (B, 7) and (B, K, J, I, 3).
        """
        size = self.affine.size
        atlas = 0.02 * F.interpolate(volumes, size.volume_shape_kji).clamp(min=0)
        grid = VolumeGeometry(size.volume_shape_kji, np.diag([*size.spacing_mm, 1.0]))
        rows, columns = size.image_shape_px
        pixel_mm = float(grid.extent_mm.max()) / rows
        cameras = [
            CArm(1000, 925, angle, 0, (pixel_mm, pixel_mm), (columns, rows)).camera(grid.centre_ras)
            for angle in (0, 90)
        ]
        rays = (rays_of_cameras([camera] * len(volumes)).to(volumes.device) for camera in cameras)
        views = BiplanarViews(grid, tuple(rays))
        estimate = self(torch.cat(views.project(atlas.flip(-1)), 1), atlas, views)
        return estimate.affine.numbers, estimate.displacement
