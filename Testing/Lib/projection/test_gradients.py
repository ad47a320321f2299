from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import DetectorRays, rays_of_cameras
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.projection.backends import Backend
from DeepRegistrationLib.projection.projector import ProjectionSettings, project, project_with_tangents
from Testing.Lib.beams import pose_about_far, relative_difference
from Testing.Lib.pictures import FAR, oblique_geometry

CT = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct-bone" / "totalseg" / "example_ct.nii.gz"
BACKENDS = [Backend.TORCH, Backend.CPU_FUSED]


@pytest.fixture
def a_small_grid():
    return oblique_geometry((4, 5, 3), (6.0, 5.0, 7.0), FAR)


@pytest.fixture
def small_views():
    return [CArm(1020, 620, angle, 10, (9.0, 11.0), (4, 3)).camera(FAR + 2.0) for angle in (20, -75)]


@pytest.fixture
def small_values():
    return torch.rand(2, 2, 4, 5, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)


@pytest.fixture
def twists():
    return torch.tensor([[0.1, -0.2, 0.05, 3.0, -5.0, 2.0], [-0.2, 0.1, 0.3, 1.0, 4.0, -6.0]]).double()


def settings_of(backend):
    return ProjectionSettings(samples=200, backend=backend)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_in_the_volume_are_right(backend, a_small_grid, small_views, small_values, twists):
    def images(values):
        return project_with_tangents(
            values, a_small_grid, small_views, pose_about_far(twists), settings_of(backend)
        )

    assert torch.autograd.gradcheck(images, small_values.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_in_the_pose_are_right(backend, a_small_grid, small_views, small_values, twists):
    def images(twist):
        return project(small_values, a_small_grid, small_views, pose_about_far(twist), settings_of(backend))

    assert torch.autograd.gradcheck(images, twists.requires_grad_(), atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_in_an_affine_pose_are_right(backend, a_small_grid, small_views, small_values, twists):
    def images(linear):
        about = pose_about_far(torch.zeros(6, dtype=torch.float64))
        affine = about.clone()
        centre = torch.from_numpy(FAR)
        affine = torch.cat(
            [torch.cat([linear, (centre - linear @ centre)[:, None]], dim=1), about[3:]], dim=0
        )
        return project(small_values[:1], a_small_grid, small_views, affine[None], settings_of(backend))

    linear = torch.eye(3, dtype=torch.float64) + 0.1 * torch.randn(
        3, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64
    )
    assert torch.autograd.gradcheck(images, linear.requires_grad_(), atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_gradients_in_the_camera_are_right(backend, a_small_grid, small_views, small_values):
    rays = rays_of_cameras(small_views)

    def images(source, origin, column, row):
        moved = DetectorRays(source, origin, column, row, (3, 4))
        return project(small_values, a_small_grid, moved, settings=settings_of(backend))

    vectors = [
        v.clone().requires_grad_() for v in (rays.source, rays.origin, rays.column_step, rays.row_step)
    ]
    assert torch.autograd.gradcheck(images, vectors, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_of_the_pose_gradient_in_the_volume_is_right(
    backend, a_small_grid, small_views, small_values, twists
):
    """What training through the pose gradient needs: double backward."""
    target = torch.rand(2, 2, 3, 4, generator=torch.Generator().manual_seed(6), dtype=torch.float64)

    def pose_gradient(values):
        twist = twists.clone().requires_grad_()
        images = project(values, a_small_grid, small_views, pose_about_far(twist), settings_of(backend))
        loss = (images.tanh() - target).square().sum()
        return torch.autograd.grad(loss, twist, create_graph=True)[0]

    assert torch.autograd.gradcheck(pose_gradient, small_values.requires_grad_(), fast_mode=True, atol=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_gradient_of_a_function_of_the_tangent_images_is_right(
    backend, a_small_grid, small_views, small_values, twists
):
    def function(values):
        images, tangents = project_with_tangents(
            values, a_small_grid, small_views, pose_about_far(twists), settings_of(backend)
        )
        gradient = (images.sin()[:, :, None] * tangents).sum((1, 3, 4))
        return gradient / gradient.norm(dim=1, keepdim=True)

    assert torch.autograd.gradcheck(function, small_values.requires_grad_(), fast_mode=True, atol=1e-5)
    assert torch.autograd.gradgradcheck(function, small_values, fast_mode=True, atol=1e-4)


def test_tangent_images_are_the_derivatives_in_the_pose(a_small_grid, small_views, small_values):
    zero = torch.zeros(6, dtype=torch.float64)
    about = torch.eye(4, dtype=torch.float64)[None]
    about[0, :3, 3] = torch.from_numpy(FAR)
    options = {"settings": settings_of(Backend.CPU_FUSED)}
    _, tangents = project_with_tangents(
        small_values, a_small_grid, small_views, world_from_twist=about, **options
    )

    def images(twist):
        return project(small_values, a_small_grid, small_views, pose_about_far(twist)[None], **options)

    jacobian = torch.autograd.functional.jacobian(images, zero)  # (B, C, rows, columns, 6)
    torch.testing.assert_close(jacobian.movedim(-1, 2), tangents)


def test_a_pose_gradient_is_the_sum_of_image_gradient_times_tangents(a_small_grid, small_views, small_values):
    twist = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    about = torch.eye(4, dtype=torch.float64)[None]
    about[0, :3, 3] = torch.from_numpy(FAR)
    images, tangents = project_with_tangents(
        small_values, a_small_grid, small_views, pose_about_far(twist)[None], world_from_twist=about
    )
    images.square().sum().backward()
    by_hand = (2 * images.detach()[:, :, None] * tangents.detach()).sum((0, 1, 3, 4))
    torch.testing.assert_close(twist.grad, by_hand)


@pytest.mark.skipif(not CT.is_file(), reason="the public CT is not there: ../shared/data beside the checkout")
def test_tangent_images_of_a_real_ct_are_its_numerical_derivatives():
    ct = read_volume(CT)
    values = ((ct.values.double() + 1000).clamp(min=0) * 0.02e-3)[None, None]
    centre = ct.geometry.centre_ras
    camera = CArm(1020, 620, 10, -5, (9.0, 9.0), (32, 32)).camera(centre)
    images, tangents = project_with_tangents(values, ct.geometry, camera)
    middle = torch.eye(4, dtype=torch.float64)
    middle[:3, 3] = torch.from_numpy(centre)
    assert images.max() > 3  # a pelvis lets less than 5 % of the radiation pass
    # so small that hardly any sample passes from one voxel into the next, where the derivative jumps
    for number, step in enumerate([1e-8] * 3 + [1e-6] * 3):
        change = torch.zeros(6, dtype=torch.float64)
        change[number] = step
        moved = [middle @ se3_exp(sign * change) @ torch.linalg.inv(middle) for sign in (1, -1)]
        more, less = (project(values, ct.geometry, camera, pose[None]) for pose in moved)
        numerical = (more - less) / (2 * step)
        assert relative_difference(tangents[:, :, number], numerical) < 1e-3


def test_no_gradient_is_computed_where_none_is_wanted(a_small_grid, small_views, small_values, twists):
    images = project(small_values, a_small_grid, small_views, pose_about_far(twists))
    assert not images.requires_grad
    with torch.no_grad():
        pose = pose_about_far(twists.requires_grad_())
        assert not project(small_values, a_small_grid, small_views, pose).requires_grad
    assert np.isfinite(images.numpy()).all()
