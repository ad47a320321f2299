"""Start poses from transform files, whatever wrote them."""

import numpy as np
import pytest
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.pose_file import read_pose
from DeepRegistrationLib.results.transform_file import write_transform
from DeepRegistrationLib.workflows.result import NamedTransform
from Testing.Lib.pictures import rigid

POSE = rigid((20, -35, 50), (812.0, -340.0, 95.5))


def test_the_transform_of_a_result_is_the_start_of_the_next(tmp_path):
    write_transform(NamedTransform(POSE, "CT RAS", "world RAS"), tmp_path / "transform.tfm")
    np.testing.assert_allclose(read_pose(tmp_path / "transform.tfm"), POSE, atol=1e-9)


@pytest.mark.parametrize("suffix", ["tfm", "txt", "h5"])
def test_a_point_of_the_fixed_image_goes_where_itk_sends_it(tmp_path, suffix):
    transform = sitk.Euler3DTransform((100.0, -50.0, 20.0), 0.3, -0.2, 0.9, (7.0, 8.0, -9.0))
    sitk.WriteTransform(transform, str(tmp_path / f"start.{suffix}"))
    fixed_from_moving = read_pose(tmp_path / f"start.{suffix}")
    fixed_lps = np.array([12.0, -31.0, 44.0])
    moving_lps = np.array(transform.TransformPoint(fixed_lps.tolist()))
    to_ras = np.array([-1.0, -1.0, 1.0])  # x and y change sign between LPS and RAS
    back = fixed_from_moving[:3, :3] @ (moving_lps * to_ras) + fixed_from_moving[:3, 3]
    np.testing.assert_allclose(back, fixed_lps * to_ras, atol=1e-9)


def affine(matrix):
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(np.asarray(matrix, dtype=float).ravel().tolist())
    return transform


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (affine(np.diag([1.1, 1.0, 1.0])), "is not rigid"),
        (affine(np.diag([-1.0, 1.0, 1.0])), "singular, mirrored or holds no numbers"),
        (affine(np.diag([0.0, 1.0, 1.0])), "singular, mirrored or holds no numbers"),
        (sitk.Euler2DTransform(), "not linear in 3D"),
        (sitk.BSplineTransform(3), "not linear in 3D"),
    ],
    ids=["scaled", "mirrored", "singular", "flat", "bent"],
)
def test_what_is_no_rigid_transform_is_refused(tmp_path, transform, text):
    sitk.WriteTransform(transform, str(tmp_path / "start.tfm"))
    with pytest.raises(InputError, match=text):
        read_pose(tmp_path / "start.tfm")


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_pose(tmp_path / "missing.tfm")
    (tmp_path / "letter.tfm").write_text("Dear colleague")
    with pytest.raises(InputError, match="no transform file that can be read"):
        read_pose(tmp_path / "letter.tfm")
