import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from DeepRegistrationLib.images.moments import principal_axes_ras
from DeepRegistrationLib.images.pyramid import downsample, pyramid, smooth, with_spacing
from DeepRegistrationLib.images.volume import Volume
from Testing.Lib.pictures import FAR, blob, brightest_ras, oblique_geometry, positions, ramp

GEOMETRY = oblique_geometry((40, 50, 60), (0.9, 1.1, 1.4), FAR)
CENTRE = FAR + np.array([3.0, -2.0, 4.0])


def test_smoothing_adds_its_variance_equally_in_all_directions_of_unequal_voxels():
    smoothed = smooth(blob(GEOMETRY, CENTRE, 3.0), 4.0)
    np.testing.assert_allclose(principal_axes_ras(smoothed)[1], 5.0, rtol=0.01)
    np.testing.assert_allclose(brightest_ras(smoothed), CENTRE, atol=0.02)


def test_smoothing_is_the_gaussian_of_scipy_away_from_the_border():
    noise = Volume(torch.rand(40, 50, 60, generator=torch.Generator().manual_seed(0)), GEOMETRY)
    sigma_kji = 2.0 / GEOMETRY.spacing_mm[::-1]
    expected = gaussian_filter(noise.values.numpy(), sigma_kji, truncate=6)
    inner = np.s_[10:-10, 12:-12, 15:-15]
    np.testing.assert_allclose(smooth(noise, 2.0).values[inner], expected[inner], atol=1e-5)


def test_smoothing_keeps_a_constant_up_to_the_border_and_zero_sigma_keeps_everything():
    constant = Volume(torch.full((40, 50, 60), 7.0), GEOMETRY)
    torch.testing.assert_close(smooth(constant, 5.0).values, constant.values)
    image = blob(GEOMETRY, CENTRE)
    assert torch.equal(smooth(image, 0.0).values, image.values)


@pytest.mark.parametrize("spacing_mm", [2.0, 3.7, (1.8, 2.2, 2.8), 1.4])
def test_a_coarser_image_shows_the_same_picture_at_the_same_place(spacing_mm):
    coarse = downsample(blob(GEOMETRY, CENTRE, 4.0), spacing_mm)
    np.testing.assert_allclose(coarse.geometry.spacing_mm, np.broadcast_to(spacing_mm, 3))
    np.testing.assert_allclose(coarse.geometry.centre_ras, GEOMETRY.centre_ras, atol=1e-9)
    np.testing.assert_allclose(brightest_ras(coarse), CENTRE, atol=0.02)
    moved, before = coarse.geometry.ras_from_ijk[:3, :3], GEOMETRY.ras_from_ijk[:3, :3]
    np.testing.assert_allclose(moved / coarse.geometry.spacing_mm, before / GEOMETRY.spacing_mm, atol=1e-12)


def test_a_coarser_image_is_blurred_to_the_same_sharpness_along_unequal_axes():
    coarse = downsample(blob(GEOMETRY, CENTRE, 4.0), 3.7)
    axes_mm = GEOMETRY.ras_from_ijk[:3, :3] / GEOMETRY.spacing_mm
    offset = (positions(coarse.geometry) - CENTRE) @ axes_mm
    weights = coarse.values.numpy()[..., None]
    variance = (offset**2 * weights).sum((0, 1, 2)) / weights.sum()
    # a Gaussian whose full width at half maximum is one voxel: variance = spacing^2 / (8 ln 2)
    added = (3.7**2 - GEOMETRY.spacing_mm**2) / (8 * np.log(2))
    # linear interpolation at all fractions alike adds a sixth of a squared voxel
    interpolated = GEOMETRY.spacing_mm**2 / 6
    np.testing.assert_allclose(variance, 16.0 + added + interpolated, rtol=0.005)


def test_the_coarser_grid_covers_the_field_of_view_and_at_most_one_voxel_more():
    for spacing in (0.7, 1.0, 2.0, 3.7, 50.0):
        excess = with_spacing(GEOMETRY, spacing).extent_mm - GEOMETRY.extent_mm
        assert (excess > -1e-6 * spacing).all()
        assert (excess < spacing).all()


def test_halving_the_number_of_voxels_gains_none_by_rounding():
    assert with_spacing(GEOMETRY, (1.8, 2.2, 2.8)).shape_kji == (20, 25, 30)


def test_a_pattern_too_fine_for_the_coarser_grid_fades_instead_of_turning_into_another():
    image = torch.zeros(40, 50, 60)
    image[:, :, ::2] = 1.0
    geometry = oblique_geometry((40, 50, 60), (1.0, 1.0, 1.0), FAR)
    coarse = downsample(Volume(image, geometry), 3.0).values[2:-2, 2:-2, 2:-2]
    assert coarse.std() < 0.02
    assert coarse.mean() == pytest.approx(0.5, abs=0.01)


def test_a_ramp_stays_a_ramp_inside():
    coarse = downsample(ramp(GEOMETRY, (1.0, -2.0, 0.5), FAR), 2.5)
    expected = ramp(coarse.geometry, (1.0, -2.0, 0.5), FAR)
    inner = np.s_[3:-3, 3:-3, 3:-3]
    torch.testing.assert_close(coarse.values[inner], expected.values[inner], rtol=0, atol=2e-3)


def test_a_finer_grid_interpolates_without_smoothing():
    geometry = oblique_geometry((8, 9, 10), (0.9, 1.1, 1.4), FAR)
    image = Volume(torch.rand(8, 9, 10, generator=torch.Generator().manual_seed(0)), geometry)
    fine = downsample(image, geometry.spacing_mm / 3)
    torch.testing.assert_close(fine.values[1::3, 1::3, 1::3], image.values, rtol=0, atol=1e-6)


def test_a_pyramid_has_one_image_for_each_voxel_size_in_the_order_asked_for():
    levels = pyramid(blob(GEOMETRY, CENTRE), (4.0, 2.0, 1.5))
    assert [level.geometry.spacing_mm[0] for level in levels] == pytest.approx([4.0, 2.0, 1.5])
    assert [level.values.dtype for level in levels] == [torch.float32] * 3


def test_integer_images_are_smoothed_as_numbers_with_fractions():
    steps = Volume(torch.arange(8).reshape(2, 2, 2), oblique_geometry((2, 2, 2), (1, 1, 1), FAR))
    smoothed = smooth(steps, 1.0).values
    assert smoothed.dtype == torch.float32
    assert 0 < smoothed[0, 0, 0] < 3


@pytest.mark.parametrize("spacing", [0.0, -1.0, float("nan")])
def test_a_voxel_size_that_is_not_positive_is_refused(spacing):
    with pytest.raises(ValueError, match="must be positive"):
        with_spacing(GEOMETRY, spacing)
