import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.radiograph import Radiograph
from Testing.Lib.pictures import FAR


@pytest.fixture
def a_camera():
    """Unequal spacing, turned, far away; 23 columns and 14 rows leave a rest for blocks of 3."""
    return CArm(1020, 620, 20, 10, (2.0, 3.5), (23, 14)).camera(FAR)


@pytest.fixture
def a_ramp(a_camera):
    """Values that tell where on the detector a pixel is [mm along columns + 1000 x mm along rows]."""
    columns, rows = torch.arange(23.0), torch.arange(14.0)
    return Radiograph(2.0 * columns + 3500.0 * rows[:, None], a_camera, name="knee")


def shadow(radiograph, point):
    """Value of a radiograph of a ramp where a point of the patient throws its shadow, by interpolation."""
    (column, row), _ = radiograph.camera.project(point)
    values = radiograph.values.numpy()
    across = np.array([np.interp(column, np.arange(values.shape[1]), line) for line in values])
    return np.interp(row, np.arange(values.shape[0]), across)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_point_throws_its_shadow_on_the_same_place_of_the_reduced_radiograph(a_ramp, factor):
    reduced = a_ramp.reduced(factor)
    assert reduced.camera.image_size_px == (23 // factor, 14 // factor)
    for shift in ([4.0, -3.0, 2.0], [-2.0, 5.0, -1.0]):
        assert shadow(reduced, FAR + shift) == pytest.approx(shadow(a_ramp, FAR + shift), rel=1e-6)


def test_a_point_throws_its_shadow_on_the_same_place_of_a_part(a_ramp):
    mask = torch.ones(14, 23, dtype=torch.bool)
    mask[6, 9] = False
    part = Radiograph(a_ramp.values, a_ramp.camera, mask).cropped((3, 2), (15, 10))
    assert part.camera.image_size_px == (15, 10)
    assert (~part.mask).nonzero().tolist() == [[4, 6]]
    for shift in ([4.0, -3.0, 2.0], [-2.0, 5.0, -1.0]):
        assert shadow(part, FAR + shift) == pytest.approx(shadow(a_ramp, FAR + shift), rel=1e-6)


def test_a_part_that_lies_outside_is_refused(a_ramp):
    with pytest.raises(ValueError, match="does not lie within 23 x 14 pixels"):
        a_ramp.cropped((10, 0), (14, 14))


def test_a_reduced_pixel_is_used_where_all_of_its_pixels_are(a_ramp):
    mask = torch.ones(14, 23, dtype=torch.bool)
    mask[4, 7] = False
    masked = Radiograph(a_ramp.values, a_ramp.camera, mask, "knee").reduced(3)
    assert masked.name == "knee"
    assert (~masked.mask).nonzero().tolist() == [[1, 2]]
    assert bool(a_ramp.reduced(3).used().all())


def test_a_factor_of_one_changes_nothing_and_one_too_large_is_refused(a_ramp):
    assert a_ramp.reduced(1) is a_ramp
    with pytest.raises(InputError, match="'knee' of 23 x 14 pixels cannot be reduced by a factor of 15"):
        a_ramp.reduced(15)


def test_an_image_that_the_camera_did_not_take_is_refused(a_camera):
    with pytest.raises(InputError, match=r"has 22 x 14 pixels .*its camera 23 x 14.*Give the camera of this"):
        Radiograph(torch.zeros(14, 22), a_camera)
    with pytest.raises(InputError, match="Exchange columns and rows"):
        Radiograph(torch.zeros(23, 14), a_camera)


def test_pixels_without_a_number_and_an_empty_mask_are_refused(a_ramp):
    values = a_ramp.values.clone()
    values[3, 4] = torch.nan
    with pytest.raises(InputError, match="'knee' has 1 pixels that are not numbers"):
        Radiograph(values, a_ramp.camera, name="knee")
    with pytest.raises(InputError, match="its mask is empty"):
        Radiograph(a_ramp.values, a_ramp.camera, torch.zeros(14, 23, dtype=torch.bool))
