import numpy as np
import pytest
import SimpleITK as sitk

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.frames import (
    check_axes,
    itk_of_ras_from_ijk,
    ras_from_ijk_of_itk,
    ras_from_lps_points,
    resampling_lps_from_to_parent_ras,
    to_parent_ras_from_resampling_lps,
)
from DeepRegistrationLib.images.itk_image import from_sitk, to_sitk
from Testing.Lib.pictures import FAR, about, blob, brightest_ras, oblique_geometry, rigid, rotation


def test_a_point_on_the_left_and_behind_is_negative_in_ras_and_positive_in_lps():
    np.testing.assert_array_equal(ras_from_lps_points(np.array([10.0, 20.0, 30.0])), [-10.0, -20.0, 30.0])


def test_the_matrix_of_an_itk_image_sends_indices_where_itk_sends_them():
    image = sitk.Image(7, 8, 9, sitk.sitkFloat32)
    image.SetOrigin((FAR * [-1, -1, 1]).tolist())
    image.SetSpacing((0.7, 1.3, 2.9))
    image.SetDirection(rotation((20, -35, 50)).ravel().tolist())
    matrix = ras_from_ijk_of_itk(image.GetOrigin(), image.GetSpacing(), image.GetDirection())
    index = np.array([6.0, 2.0, 5.0])
    lps = image.TransformContinuousIndexToPhysicalPoint(index.tolist())
    np.testing.assert_allclose(
        matrix[:3, :3] @ index + matrix[:3, 3], ras_from_lps_points(np.array(lps)), atol=1e-9
    )


def test_origin_spacing_and_direction_of_a_matrix_give_the_matrix_again():
    matrix = oblique_geometry((5, 6, 7), (0.7, 1.3, 2.9), FAR).ras_from_ijk
    np.testing.assert_allclose(ras_from_ijk_of_itk(*itk_of_ras_from_ijk(matrix)), matrix, atol=1e-9)


def test_itk_resampling_with_the_converted_transform_moves_the_picture_as_the_node_says():
    moving = oblique_geometry((40, 42, 44), (1.5, 1.1, 1.8), FAR)
    at = FAR + np.array([6.0, -4.0, 3.0])
    arrives_at = np.array([11.0, -7.0, 5.0])
    to_parent = about(rotation((70, 15, -40)), at, arrives_at)
    fixed = oblique_geometry((40, 40, 40), (1.4, 1.4, 1.7), arrives_at + 3, (-10, 25, 5))
    lps = resampling_lps_from_to_parent_ras(to_parent)
    transform = sitk.AffineTransform(lps[:3, :3].ravel().tolist(), lps[:3, 3].tolist())
    moved = sitk.Resample(to_sitk(blob(moving, at, 4.0)), to_sitk(blob(fixed, at)), transform)
    np.testing.assert_allclose(brightest_ras(from_sitk(moved)), arrives_at, atol=0.02)


def test_converting_a_node_transform_for_itk_and_back_gives_it_again():
    to_parent = rigid((12, 80, -160), FAR)
    np.testing.assert_allclose(
        to_parent_ras_from_resampling_lps(resampling_lps_from_to_parent_ras(to_parent)), to_parent, atol=1e-9
    )


def test_rounded_direction_cosines_are_accepted():
    matrix = oblique_geometry((5, 6, 7), (0.7, 1.3, 2.9), FAR).ras_from_ijk.copy()
    matrix[:3, 0] += 5e-4 * matrix[:3, 1]
    check_axes(matrix, "scan")


def test_a_sheared_image_is_refused_with_its_angle():
    matrix = np.diag([2.0, 2.0, 2.0, 1.0])
    matrix[:3, 0] = 2 * np.array([np.cos(0.1), np.sin(0.1), 0])
    with pytest.raises(
        InputError, match=r"axes of 'scan' are sheared: two of them are 5\.7 degrees .* Resample"
    ):
        check_axes(matrix, "scan")


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (0.0, r"direction matrix of 'scan' is singular .*Correct the image header"),
        (np.nan, r"The place of 'scan' is not known: .*Correct the image header"),
        (np.inf, r"The place of 'scan' is not known: .*Correct the image header"),
    ],
)
def test_a_direction_matrix_without_volume_is_refused(entry, text):
    with pytest.raises(InputError, match=text):
        check_axes(np.diag([1.0, entry, 1.0, 1.0]), "scan")
