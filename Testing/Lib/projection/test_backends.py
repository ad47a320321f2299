import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.projection.backends import Backend, backend_module
from DeepRegistrationLib.projection.projector import ProjectionSettings, project, project_with_tangents
from Testing.Lib.beams import relative_difference
from Testing.Lib.pictures import FAR, oblique_geometry

ROOT = Path(__file__).resolve().parents[3]
TORCH, FUSED = (ProjectionSettings(backend=b) for b in (Backend.TORCH, Backend.CPU_FUSED))


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 2e-5), (torch.float64, 1e-11)])
def test_the_fused_kernel_computes_what_the_reference_computes(
    an_oblique_grid, noise, two_views, two_poses, dtype, allowed
):
    inputs = (noise.to(dtype), an_oblique_grid, two_views, two_poses)
    images, tangents = project_with_tangents(*inputs, TORCH)
    fused_images, fused_tangents = project_with_tangents(*inputs, FUSED)
    assert fused_images.dtype == dtype
    assert relative_difference(fused_images, images) < allowed
    assert relative_difference(fused_tangents, tangents) < allowed
    assert relative_difference(project(*inputs, FUSED), images) < allowed


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 2e-5), (torch.float64, 1e-11)])
@pytest.mark.parametrize("volumes", [1, 2])
def test_gradients_in_volume_and_pose_are_those_of_the_reference(
    an_oblique_grid, noise, two_views, two_poses, dtype, allowed, volumes
):
    found = []
    weights = torch.randn(2, 2, 7, 11, 15, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for settings in (TORCH, FUSED):
        values = torch.cat([noise, noise.flip(3)])[:volumes].to(dtype).requires_grad_()
        poses = two_poses.clone().requires_grad_()
        images, tangents = project_with_tangents(values, an_oblique_grid, two_views, poses, settings)
        ((images * weights[:, :, 0]).sum() + (tangents * weights[:, :, 1:]).sum()).backward()
        found.append((values.grad, poses.grad[:, None]))
    for reference, fused in zip(*found, strict=True):
        assert relative_difference(fused, reference) < allowed


def test_the_number_of_threads_changes_no_digit(an_oblique_grid, noise, two_views, two_poses):
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            values = noise.float().requires_grad_()
            images, tangents = project_with_tangents(values, an_oblique_grid, two_views, two_poses, FUSED)
            (images.square().sum() + tangents.sum()).backward()
            results.append((images.detach(), tangents.detach(), values.grad))
    finally:
        torch.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert torch.equal(one, two)


def test_memory_that_is_not_contiguous_is_read_right(an_oblique_grid, noise, two_views):
    strided = noise.permute(0, 1, 4, 3, 2).contiguous().permute(0, 1, 4, 3, 2)
    assert torch.equal(
        project(strided, an_oblique_grid, two_views[0], settings=FUSED),
        project(noise, an_oblique_grid, two_views[0], settings=FUSED),
    )


def test_a_volume_of_one_slice_is_projected_alike_by_both(two_views):
    geometry = oblique_geometry((1, 9, 1), (3.0, 3.0, 3.0), FAR)
    values = torch.rand(1, 1, 1, 9, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fine = {"step_mm": 0.3}
    images = [
        project(values, geometry, two_views, settings=ProjectionSettings(backend=b, **fine))
        for b in (Backend.TORCH, Backend.CPU_FUSED)
    ]
    assert images[0].max() > 1
    torch.testing.assert_close(images[0], images[1])


def test_a_backend_that_cannot_run_here_is_refused_with_what_can(noise):
    with pytest.raises(RegistrationError, match=r"'cuda-fused'.*on 'cpu' and not on 'cuda'.*cpu-fused"):
        backend_module(Backend.CUDA_FUSED, noise)
    with pytest.raises(RegistrationError, match="bfloat16"):
        backend_module(Backend.CPU_FUSED, noise.bfloat16())


def test_the_fused_backend_of_the_device_is_the_choice(noise):
    assert backend_module(Backend.AUTO, noise).__name__.endswith("cpu_fused")
    assert backend_module(Backend.AUTO, noise.half()).__name__.endswith("torch_reference")


def test_without_numba_the_reference_runs(noise, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert backend_module(Backend.AUTO, noise).__name__.endswith("torch_reference")


@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="triton is not installed")
def test_the_kernels_for_the_gpu_compute_the_same_in_tritons_interpreter():
    program = "import torch\nfrom Testing.Lib.projection import interpreted\ninterpreted.compare()\n"
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 5e-5), (torch.float64, 1e-10)])
def test_the_kernels_on_the_gpu_compute_what_the_reference_computes(
    an_oblique_grid, noise, two_views, two_poses, dtype, allowed
):
    found = []
    weights = torch.randn(2, 2, 7, 11, 15, generator=torch.Generator().manual_seed(1), dtype=dtype)
    for settings, device in ((TORCH, "cpu"), (ProjectionSettings(backend=Backend.CUDA_FUSED), "cuda")):
        values = noise.to(dtype).to(device).requires_grad_()
        poses = two_poses.clone().requires_grad_()
        images, tangents = project_with_tangents(values, an_oblique_grid, two_views, poses, settings)
        on_device = weights.to(device)
        ((images * on_device[:, :, 0]).sum() + (tangents * on_device[:, :, 1:]).sum()).backward()
        found.append([x.detach().cpu() for x in (images, tangents, values.grad, poses.grad[:, None])])
    for reference, fused in zip(*found, strict=True):
        assert relative_difference(fused, reference) < allowed


def test_only_pixels_and_not_samples_take_memory(an_oblique_grid, two_views):
    psutil = pytest.importorskip("psutil")
    camera = two_views[0].resized((512, 512))
    values = torch.ones(1, 1, 10, 13, 12)
    process = psutil.Process()
    project(values, an_oblique_grid, camera, settings=ProjectionSettings(step_mm=2.0))
    before = process.memory_info().rss
    image = project(values, an_oblique_grid, camera, settings=ProjectionSettings(step_mm=0.2))
    # 150 samples on each of 262144 rays would take 160 MB for the values alone; an image takes 1 MB
    assert process.memory_info().rss - before < 30e6
    assert np.isfinite(image.numpy()).all()


def test_a_pose_that_is_no_number_is_refused(an_oblique_grid, noise, two_views, two_poses):
    two_poses[0, 1, 3] = torch.nan
    with pytest.raises(ValueError, match="NaN"):
        project(noise, an_oblique_grid, two_views, two_poses, FUSED)


@pytest.mark.parametrize("margins", [(2, 3, 1, 4, 2, 0), (0, 9, 0, 0, 0, 0), (0, 0, 0, 0, 0, 11)])
def test_empty_margins_of_a_volume_are_left_out_and_nothing_else(
    an_oblique_grid, noise, two_views, two_poses, margins
):
    values = torch.zeros_like(noise)
    k0, k1, j0, j1, i0, i1 = margins
    inside = (..., slice(k0, 10 - k1), slice(j0, 13 - j1), slice(i0, 12 - i1))
    values[inside] = noise[inside]
    values[0, 1] = 0  # nothing at all in the second channel
    found = project_with_tangents(values, an_oblique_grid, two_views, two_poses, FUSED)
    expected = project_with_tangents(values, an_oblique_grid, two_views, two_poses, TORCH)
    assert found[0][:, 0].max() > 0
    for one, other in zip(found, expected, strict=True):
        assert relative_difference(one, other) < 1e-11
