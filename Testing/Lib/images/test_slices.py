"""Slices: read from files, taken out of volumes, masked."""

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.slices import (
    UNKNOWN_THICKNESS_MM,
    is_flat_picture,
    one_slice,
    read_slices,
    slice_axis,
    slices_along_k,
)
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nifti, write_nrrd
from Testing.Lib.pictures import FAR, oblique_geometry, positions


def a_volume(shape_kji, spacing_mm):
    values = torch.arange(np.prod(shape_kji), dtype=torch.float32).reshape(shape_kji)
    return Volume(values, oblique_geometry(shape_kji, spacing_mm, FAR), "stack")


@pytest.mark.parametrize("write", [write_nrrd, write_nifti], ids=["nrrd", "nifti"])
def test_a_file_with_one_slice_is_read_where_it_lies(write, tmp_path):
    volume = a_volume((1, 7, 9), (1.1, 1.3, 4.0))
    path = tmp_path / ("s.nrrd" if write is write_nrrd else "s.nii.gz")
    write(volume, path)
    found = read_slices(path)
    assert torch.equal(found.values, volume.values)
    assert found.geometry.is_close(volume.geometry)


def test_a_stack_is_read_like_any_volume(tmp_path):
    volume = a_volume((5, 7, 9), (1.1, 1.3, 4.0))
    write_nrrd(volume, tmp_path / "s.nrrd")
    assert torch.equal(read_slices(tmp_path / "s.nrrd").values, volume.values)


def test_a_flat_picture_with_pixel_size_becomes_one_slice(tmp_path):
    picture = sitk.GetImageFromArray(np.arange(63, dtype=np.float32).reshape(7, 9))
    picture.SetSpacing((1.1, 1.3))
    sitk.WriteImage(picture, str(tmp_path / "p.mha"))
    found = read_slices(tmp_path / "p.mha")
    assert found.geometry.shape_kji == (1, 7, 9)
    np.testing.assert_allclose(found.geometry.spacing_mm, (1.1, 1.3, UNKNOWN_THICKNESS_MM))
    assert is_flat_picture(tmp_path / "p.mha")


def test_a_picture_without_pixel_size_is_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.eye(8, dtype=np.uint8)), str(tmp_path / "p.png"))
    with pytest.raises(InputError, match="size of its pixels"):
        read_slices(tmp_path / "p.png")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_slices(tmp_path / "none.nii.gz")


def test_an_empty_mask_of_one_slice_is_refused(tmp_path):
    mask = a_volume((1, 7, 9), (1.0, 1.0, 3.0))
    write_nrrd(mask.with_values(torch.zeros(1, 7, 9, dtype=torch.uint8)), tmp_path / "m.nrrd")
    with pytest.raises(InputError, match="is empty"):
        read_slices(tmp_path / "m.nrrd", labels=True)


@pytest.mark.parametrize(
    ("shape_kji", "spacing_mm", "axis"),
    [
        ((1, 7, 9), (1, 1, 1), 2),
        ((7, 9, 1), (1, 1, 1), 0),
        ((7, 1, 9), (3, 1, 1), 1),
        ((7, 8, 9), (1, 4, 1), 1),
        ((7, 8, 9), (1.0, 1.02, 1.0), 2),
    ],
)
def test_slices_are_counted_along_the_thin_or_the_coarse_axis(shape_kji, spacing_mm, axis):
    assert slice_axis(oblique_geometry(shape_kji, spacing_mm, FAR)) == axis


@pytest.mark.parametrize("spacing_mm", [(4.0, 1.0, 1.2), (1.0, 4.0, 1.2), (1.0, 1.2, 4.0)])
def test_exchanging_axes_moves_no_voxel_and_keeps_the_handedness(spacing_mm):
    volume = a_volume((4, 5, 6), spacing_mm)
    turned = slices_along_k(volume)
    assert slice_axis(turned.geometry) == 2
    assert turned.geometry.spacing_mm[2] == pytest.approx(4.0)
    place = {
        float(v): p
        for v, p in zip(volume.values.flatten(), positions(volume.geometry).reshape(-1, 3), strict=True)
    }
    for value, position in zip(
        turned.values.flatten(), positions(turned.geometry).reshape(-1, 3), strict=True
    ):
        np.testing.assert_allclose(position, place[float(value)], atol=1e-9)
    determinants = [np.linalg.det(v.geometry.ras_from_ijk[:3, :3]) for v in (volume, turned)]
    assert determinants[0] * determinants[1] > 0


def test_one_slice_stays_where_it_was():
    volume = a_volume((4, 5, 6), (1.0, 1.2, 4.0))
    found = one_slice(volume, 2)
    assert torch.equal(found.values[0], volume.values[2])
    np.testing.assert_allclose(positions(found.geometry)[0], positions(volume.geometry)[2])


def test_a_slice_beyond_the_last_is_refused():
    with pytest.raises(InputError, match="has the slices 0 to 3"):
        one_slice(a_volume((4, 5, 6), (1.0, 1.2, 4.0)), 4)


def test_the_brain_in_one_slice_is_found_without_holes():
    y, x = np.mgrid[-50:50:1.2, -60:60:1.2]
    brain = (x / 40) ** 2 + (y / 30) ** 2 < 1
    hole = x**2 + y**2 < 49
    values = torch.tensor(np.where(brain & ~hole, 700.0, 0.0) + np.where((x - 52) ** 2 + y**2 < 16, 600, 0))
    matrix = np.diag([1.2, 1.2, 3.0, 1.0])
    picture = Volume(values.float()[None], VolumeGeometry((1, *values.shape), matrix), "slice")
    mask = find_brain_mask(picture).values[0].numpy()
    assert 2 * (mask & brain).sum() / (mask.sum() + brain.sum()) > 0.97
