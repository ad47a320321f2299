"""Small patients for tests of the X-ray synthesis: no symmetry, bone within soft tissue."""

import torch

from DeepRegistrationLib.data.xray_cubes import XrayCube, xray_cube


def a_patient(voxel_mm: float = 8.0, size: tuple[int, int, int] = (40, 36, 38)) -> XrayCube:
    """An ellipsoid of soft tissue with a bent bar of bone and a ball beside it."""
    k, j, i = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in size), indexing="ij")
    body = ((i / 0.9) ** 2 + (j / 0.7) ** 2 < 1).float()
    bar = ((i - 0.3 * k**2) ** 2 + (j - 0.2) ** 2 < 0.03).float()
    ball = ((i + 0.5) ** 2 + (j + 0.1) ** 2 + (k - 0.4) ** 2 < 0.05).float()
    bone = torch.maximum(bar, ball) * body
    return xray_cube("patient", torch.stack([body + 0.8 * bone, bone, bone, bar * body]), voxel_mm)
