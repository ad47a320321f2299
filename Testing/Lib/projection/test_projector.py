import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.projector import (
    ProjectionSettings,
    project,
    project_volume,
    project_with_tangents,
)
from Testing.Lib.beams import box_chords, distances_from, pixel_positions
from Testing.Lib.pictures import FAR, blob, oblique_geometry, rigid

FINE = ProjectionSettings(step_mm=0.05)


@pytest.fixture(params=[(0, 0), (-75, 30)])
def a_camera(request):
    return CArm(1020, 620, *request.param, (2.1, 3.3), (41, 28), (18.5, 16.0)).camera(FAR)


def test_a_box_is_as_bright_as_the_rays_are_long_in_it(a_camera):
    geometry = oblique_geometry((19, 30, 22), (2.0, 1.5, 3.0), FAR + np.array([5.0, 3.0, -4.0]))
    box = Volume(torch.ones(geometry.shape_kji), geometry)
    chords, margin = box_chords(geometry, a_camera)
    clear = margin > 0.5  # nearer to an edge the fading borders of two faces overlap
    assert clear.sum() > 150
    found = project_volume(box, a_camera, settings=FINE).numpy()
    np.testing.assert_allclose(found[clear], chords[clear], rtol=5e-4)
    one_voxel_larger = oblique_geometry((21, 32, 24), (2.0, 1.5, 3.0), FAR + np.array([5.0, 3.0, -4.0]))
    missed = box_chords(one_voxel_larger, a_camera)[0] == 0
    assert missed.any()
    assert np.all(found[missed] == 0)


def test_a_ball_of_gaussian_density_has_its_exact_integral(a_camera):
    geometry = oblique_geometry((50, 54, 58), (1.6, 1.4, 1.5), FAR)
    centre = FAR + np.array([4.0, -3.0, 5.0])
    volume, sigma = blob(geometry, centre, 9.0), 9.0
    expected = sigma * np.sqrt(2 * np.pi) * np.exp(-(distances_from(centre, a_camera) ** 2) / (2 * sigma**2))
    found = project_volume(volume, a_camera).numpy()
    # interpolating between the voxels flattens the top by about (1.5 mm / 9 mm)^2 / 8
    np.testing.assert_allclose(found, expected, atol=0.006 * expected.max())


def test_a_ball_is_as_bright_as_its_chords(a_camera):
    geometry = oblique_geometry((60, 60, 60), (1.0, 1.0, 1.0), FAR)
    radius, distance = 25.0, distances_from(FAR, a_camera)
    away = np.linalg.norm(_positions(geometry) - FAR, axis=-1)
    ball = Volume(torch.tensor(np.clip(radius - away + 0.5, 0, 1), dtype=torch.float32), geometry)
    inner = distance < 0.9 * radius
    expected = 2 * np.sqrt(radius**2 - distance[inner] ** 2)
    found = project_volume(ball, a_camera, settings=ProjectionSettings(step_mm=0.25)).numpy()
    # the surface is made of voxels of 1 mm
    assert np.abs(found[inner] - expected).max() < 0.7
    assert abs(np.mean(found[inner] - expected)) < 0.05
    assert np.all(found[distance > radius + 2] == 0)


def _positions(geometry):
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape_kji), indexing="ij")
    return np.stack([i, j, k], -1) @ geometry.ras_from_ijk[:3, :3].T + geometry.ras_from_ijk[:3, 3]


def test_a_small_thing_appears_at_the_pixel_to_which_the_camera_projects_it(a_camera):
    geometry = oblique_geometry((30, 32, 28), (1.2, 1.4, 1.6), FAR)
    point = FAR + np.array([6.0, -5.0, 4.0])
    image = project_volume(blob(geometry, point, 3.0), a_camera).double().numpy()
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    centre = np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()
    np.testing.assert_allclose(centre, a_camera.project(point)[0], atol=0.05)


def test_moving_volume_and_camera_together_changes_nothing(an_oblique_grid, noise, two_views):
    target_from_world = rigid((40, 20, -70), (-3000.0, 800.0, 40.0))
    before = project(noise, an_oblique_grid, two_views)
    moved = [camera.moved(target_from_world) for camera in two_views]
    pose = torch.from_numpy(target_from_world)[None]
    torch.testing.assert_close(project(noise, an_oblique_grid, moved, pose), before, rtol=1e-9, atol=1e-9)
    carried = an_oblique_grid.moved(target_from_world)
    torch.testing.assert_close(project(noise, carried, moved), before, rtol=1e-9, atol=1e-9)


def test_a_batch_is_its_members_one_by_one(an_oblique_grid, noise, two_views, two_poses):
    other = oblique_geometry((10, 13, 12), (2.0, 2.5, 3.0), FAR + 7.0, (5, 80, 10))
    values = torch.cat([noise, noise.flip(2)])
    settings = ProjectionSettings(step_mm=1.5)
    together = project(values, [an_oblique_grid, other], two_views, two_poses, settings)
    for n, geometry in enumerate([an_oblique_grid, other]):
        alone = project(values[n : n + 1], geometry, two_views[n], two_poses[n : n + 1], settings)
        torch.testing.assert_close(together[n : n + 1], alone)
    one_volume = project(noise, an_oblique_grid, two_views[0], two_poses, settings)
    assert one_volume.shape == (2, 2, 11, 15)
    torch.testing.assert_close(
        one_volume[1:], project(noise, an_oblique_grid, two_views[0], two_poses[1:], settings)
    )


def test_channels_do_not_mix(an_oblique_grid, noise, two_views):
    both = project(noise, an_oblique_grid, two_views[0])
    torch.testing.assert_close(both[:, 1:], project(noise[:, 1:], an_oblique_grid, two_views[0]))


