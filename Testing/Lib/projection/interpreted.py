"""Compares the GPU's kernels with the reference in Triton's interpreter: no GPU, but a process of its own."""

import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import rays_of_cameras
from DeepRegistrationLib.projection import cuda_fused, torch_reference
from DeepRegistrationLib.projection.index_rays import index_rays
from Testing.Lib.beams import relative_difference
from Testing.Lib.pictures import FAR, oblique_geometry


def compare() -> None:
    """Raises AssertionError if projections, moments or their adjoints differ."""
    geometry = oblique_geometry((6, 7, 5), (3.0, 4.0, 5.0), FAR)
    cameras = [CArm(1020, 620, angle, 10, (5.0, 4.0), (9, 11)).camera(FAR + 3.0) for angle in (20, 90)]
    maps = torch.from_numpy(geometry.ijk_from_ras)[None].expand(2, 4, 4)
    step = torch.tensor([4 / 1020, 4.4 / 1020], dtype=torch.float64)
    rays = index_rays(rays_of_cameras(cameras), maps, step, 0.5)
    generator = torch.Generator().manual_seed(0)
    for dtype, volumes, moments in (
        (torch.float64, 2, True),
        (torch.float32, 1, True),
        (torch.float32, 2, False),
    ):
        allowed = 1e-11 if dtype == torch.float64 else 2e-5
        values = torch.rand(volumes, 2, 6, 7, 5, generator=generator, dtype=dtype)
        expected = torch_reference.forward(values, rays, moments)
        assert relative_difference(cuda_fused.forward(values, rays, moments), expected) < allowed
        weights = torch.randn(expected.shape, generator=generator, dtype=dtype)
        expected = torch_reference.adjoint(weights, rays, tuple(values.shape))
        assert relative_difference(cuda_fused.adjoint(weights, rays, tuple(values.shape)), expected) < allowed
