import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.moments import centre_of_gravity_ras, principal_axes_ras, volume_mm3
from DeepRegistrationLib.images.volume import Volume
from Testing.Lib.pictures import FAR, blob, oblique_geometry, positions, rotation

GEOMETRY = oblique_geometry((40, 50, 60), (0.9, 1.1, 1.4), FAR)
CENTRE = FAR + np.array([3.0, -2.0, 4.0])
AXES = rotation((15, 60, -25))
RADII = np.array([18.0, 12.0, 7.0])


@pytest.fixture
def an_ellipsoid():
    """Mask with half axes of 18, 12 and 7 mm along the columns of AXES."""
    offset = (positions(GEOMETRY) - CENTRE) @ AXES
    return Volume(torch.tensor(((offset / RADII) ** 2).sum(-1) <= 1).int(), GEOMETRY, "ellipsoid")


def test_the_volume_of_an_ellipsoid_is_that_of_the_formula(an_ellipsoid):
    assert volume_mm3(an_ellipsoid) == pytest.approx(4 / 3 * np.pi * RADII.prod(), rel=0.01)


def test_the_centre_of_an_ellipsoid_far_away_is_its_centre(an_ellipsoid):
    np.testing.assert_allclose(centre_of_gravity_ras(an_ellipsoid), CENTRE, atol=0.05)


def test_the_centre_of_an_image_is_weighted_by_its_values():
    image = blob(GEOMETRY, CENTRE, 4.0)
    np.testing.assert_allclose(centre_of_gravity_ras(image), CENTRE, atol=1e-3)
    shifted = image.with_values(image.values + blob(GEOMETRY, CENTRE + 6, 4.0).values / 3)
    np.testing.assert_allclose(centre_of_gravity_ras(shifted), CENTRE + 1.5, atol=1e-2)


def test_negative_values_and_voxels_outside_the_mask_have_no_weight(an_ellipsoid):
    values = an_ellipsoid.values.float() * 5
    values[0] = -100.0
    values[:, :, :3] = 1000.0
    image = Volume(values, GEOMETRY)
    np.testing.assert_allclose(centre_of_gravity_ras(image, an_ellipsoid), CENTRE, atol=0.05)


def test_the_axes_of_an_oblique_ellipsoid_are_found_longest_first(an_ellipsoid):
    axes, deviation_mm = principal_axes_ras(an_ellipsoid)
    np.testing.assert_allclose(np.abs((axes * AXES).sum(0)), 1.0, atol=1e-3)
    # a full ellipsoid has a variance of a fifth of the squared half axis
    np.testing.assert_allclose(deviation_mm, RADII / np.sqrt(5), rtol=0.02)


def test_the_axes_are_a_rotation_with_a_fixed_choice_of_signs(an_ellipsoid):
    axes, _ = principal_axes_ras(an_ellipsoid)
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-12)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    for column in axes.T[:2]:
        assert column[np.abs(column).argmax()] > 0


def test_an_image_without_a_positive_voxel_has_no_centre(an_ellipsoid):
    nothing = an_ellipsoid.with_values(-an_ellipsoid.values, "nothing")
    with pytest.raises(InputError, match=r"'nothing' has no voxel above zero, so it has no centre\. Choose"):
        centre_of_gravity_ras(nothing)
    with pytest.raises(InputError, match="no voxel above zero inside its mask"):
        principal_axes_ras(an_ellipsoid, nothing.with_values(nothing.values * 0))
