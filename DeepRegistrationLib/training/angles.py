"""Rotation errors as figures for logs and validation."""

import torch

from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate

FAILED_DEG = 30.0
"""A refinement that starts further away may end in the wrong place."""


def mean_angle_deg(estimate: RotationEstimate, rotation: torch.Tensor) -> torch.Tensor:
    """Scalar; mean geodesic distance [degrees], without gradient."""
    return geodesic_distance(estimate.matrix.detach(), rotation).mean().rad2deg()


def angle_figures(estimate: RotationEstimate, rotation: torch.Tensor) -> dict[str, float]:
    """Mean, median and share of failures."""
    angle = geodesic_distance(estimate.matrix.detach(), rotation).rad2deg()
    return {
        "mean angle [deg]": angle.mean().item(),
        "median angle [deg]": angle.median().item(),
        f"above {FAILED_DEG:g} deg [%]": 100 * (angle > FAILED_DEG).float().mean().item(),
    }
