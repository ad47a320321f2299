"""Slices cut from a brain lie where they are said to lie."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.evaluation.metrics import bin_of
from DeepRegistrationLib.evaluation.network_errors import MIDDLE
from DeepRegistrationLib.evaluation.slice_cut import Acquisition, cut_slice, draw_slices, rigid_about
from DeepRegistrationLib.evaluation.turned_subject import Draw
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from Testing.Lib.evaluation.conftest import GRID, TURNED, WEEK, known_subject
from Testing.Lib.pictures import FAR, about, positions

CLEAN = Acquisition(thickness_mm=1.0, noise=0.0, bias=0.0)


@pytest.fixture(scope="module")
def some_poses():
    return draw_slices(4, 0, seed=3)


def test_each_pixel_shows_the_tissue_at_its_place(a_subject, an_atlas, some_poses):
    image, _, _ = fetal_brain_phantom(WEEK, spacing_mm=1.6)
    for pose in some_poses:
        cut = cut_slice(a_subject, an_atlas, pose, CLEAN)
        points = positions(cut.image.geometry)[0]
        in_atlas = points @ cut.atlas_from_slice[:3, :3].T + cut.atlas_from_slice[:3, 3]
        expected = at(image, in_atlas)
        inside = cut.mask.values[0].numpy()
        found = cut.image.values[0].numpy()
        assert inside.sum() > 500
        assert np.corrcoef(found[inside], expected[inside])[0, 1] > 0.98
        # one pixel beside it is another picture
        assert np.corrcoef(found[inside], np.roll(expected, 3, axis=1)[inside])[0, 1] < 0.7


def test_the_slice_lies_in_the_plane_that_was_drawn(a_subject, an_atlas, some_poses):
    for pose in some_poses:
        cut = cut_slice(a_subject, an_atlas, pose)
        places = cut.points_ras() @ cut.atlas_from_slice[:3, :3].T + cut.atlas_from_slice[:3, 3]
        heights = (places - an_atlas.centre_ras) @ pose.rotation[2] / an_atlas.radius_mm
        np.testing.assert_allclose(heights, pose.offset, atol=1e-6)
        axes = cut.image.geometry.ras_from_ijk[:3, :3] / cut.image.geometry.spacing_mm
        np.testing.assert_allclose(cut.atlas_from_slice[:3, :3] @ axes, pose.rotation.T, atol=1e-9)


def test_a_larger_brain_is_cut_at_the_same_relative_height(an_atlas, a_subject, some_poses):
    scale = 1.15
    larger = about(scale * TURNED, [0, 0, 0], FAR)
    image, mask, _ = fetal_brain_phantom(WEEK, ras_from_phantom=larger, geometry=GRID)
    pose = some_poses[0]
    cut, usual = (
        cut_slice(known_subject(image, mask, larger), an_atlas, pose),
        cut_slice(a_subject, an_atlas, pose),
    )
    assert len(cut.points_ras()) == pytest.approx(scale**2 * len(usual.points_ras()), rel=0.02)
    # the answer is rigid, and the centroid of the section goes to its place in the plane
    np.testing.assert_allclose(np.linalg.det(cut.atlas_from_slice[:3, :3]), 1.0)
    places = [(one.atlas_from_slice @ np.append(one.centre_ras, 1.0))[:3] for one in (cut, usual)]
    np.testing.assert_allclose(places[0], places[1], atol=0.3)
    height = (places[0] - an_atlas.centre_ras) @ pose.rotation[2] / an_atlas.radius_mm
    assert height == pytest.approx(pose.offset, abs=1e-6)


def test_every_slice_lies_elsewhere_in_the_scanner(a_subject, an_atlas, some_poses):
    first, second = (cut_slice(a_subject, an_atlas, pose) for pose in some_poses[:2])
    assert rotation_error_deg(first.image.geometry.ras_from_ijk, second.image.geometry.ras_from_ijk) > 5
    assert first.image.values.shape[0] == 1


def test_a_cut_is_the_same_every_time(a_subject, an_atlas, some_poses):
    first, second = (cut_slice(a_subject, an_atlas, some_poses[0]) for _ in range(2))
    assert torch.equal(first.image.values, second.image.values)


def test_noise_and_sensitivity_are_as_strong_as_asked(a_subject, an_atlas, some_poses):
    clean = cut_slice(a_subject, an_atlas, some_poses[0], Acquisition(noise=0.0, bias=0.0))
    noisy = cut_slice(a_subject, an_atlas, some_poses[0], Acquisition(noise=0.1, bias=0.0))
    inside = clean.mask.values
    difference = (noisy.image.values - clean.image.values)[inside]
    brightest = float(clean.image.values[inside].quantile(0.99))
    assert float(difference.std()) == pytest.approx(0.1 * brightest, rel=0.1)
    uneven = cut_slice(a_subject, an_atlas, some_poses[0], Acquisition(noise=0.0, bias=0.3))
    ratio = (uneven.image.values / clean.image.values.clamp(min=1e-3))[inside].log()
    assert 0.1 < float(ratio.std()) < 0.6


def test_slices_point_upwards_and_come_from_the_middle():
    poses = draw_slices(300, 0, seed=0)
    assert all(pose.rotation[2, 2] >= 0 for pose in poses)
    # the longest semi-axis of the ellipsoid that stands for the brain is 1.15 radii
    offsets = np.abs([pose.offset for pose in poses])
    assert 0.5 * MIDDLE < offsets.max() <= 1.15 * MIDDLE
    np.testing.assert_allclose([np.linalg.det(pose.rotation) for pose in poses], 1.0)


def test_slices_per_bin_fill_all_bins_and_do_not_depend_on_the_others():
    poses = draw_slices(3, 2, seed=0)
    drawn = [pose for pose in poses if pose.draw == Draw.BIN]
    assert [bin_of(pose.turned_deg) for pose in drawn] == [0, 1, 2, 3, 4, 5] * 2
    again = draw_slices(1, 1, seed=0)
    assert [pose.seed for pose in again] == [poses[0].seed, *(pose.seed for pose in drawn[:6])]
    assert len({pose.seed for pose in poses}) == len(poses)


def test_a_scale_is_taken_out_about_a_point():
    point = np.array([10.0, -20.0, 30.0])
    found = rigid_about(about(1.3 * TURNED, point, FAR), point)
    np.testing.assert_allclose(found[:3, :3], TURNED)
    np.testing.assert_allclose((found @ np.append(point, 1.0))[:3], FAR)


def at(image, points):
    """Trilinear values of an image at points (..., 3) [mm], by scipy."""
    from scipy.ndimage import map_coordinates

    matrix = np.linalg.inv(image.geometry.ras_from_ijk)
    ijk = points @ matrix[:3, :3].T + matrix[:3, 3]
    return map_coordinates(image.values.numpy(), np.moveaxis(ijk[..., ::-1], -1, 0), order=1)
