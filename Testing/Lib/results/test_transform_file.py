import dataclasses

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from DeepRegistrationLib.images.write import to_sitk, write_nrrd
from DeepRegistrationLib.results.transform_file import read_transform, write_transform


def written(result, folder):
    write_transform(next(iter(result.transforms.values())), folder / "transform.tfm")
    return folder / "transform.tfm"


def test_itk_resamples_the_moving_file_into_the_picture_of_warped(a_result, tmp_path):
    write_nrrd(a_result.moving, tmp_path / "moving.nrrd")
    write_nrrd(a_result.warped, tmp_path / "warped.nrrd")
    transform = sitk.ReadTransform(str(written(a_result, tmp_path)))
    warped = sitk.ReadImage(str(tmp_path / "warped.nrrd"))
    moving = sitk.ReadImage(str(tmp_path / "moving.nrrd"))
    again = sitk.GetArrayFromImage(sitk.Resample(moving, warped, transform, sitk.sitkLinear, 0.0))
    expected = sitk.GetArrayFromImage(warped)
    assert expected.max() > 90  # there is something to see
    inside = (again > 0) & (expected > 0)  # the two may differ in the outermost half voxel
    assert inside.mean() > 0.3
    assert np.abs(again - expected)[inside].max() < 0.02
    # and that picture is the fixed image, up to interpolation
    fixed = sitk.GetArrayFromImage(to_sitk(a_result.fixed))
    assert np.corrcoef(again[inside], fixed[inside])[0, 1] > 0.999


def test_the_file_maps_points_to_better_than_a_nanometre_far_from_the_origin(a_result, tmp_path):
    transform = sitk.ReadTransform(str(written(a_result, tmp_path)))
    moving_ras = np.array([815.0, -1333.0, 600.0, 1.0])
    fixed_ras = a_result.fixed_from_moving @ moving_ras
    moving_lps = transform.TransformPoint((-fixed_ras[0], -fixed_ras[1], fixed_ras[2]))
    np.testing.assert_allclose(moving_lps, moving_ras[:3] * (-1, -1, 1), atol=1e-9)


def test_reading_back_gives_the_same_matrix(a_result, tmp_path):
    np.testing.assert_allclose(
        read_transform(written(a_result, tmp_path)), a_result.fixed_from_moving, rtol=1e-12, atol=1e-9
    )


def test_another_transform_file_is_refused(tmp_path):
    sitk.WriteTransform(sitk.Euler3DTransform(), str(tmp_path / "euler.tfm"))
    with pytest.raises(ValueError, match="Euler3DTransform_double_3_3"):
        read_transform(tmp_path / "euler.tfm")


def test_a_matrix_that_is_not_finite_is_not_written(a_result, tmp_path):
    answer = next(iter(a_result.transforms.values()))
    broken = dataclasses.replace(answer, matrix=answer.matrix * np.nan)
    with pytest.raises(ValueError, match="not an affine"):
        write_transform(broken, tmp_path / "transform.tfm")
    assert not (tmp_path / "transform.tfm").exists()


def test_the_warped_file_is_readable_by_pynrrd(a_result, tmp_path):
    write_nrrd(a_result.warped, tmp_path / "warped.nrrd")
    values, header = nrrd.read(str(tmp_path / "warped.nrrd"), index_order="C")
    np.testing.assert_array_equal(values, a_result.warped.values.numpy())
    assert header["space"] == "left-posterior-superior"