def test_a_volume_twice_as_large_is_twice_as_bright():
    geometry = oblique_geometry((12, 12, 12), (2.0, 2.0, 2.0), np.zeros(3), (0, 0, 0))
    ones = torch.ones(1, 1, 12, 12, 12, dtype=torch.float64)
    camera = CArm(1000, 500, 0, 0, (1.0, 1.0), (1, 1)).camera(np.zeros(3))
    doubled = torch.diag(torch.tensor([2.0, 2.0, 2.0, 1.0], dtype=torch.float64))[None]
    assert project(ones, geometry, camera, settings=FINE).item() == pytest.approx(24, rel=1e-5)
    assert project(ones, geometry, camera, doubled, FINE).item() == pytest.approx(48, rel=1e-5)


def test_what_is_behind_the_source_or_behind_the_detector_is_not_seen():
    geometry = oblique_geometry((8, 8, 8), (2.0, 2.0, 2.0), np.zeros(3), (0, 0, 0))
    ones = Volume(torch.ones(8, 8, 8), geometry)
    for away in (-700.0, 700.0):
        camera = CArm(1000, 600, 0, 0, (1.0, 1.0), (5, 5)).camera(np.array([0.0, away, 0.0]))
        assert project_volume(ones, camera).abs().max() == 0


def test_number_of_samples_and_step_are_two_words_for_one_thing(an_oblique_grid, noise, two_views):
    by_step = project(noise, an_oblique_grid, two_views[0], settings=ProjectionSettings(step_mm=1.02))
    by_number = project(noise, an_oblique_grid, two_views[0], settings=ProjectionSettings(samples=1000))
    torch.testing.assert_close(by_step, by_number)


def test_the_default_step_is_the_smallest_voxel_edge(an_oblique_grid, noise, two_views):
    by_step = project(noise, an_oblique_grid, two_views[0], settings=ProjectionSettings(step_mm=2.0))
    torch.testing.assert_close(project(noise, an_oblique_grid, two_views[0]), by_step)


def test_samples_lie_where_phase_and_number_say(an_oblique_grid, two_views):
    values = torch.rand(1, 1, 10, 13, 12, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    settings = ProjectionSettings(samples=300, phase=0.25)
    found = project(values, an_oblique_grid, two_views[0], settings=settings)[0, 0, 4, 9]
    source, pixel = two_views[0].source_ras, pixel_positions(two_views[0])[4, 9]
    points = source + (np.arange(300)[:, None] + 0.25) / 300 * (pixel - source)
    ijk = points @ an_oblique_grid.ijk_from_ras[:3, :3].T + an_oblique_grid.ijk_from_ras[:3, 3]
    total = sum(_trilinear(values[0, 0].numpy(), point) for point in ijk)
    assert found.item() == pytest.approx(total * np.linalg.norm(pixel - source) / 300, rel=1e-9)


def _trilinear(array, point):
    padded = np.pad(array, 2)
    low = np.floor(point).astype(int)
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        index = low + corner
        if np.all(index >= -2) and np.all(index < np.array(array.shape)[::-1] + 2):
            weight = np.prod(np.where(corner, point - low, 1 - point + low))
            total += weight * padded[tuple(index[::-1] + 2)]
    return total


def test_not_a_number_in_the_volume_is_seen_in_the_image(an_oblique_grid, noise, two_views):
    values = noise.float()
    values[0, 0, 5, 6, 6] = torch.nan
    image = project(values, an_oblique_grid, two_views[0])
    assert image[0, 0].isnan().any()
    assert not image[0, 1].isnan().any()


def test_tangent_images_describe_a_motion_in_the_frame_that_is_asked_for(an_oblique_grid, noise, two_views):
    frame = torch.from_numpy(rigid((30, 50, -20), FAR + np.array([40.0, 0.0, 10.0])))
    _, at_middle = project_with_tangents(noise, an_oblique_grid, two_views[0])
    _, elsewhere = project_with_tangents(noise, an_oblique_grid, two_views[0], world_from_twist=frame[None])
    axes = frame[:3, :3]
    shifts = torch.einsum("xy,bcxvu->bcyvu", axes, at_middle[:, :, 3:])
    torch.testing.assert_close(elsewhere[:, :, 3:], shifts)
    # a turn about another point is the same turn about the middle and a shift
    arm = torch.from_numpy(FAR) - frame[:3, 3]
    extra = torch.linalg.cross(axes.T, arm.expand(3, 3), dim=1)  # rows: axis x arm
    turns = torch.einsum("xy,bcxvu->bcyvu", axes, at_middle[:, :, :3])
    turns = turns + torch.einsum("yx,bcxvu->bcyvu", extra, at_middle[:, :, 3:])
    torch.testing.assert_close(elsewhere[:, :, :3], turns)


@pytest.mark.parametrize(
    "wrong", [{"step_mm": 1.0, "samples": 10}, {"step_mm": 0.0}, {"samples": -1}, {"phase": 1.0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"step_mm|phase"):
        ProjectionSettings(**wrong)


def test_batches_that_do_not_fit_are_refused(an_oblique_grid, noise, two_views, two_poses):
    three = torch.cat([two_poses, two_poses[:1]])
    with pytest.raises(ValueError, match="neither equal nor 1"):
        project(noise, an_oblique_grid, two_views, three)
    with pytest.raises(ValueError, match="geometry says"):
        project(noise[..., 1:], an_oblique_grid, two_views)
    with pytest.raises(ValueError, match=r"\(B, C, K, J, I\)"):
        project(noise[0], an_oblique_grid, two_views)
