"""Displacement grids as files: what ITK does with them, and that they come back."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.geometry.displacement import DisplacementField, warp_points
from DeepRegistrationLib.results.grid_transform_file import read_grid_transform, write_grid_transform
from Testing.Lib.pictures import FAR, oblique_geometry

GRID = oblique_geometry((7, 8, 9), (2.0, 3.1, 4.4), FAR)
LPS = np.array([-1.0, -1.0, 1.0])


@pytest.fixture
def a_field():
    vectors = torch.randn(*GRID.shape_kji, 3, generator=torch.Generator().manual_seed(3))
    return DisplacementField(vectors, GRID)


def test_itk_sends_points_of_the_world_where_the_field_does(a_field, tmp_path):
    write_grid_transform(a_field, tmp_path / "transform.h5")
    transform = sitk.ReadTransform(str(tmp_path / "transform.h5"))
    for ijk in ((2.3, 4.1, 3.7), (6.9, 1.2, 5.5)):
        point = GRID.ras_from_ijk[:3, :3] @ ijk + GRID.ras_from_ijk[:3, 3]
        moved = np.array(transform.TransformPoint((point * LPS).tolist())) * LPS
        expected = warp_points(a_field, torch.from_numpy(point)[None])[0].numpy()
        assert np.abs(moved - expected).max() < 1e-4
        assert np.abs(moved - point).max() > 0.05  # it does move


def test_a_field_comes_back_as_it_was(a_field, tmp_path):
    write_grid_transform(a_field, tmp_path / "transform.h5")
    found = read_grid_transform(tmp_path / "transform.h5")
    assert found.geometry.is_close(GRID, 1e-6)
    assert torch.allclose(found.vectors, a_field.vectors)


def test_another_transform_is_refused(tmp_path):
    sitk.WriteTransform(sitk.AffineTransform(3), str(tmp_path / "transform.h5"))
    with pytest.raises(ValueError, match="holds no displacement field"):
        read_grid_transform(tmp_path / "transform.h5")


def test_a_disk_without_room_is_told_before_a_byte_is_written(a_field, a_full_disk):
    with pytest.raises(OSError, match="No space left"):
        write_grid_transform(a_field, a_full_disk / "transform.h5")
    assert list(a_full_disk.iterdir()) == []
