"""All orientations at once: an image under many rotations, compared with another one by a matrix product.

Both images are sampled at the same points u of a ball, relative to their centres and sizes, so that only the
rotation is left to find. The rotations are a low-discrepancy set (Alexa, CVPR 2022): about 11 degrees apart
for 4,608 of them, well within what the refinement captures.
"""

import math

import numpy as np
import torch

from DeepRegistrationLib.geometry.grid import sample
from DeepRegistrationLib.geometry.rotation_sets import low_discrepancy_rotations
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.optimize.greedy_choice import greedy_choice


def ball_points(points_across: int, device: torch.device | None = None) -> torch.Tensor:
    """Regular grid points within the unit ball.

    Args:
        points_across: grid points along the diameter.
        device: of the result.

    Returns:
        (P, 3) float32; about 0.52 (points_across - 1)^3 points.
    """
    line = torch.linspace(-1, 1, points_across, device=device)
    cube = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), -1).reshape(-1, 3)
    return cube[cube.square().sum(-1) <= 1]


def views(
    features: torch.Tensor,
    geometry: VolumeGeometry,
    centre_ras: np.ndarray,
    radius_mm: float,
    rotations: torch.Tensor,
    points: torch.Tensor,
) -> torch.Tensor:
    """An image as seen under rotations, each view normalized to zero mean and unit length.

    Args:
        features: (C, K, J, I); channels of the image.
        geometry: where its voxels lie.
        centre_ras: (3,); centre of the ball [mm, RAS].
        radius_mm: radius of the ball [mm].
        rotations: (N, 3, 3); R, each view shows the image turned by R about its centre.
        points: (P, 3); points of the unit ball.

    Returns:
        (C, N, P) float32.
    """
    ijk_from_ras = geometry.ijk_from_ras
    linear = torch.as_tensor(ijk_from_ras[:3, :3] * radius_mm).to(points)
    centre_ijk = torch.as_tensor(ijk_from_ras[:3, :3] @ centre_ras + ijk_from_ras[:3, 3]).to(points)
    # the turned image at u is the image at R^T u; u as a row makes that u R
    ijk = points @ rotations @ linear.T + centre_ijk  # (N, P, 3)
    found = sample(features[None], ijk.reshape(1, 1, 1, -1, 3), padding="zeros")
    found = found.reshape(len(features), len(rotations), -1)
    found = found - found.mean(-1, keepdim=True)
    return found / found.norm(dim=-1, keepdim=True).clamp(min=1e-9)


class RotationBank:
    """Views of the fixed image under all rotations.

    Args:
        features: (C, K, J, I); channels of the fixed image.
        geometry: where its voxels lie.
        centre_ras: (3,); its centre [mm, RAS].
        radius_mm: radius of the ball that is compared [mm].
        count: number of rotations.
        points_across: grid points along the diameter of the ball.
    """

    def __init__(
        self,
        features: torch.Tensor,
        geometry: VolumeGeometry,
        centre_ras: np.ndarray,
        radius_mm: float,
        count: int = 4608,
        points_across: int = 20,
    ) -> None:
        self.rotations = low_discrepancy_rotations(count).to(features)
        self.points = ball_points(points_across, features.device)
        chunk = 256  # bounds the memory of the sampling coordinates
        # 16 bits are plenty for values around 1/60 and halve a memory of 130 MB
        self.views = [
            views(features, geometry, centre_ras, radius_mm, part, self.points).half()  # (C, 256, P)
            for part in self.rotations.split(chunk)
        ]

    def scores(
        self, features: torch.Tensor, geometry: VolumeGeometry, centre_ras: np.ndarray, radius_mm: float
    ) -> torch.Tensor:
        """Correlation of the moving image with the fixed one under every rotation.

        Args:
            features: (C, K, J, I); the same channels of the moving image.
            geometry: where its voxels lie.
            centre_ras: (3,); its centre [mm, RAS].
            radius_mm: radius of the ball, scaled like the object [mm].

        Returns:
            (C, N); -1 to 1; R of the bank maps moving from fixed.
        """
        identity = torch.eye(3).to(features)[None]
        view = views(features, geometry, centre_ras, radius_mm, identity, self.points)[:, 0]  # (C, P)
        return torch.cat([torch.einsum("cnp,cp->cn", part.to(view), view) for part in self.views], 1)


def best_distinct(
    rotations: torch.Tensor, scores: torch.Tensor, count: int, separation_deg: float
) -> torch.Tensor:
    """Greedy choice of the best rotations that differ from each other.

    Args:
        rotations: (N, 3, 3).
        scores: (N,); larger is better.
        count: how many, at most.
        separation_deg: smallest angle between two of them [degrees].

    Returns:
        (M,) int64, M <= count; indices, best first.
    """
    separation = math.radians(separation_deg)
    return greedy_choice(
        scores,
        count,
        lambda best: geodesic_distance(rotations, rotations[best].expand_as(rotations)) < separation,
    )
