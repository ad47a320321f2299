import numpy as np
import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from Testing.Lib.pictures import FAR, oblique_geometry, positions, rigid


@pytest.fixture
def a_geometry():
    return oblique_geometry((5, 6, 9), (0.7, 1.3, 2.9), FAR)


def test_spacing_extent_and_volume_follow_the_axes_and_not_the_array(a_geometry):
    np.testing.assert_allclose(a_geometry.spacing_mm, [0.7, 1.3, 2.9])
    np.testing.assert_array_equal(a_geometry.size_ijk, [9, 6, 5])
    np.testing.assert_allclose(a_geometry.extent_mm, [9 * 0.7, 6 * 1.3, 5 * 2.9])
    assert a_geometry.voxel_volume_mm3 == pytest.approx(0.7 * 1.3 * 2.9)


def test_the_centre_is_the_mean_of_all_voxel_positions(a_geometry):
    np.testing.assert_allclose(a_geometry.centre_ras, positions(a_geometry).mean((0, 1, 2)), atol=1e-9)


def test_a_position_has_the_index_it_was_computed_from(a_geometry):
    ras = np.append(positions(a_geometry)[4, 1, 7], 1.0)
    np.testing.assert_allclose((a_geometry.ijk_from_ras @ ras)[:3], [7, 1, 4], atol=1e-9)


def test_corners_are_the_corner_voxels_with_i_fastest(a_geometry):
    grid = positions(a_geometry)
    expected = [grid[k, j, i] for k in (0, -1) for j in (0, -1) for i in (0, -1)]
    np.testing.assert_allclose(a_geometry.corners_ras(), expected, atol=1e-9)


def test_a_rotated_grid_is_close_only_within_the_tolerance_at_its_corners(a_geometry):
    shifted = a_geometry.moved(rigid((0, 0, 0), (0.004, 0.0, 0.0)))
    assert a_geometry.is_close(shifted)
    assert not a_geometry.is_close(shifted, tolerance_mm=0.001)
    assert not a_geometry.is_close(VolumeGeometry((5, 6, 8), a_geometry.ras_from_ijk))


def test_moving_a_grid_moves_every_voxel(a_geometry):
    target_from_ras = rigid((30, -20, 10), (1.0, 2.0, 3.0))
    moved = positions(a_geometry) @ target_from_ras[:3, :3].T + target_from_ras[:3, 3]
    np.testing.assert_allclose(positions(a_geometry.moved(target_from_ras)), moved, atol=1e-8)


def test_a_singular_matrix_is_refused():
    with pytest.raises(InputError, match="singular"):
        VolumeGeometry((2, 2, 2), np.diag([1.0, 0.0, 1.0, 1.0]))
