import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.geometry.frames import resampling_lps_from_to_parent_ras
from DeepRegistrationLib.images import resample as resample_module
from DeepRegistrationLib.images.itk_image import to_sitk
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.images.volume import Volume
from Testing.Lib.pictures import (
    FAR,
    about,
    blob,
    brightest_ras,
    oblique_geometry,
    positions,
    ramp,
    rotation,
)


@pytest.fixture
def moving_geometry():
    return oblique_geometry((40, 42, 44), (1.5, 1.1, 1.8), FAR)


@pytest.fixture
def target_geometry():
    return oblique_geometry((30, 36, 33), (1.9, 1.4, 1.7), FAR + 2, (-10, 25, 5))


def test_a_blob_is_found_at_its_place_on_another_grid(moving_geometry, target_geometry):
    at = FAR + np.array([4.0, -3.0, 5.0])
    found = resample(blob(moving_geometry, at, 4.0), target_geometry)
    assert found.geometry is target_geometry
    np.testing.assert_allclose(brightest_ras(found), at, atol=0.01)


def test_a_blob_is_found_where_the_map_sends_it(moving_geometry):
    at = FAR + np.array([4.0, -3.0, 5.0])
    arrives_at = np.array([-60.0, 20.0, 35.0])
    fixed_from_moving = about(rotation((70, 15, -140)), at, arrives_at)
    target = oblique_geometry((40, 40, 40), (1.4, 1.4, 1.7), arrives_at + 3, (-10, 25, 5))
    found = resample(blob(moving_geometry, at, 4.0), target, np.linalg.inv(fixed_from_moving))
    np.testing.assert_allclose(brightest_ras(found), arrives_at, atol=0.01)


def test_a_ramp_keeps_its_value_at_every_position(moving_geometry):
    gradient = np.array([1.0, -2.0, 0.5])
    inside = oblique_geometry((12, 14, 13), (1.1, 0.9, 1.3), FAR + 1, (40, -5, 80))
    found = resample(ramp(moving_geometry, gradient, FAR), inside)
    np.testing.assert_allclose(found.values, ramp(inside, gradient, FAR).values, atol=2e-4)


@pytest.mark.parametrize("labels", [False, True])
@pytest.mark.parametrize("outside", [0.0, -1024.0])
def test_every_voxel_is_the_one_that_itk_computes(moving_geometry, labels, outside):
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 3000, moving_geometry.shape_kji, generator=generator, dtype=torch.int32)
    moving = Volume(values if labels else values.float(), moving_geometry)
    wide = oblique_geometry((30, 36, 33), (3.1, 2.4, 2.7), FAR, (-10, 25, 5))  # reaches over all borders
    fixed_from_moving = about(rotation((30, -15, 10)), FAR, FAR + 4)
    lps = resampling_lps_from_to_parent_ras(fixed_from_moving)
    transform = sitk.AffineTransform(lps[:3, :3].ravel().tolist(), lps[:3, 3].tolist())
    reference = to_sitk(Volume(torch.zeros(wide.shape_kji), wide))
    interpolator = sitk.sitkNearestNeighbor if labels else sitk.sitkLinear
    expected = sitk.Resample(to_sitk(moving), reference, transform, interpolator, outside)
    found = resample(moving, wide, np.linalg.inv(fixed_from_moving), labels, outside)
    difference = np.abs(found.values.numpy() - sitk.GetArrayFromImage(expected))
    assert (found.values == outside).sum() > 1000
    if labels:
        assert np.count_nonzero(difference) == 0
    else:
        # rounding of a continuous index decides at the very border and costs 1e-5 of 3000 within
        assert np.count_nonzero(difference > 0.2) <= 2


def test_labels_keep_value_and_type_exactly(moving_geometry, target_geometry):
    values = torch.randint(0, 2, moving_geometry.shape_kji) * (2**31 - 1)
    found = resample(Volume(values.int(), moving_geometry), target_geometry, labels=True)
    assert found.values.dtype == torch.int32
    assert set(found.values.unique().tolist()) == {0, 2**31 - 1}


def test_a_field_of_view_is_filled_to_the_edges_of_its_outermost_voxels():
    geometry = oblique_geometry((4, 5, 6), (2.0, 3.0, 4.0), FAR)
    finer = oblique_geometry((16, 20, 24), (0.5, 0.75, 1.0), FAR)
    assert resample(Volume(torch.ones(4, 5, 6), geometry), finer).values.min() > 0.999999
    wider = oblique_geometry((18, 22, 26), (0.5, 0.75, 1.0), FAR)
    assert resample(Volume(torch.ones(4, 5, 6), geometry), wider).values.sum() == pytest.approx(16 * 20 * 24)


def test_a_single_slice_is_as_thick_as_its_spacing():
    axes = (20, -35, 50)
    geometry = oblique_geometry((1, 20, 22), (1.0, 1.2, 6.2), FAR, axes)
    across = oblique_geometry((9, 5, 5), (1, 1, 1), FAR, axes)
    found = resample(Volume(torch.ones(1, 20, 22), geometry), across)
    assert found.values[:, 2, 2].tolist() == pytest.approx([0, 1, 1, 1, 1, 1, 1, 1, 0])


def test_slabs_change_nothing(moving_geometry, target_geometry, monkeypatch):
    moving = blob(moving_geometry, FAR, 5.0)
    whole = resample(moving, target_geometry)
    monkeypatch.setattr(resample_module, "_SLAB_POINTS", 36 * 33 * 7)
    torch.testing.assert_close(resample(moving, target_geometry).values, whole.values, rtol=0, atol=1e-6)


def test_positions_are_never_all_in_memory_at_once(monkeypatch):
    sizes = []
    original = resample_module.affine_grid

    def watched(matrix, shape_kji, first_k):
        sizes.append(int(np.prod(shape_kji)))
        return original(matrix, shape_kji, first_k)

    monkeypatch.setattr(resample_module, "affine_grid", watched)
    moving = blob(oblique_geometry((30, 26, 26), (3, 3, 3), FAR), FAR)
    resample(moving, oblique_geometry((150, 128, 128), (0.5, 0.5, 0.5), FAR))
    assert sum(sizes) == 150 * 128 * 128
    assert max(sizes) <= 2**19


def test_a_target_that_the_volume_does_not_reach_is_outside_everywhere(target_geometry):
    away = blob(oblique_geometry((8, 9, 10), (1.5, 1.1, 1.8), FAR + 300), FAR + 300)
    found = resample(away, target_geometry, outside=-7.0)
    assert found.values.unique().tolist() == [-7.0]


def test_a_small_volume_in_a_corner_of_the_target_is_found_whole(target_geometry):
    corner = target_geometry.corners_ras()[6]
    small = blob(oblique_geometry((8, 9, 10), (1.5, 1.1, 1.8), corner, (5, 60, -30)), corner)
    found = resample(small.with_values(small.values * 0 + 1), target_geometry)
    index = (positions(target_geometry) - small.geometry.ras_from_ijk[:3, 3]) @ np.linalg.inv(
        small.geometry.ras_from_ijk[:3, :3]
    ).T
    inside = ((index >= -0.5) & (index < np.array([10, 9, 8]) - 0.5)).all(-1)
    assert inside.sum() > 50
    np.testing.assert_allclose(found.values, inside.astype(float), atol=1e-6)


def test_double_precision_images_stay_double(target_geometry):
    exact = Volume(torch.tensor(positions(target_geometry)[..., 0]), target_geometry)
    found = resample(exact, target_geometry)
    assert found.values.dtype == torch.float64
    torch.testing.assert_close(found.values, exact.values, rtol=0, atol=1e-8)
