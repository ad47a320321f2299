import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import rays_of_cameras
from DeepRegistrationLib.projection.beam_space import (
    BeamGrid,
    beam_grid_around,
    beam_to_volume,
    integrate_beam,
    volume_to_beam,
)
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from Testing.Lib.beams import pose_about_far, relative_difference
from Testing.Lib.pictures import FAR, blob, oblique_geometry, rigid


@pytest.fixture
def a_smooth_volume():
    """(1, 1, K, J, I) and its oblique grid: two blobs off the middle."""
    geometry = oblique_geometry((26, 24, 30), (2.5, 3.0, 2.0), FAR)
    first = blob(geometry, FAR + np.array([8.0, -6.0, 5.0]), 9.0).values
    second = blob(geometry, FAR + np.array([-10.0, 8.0, -6.0]), 11.0).values
    return (first - 0.5 * second)[None, None], geometry


@pytest.fixture
def a_narrow_beam():
    """Cuts the volume off at the sides."""
    camera = CArm(1020, 620, 35, -20, (2.4, 2.8), (36, 30)).camera(FAR)
    return rays_of_cameras(camera)


@pytest.fixture
def a_pose():
    return pose_about_far(torch.tensor([[0.1, 0.2, -0.1, 4.0, -3.0, 2.0]], dtype=torch.float64))


def test_the_volume_comes_back_from_beam_space_inside_the_cone(a_smooth_volume, a_narrow_beam, a_pose):
    values, geometry = a_smooth_volume
    grid = beam_grid_around(geometry, a_narrow_beam, 60, a_pose.numpy())
    beam = volume_to_beam(values, geometry, grid, a_pose)
    back, seen = beam_to_volume(beam, grid, geometry, a_pose)
    assert 0.3 < seen.mean() < 0.9
    error = (back - values).abs() * seen
    assert error.max() < 0.03 * values.abs().max()
    assert back[seen == 0].abs().max() == 0


def test_the_beam_comes_back_from_physical_space(a_smooth_volume, a_narrow_beam):
    values, geometry = a_smooth_volume
    grid = beam_grid_around(geometry, a_narrow_beam, 60)
    beam = volume_to_beam(values, geometry, grid)
    wide = oblique_geometry((60, 60, 60), (2.0, 2.0, 2.0), FAR, (5, 10, 15))
    back, seen = beam_to_volume(beam, grid, wide)
    again = volume_to_beam(back, wide, grid)
    whole = volume_to_beam(seen, wide, grid) > 0.999  # control points between voxels that are all seen
    assert whole.float().mean() > 0.5
    assert ((again - beam).abs() * whole).max() < 0.04 * beam.abs().max()


def test_a_voxel_takes_its_value_from_the_control_points_around_it(a_narrow_beam):
    # a beam volume that is linear in column, row and plane comes back exactly
    rays = a_narrow_beam
    grid = BeamGrid(rays, 0.55, 0.66, 20)
    rows, columns = rays.shape_px
    numbers = torch.meshgrid(*(torch.arange(n).double() for n in (20, rows, columns)), indexing="ij")
    beam = (numbers[2] + 10 * numbers[1] - 3 * numbers[0])[None, None]
    camera = CArm(1020, 620, 35, -20, (2.4, 2.8), (columns, rows)).camera(FAR)
    geometry = oblique_geometry((9, 8, 7), (2.0, 2.0, 2.0), FAR)
    values, seen = beam_to_volume(beam, grid, geometry)
    assert seen.min() == 1
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape_kji), indexing="ij")
    points = np.stack([i, j, k, np.ones_like(i)], -1) @ geometry.ras_from_ijk.T
    pixels, depth = camera.project(points[..., :3])
    planes = (depth / 1020 - 0.55) / (0.11 / 20) - 0.5
    np.testing.assert_allclose(
        values[0, 0].numpy(), pixels[..., 0] + 10 * pixels[..., 1] - 3 * planes, atol=1e-5
    )


def test_the_sum_of_a_beam_volume_is_the_radiograph(a_smooth_volume, a_narrow_beam, a_pose):
    values, geometry = a_smooth_volume
    values = values.double()
    grid = beam_grid_around(geometry, a_narrow_beam, 300, a_pose.numpy(), margin_mm=3.0)
    summed = integrate_beam(volume_to_beam(values, geometry, grid, a_pose), grid)
    image = project(values, geometry, a_narrow_beam, a_pose, ProjectionSettings(step_mm=0.3))
    assert relative_difference(summed, image) < 1e-3


def test_the_slab_reaches_from_the_nearest_to_the_farthest_corner(a_narrow_beam):
    geometry = oblique_geometry((5, 5, 5), (10.0, 10.0, 10.0), FAR, (0, 0, 0))
    grid = beam_grid_around(geometry, a_narrow_beam, 8)
    camera = CArm(1020, 620, 35, -20, (2.4, 2.8), (36, 30)).camera(FAR)
    _, depth = camera.project(geometry.corners_ras())
    assert grid.near * 1020 == pytest.approx(depth.min() - 5)
    assert grid.far * 1020 == pytest.approx(depth.max() + 5)


def test_a_volume_around_the_source_has_no_beam(a_narrow_beam):
    geometry = oblique_geometry((5, 5, 5), (300.0, 300.0, 300.0), FAR)
    with pytest.raises(InputError, match="behind the X-ray source"):
        beam_grid_around(geometry, a_narrow_beam, 8)


def test_gradients_of_both_ways_are_right():
    geometry = oblique_geometry((3, 4, 3), (6.0, 5.0, 7.0), FAR)
    camera = CArm(1020, 620, 20, 10, (9.0, 11.0), (4, 3)).camera(FAR + 2.0)
    rays = rays_of_cameras(camera)
    grid = beam_grid_around(geometry, rays, 3)
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(1, 1, 3, 4, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    beam = torch.rand(1, 1, 3, 3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    twist = torch.tensor([[0.1, 0.2, -0.1, 1.0, -2.0, 1.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda v, t: volume_to_beam(v, geometry, grid, pose_about_far(t)), (values, twist), atol=1e-4
    )
    assert torch.autograd.gradcheck(
        lambda b, t: beam_to_volume(b, grid, geometry, pose_about_far(t))[0], (beam, twist), atol=1e-4
    )


def test_two_cameras_have_two_beams(a_smooth_volume):
    values, geometry = a_smooth_volume
    cameras = [CArm(1020, 620, angle, 0, (4.0, 4.0), (20, 18)).camera(FAR) for angle in (0, 90)]
    rays = rays_of_cameras(cameras)
    grid = beam_grid_around(geometry, rays, 20)
    beams = volume_to_beam(values, geometry, grid)
    assert beams.shape == (2, 1, 20, 18, 20)
    alone = BeamGrid(rays_of_cameras(cameras[1]), grid.near, grid.far, 20)
    torch.testing.assert_close(volume_to_beam(values, geometry, alone), beams[1:])
    moved = rigid((0, 0, 0), (0.0, 0.0, 0.0))
    assert beam_to_volume(beams, grid, geometry, torch.from_numpy(moved)[None])[0].shape == (2, 1, 26, 24, 30)
