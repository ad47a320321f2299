import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.report.planes import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Region,
    brain_region,
    plane_geometry,
    slice_of,
    to_grey,
    window,
)


@pytest.fixture
def an_oblique_head():
    """A ball at (300, -200, 100) with bright spots at the patient's left, anterior and superior sides."""
    turn = np.array([[0.8, -0.6, 0.0], [0.48, 0.64, -0.6], [0.36, 0.48, 0.8]])
    matrix = np.eye(4)
    matrix[:3, :3] = turn * (2.0, 1.5, 2.5)
    centre = np.array([300.0, -200.0, 100.0])
    shape = (40, 60, 50)
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2)
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    ras = np.stack([i, j, k], -1) @ matrix[:3, :3].T + matrix[:3, 3] - centre
    values = 100.0 * (np.linalg.norm(ras, axis=-1) < 30)
    for spot in ((-15, 15, 0), (-15, 0, 15), (0, 15, 15)):  # one in each of the three planes
        values[np.linalg.norm(ras - spot, axis=-1) < 6] = 1000
    return Volume(torch.as_tensor(values, dtype=torch.float32), VolumeGeometry(shape, matrix), "head")


@pytest.mark.parametrize(
    ("view", "is_right", "is_upper"), [(AXIAL, True, True), (CORONAL, True, True), (SAGITTAL, False, True)]
)
def test_left_is_on_the_right_and_anterior_is_up_or_on_the_left(an_oblique_head, view, is_right, is_upper):
    plane = plane_geometry(view, brain_region(an_oblique_head), 1.0)
    picture = slice_of(an_oblique_head, plane)
    rows, columns = np.nonzero(picture > 600)
    assert len(rows) > 50
    assert (columns.mean() > picture.shape[1] / 2) == is_right
    assert (rows.mean() < picture.shape[0] / 2) == is_upper


def test_the_letters_name_the_directions():
    names = {
        "L": (-1, 0, 0),
        "R": (1, 0, 0),
        "A": (0, 1, 0),
        "P": (0, -1, 0),
        "S": (0, 0, 1),
        "I": (0, 0, -1),
    }
    for view in (AXIAL, CORONAL, SAGITTAL):
        left, right, top, bottom = (np.array(names[letter]) for letter in view.letters)
        np.testing.assert_array_equal(right, view.right)
        np.testing.assert_array_equal(left, -right)
        np.testing.assert_array_equal(bottom, view.down)
        np.testing.assert_array_equal(top, -bottom)


def test_the_region_surrounds_the_brain_wherever_it_lies(an_oblique_head):
    region = brain_region(an_oblique_head)
    np.testing.assert_allclose(region.centre_ras, (300, -200, 100), atol=6)
    assert (region.extent_mm >= 60).all()
    assert (region.extent_mm < 80).all()


def test_a_plane_goes_through_the_middle_with_the_given_pixels():
    region = Region(np.array([10.0, 20.0, 30.0]), np.array([80.0, 100.0, 60.0]))
    plane = plane_geometry(CORONAL, region, 0.5)
    assert plane.shape_kji == (1, 120, 160)
    np.testing.assert_allclose(plane.centre_ras, region.centre_ras)
    np.testing.assert_allclose(plane.spacing_mm[:2], 0.5)


def test_a_few_extreme_voxels_do_not_darken_the_picture(an_oblique_head):
    values = an_oblique_head.values.clone()
    values[20, 30, 25] = 1e6
    black, white = window(an_oblique_head.with_values(values))
    assert white <= 1000
    assert to_grey(np.array([black - 1, black, white, 1e6]), (black, white)).tolist() == [0, 0, 1, 1]


def test_an_image_without_background_is_shown_whole():
    values = torch.linspace(500, 600, 1000).reshape(10, 10, 10)
    geometry = VolumeGeometry((10, 10, 10), np.diag([3.0, 3.0, 3.0, 1.0]))
    region = brain_region(Volume(values, geometry))
    assert (region.extent_mm >= 27).all()
