import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.grid import sample_plane
from DeepRegistrationLib.geometry.in_plane import (
    about_point,
    image_space_matrix,
    in_plane_angle,
    in_plane_matrix,
    in_plane_part,
    invert_in_plane,
)
from DeepRegistrationLib.geometry.rigid import rigid_matrix, se3_exp
from DeepRegistrationLib.geometry.us_calibration import UltrasoundCalibration, euler_deg


@pytest.fixture
def a_calibration():
    """Oblique, with two pixel sizes, far from the probe's origin."""
    rigid = se3_exp(torch.tensor([0.7, -1.1, 0.4, 120.0, -80.0, 300.0], dtype=torch.float64)).numpy()
    return UltrasoundCalibration((0.08, 0.13), (-16.0, 2.0), rigid)


def test_a_positive_angle_turns_the_picture_clockwise_on_the_screen():
    picture = torch.zeros(1, 1, 41, 41)
    picture[0, 0, 5, 20] = 1  # a dot above the centre: row 5, column 20
    turned_from_picture = about_point(
        in_plane_matrix(torch.tensor(math.radians(90.0)), torch.zeros(2)), torch.tensor([20.0, 20.0])
    )
    rows, columns = torch.meshgrid(torch.arange(41.0), torch.arange(41.0), indexing="ij")
    pixels = torch.stack([columns, rows, torch.ones_like(rows)], -1)
    source = (pixels @ torch.linalg.inv(turned_from_picture).T)[..., :2]
    turned = sample_plane(picture, source[None])
    # twelve o'clock goes to three o'clock: row 20, column 35
    assert divmod(int(turned.argmax()), 41) == (20, 35)


def test_the_angle_comes_back_from_the_matrix_and_the_inverse_undoes_it():
    angle = torch.tensor([-3.0, -0.1, 0.0, 0.2, 2.9], dtype=torch.float64)
    shift = torch.tensor([[3.0, -7.0]], dtype=torch.float64).expand(5, -1)
    matrix = in_plane_matrix(angle, shift)
    torch.testing.assert_close(in_plane_angle(matrix), angle)
    eye = torch.eye(3, dtype=torch.float64).expand(5, -1, -1)
    torch.testing.assert_close(invert_in_plane(matrix) @ matrix, eye)


def test_in_image_space_only_the_third_euler_angle_moves():
    matrix = in_plane_matrix(torch.tensor(math.radians(-4.0), dtype=torch.float64), torch.tensor([1.0, 2.0]))
    np.testing.assert_allclose(euler_deg(image_space_matrix(matrix)), [0, 0, -4], atol=1e-12)


def test_a_turn_is_split_into_what_lies_in_the_image_and_the_tilt_out_of_it():
    about_w = rigid_matrix(_turn([0, 0, math.radians(6.0)]), torch.zeros(3, dtype=torch.float64))
    tilt = rigid_matrix(_turn([math.radians(3.0), math.radians(4.0), 0]), torch.ones(3, dtype=torch.float64))
    for motion in (about_w @ tilt, tilt @ about_w):
        angle, rest = in_plane_part(motion.numpy())
        assert math.degrees(angle) == pytest.approx(6.0, abs=1e-9)
        assert math.degrees(rest) == pytest.approx(5.0, abs=1e-9)


def _turn(vector):
    from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector

    return matrix_from_rotation_vector(torch.tensor(vector, dtype=torch.float64))


def test_pixels_go_to_the_probe_and_back(a_calibration):
    pixel = np.array([[0.0, 0.0, 0.0], [812.0, 15.0, 0.0], [300.0, 600.0, 0.0]])
    probe = pixel @ a_calibration.probe_from_pixel[:3, :3].T + a_calibration.probe_from_pixel[:3, 3]
    np.testing.assert_allclose(a_calibration.image_from_probe(probe), pixel, atol=1e-9)
    # 100 columns of 0.08 mm are 8 mm, also seen from the probe
    step = a_calibration.probe_from_pixel @ [100, 0, 0, 0]
    assert np.linalg.norm(step) == pytest.approx(8.0)


def test_a_calibration_matrix_is_taken_apart_and_put_together(a_calibration):
    again = UltrasoundCalibration.from_matrix(a_calibration.probe_from_pixel)
    np.testing.assert_allclose(again.probe_from_pixel, a_calibration.probe_from_pixel, atol=1e-12)
    np.testing.assert_allclose(again.scale_mm, (0.08, 0.13))


def test_in_probe_space_the_turn_keeps_its_size_and_is_about_the_images_normal(a_calibration):
    turn = image_space_matrix(in_plane_matrix(torch.tensor(0.1, dtype=torch.float64), torch.zeros(2)))
    in_probe = a_calibration.in_probe_space(turn)
    axis = a_calibration.probe_from_image[:3, 2]
    np.testing.assert_allclose(in_probe[:3, :3] @ axis, axis, atol=1e-12)
    assert np.arccos((np.trace(in_probe[:3, :3]) - 1) / 2) == pytest.approx(0.1)
    assert np.abs(euler_deg(in_probe)[:2]).min() > 0.1  # no longer about z alone


def test_a_calibration_that_is_sheared_or_empty_is_refused():
    with pytest.raises(InputError, match="instead of 90"):
        UltrasoundCalibration.from_matrix(
            np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
        )
    with pytest.raises(InputError, match="not zero"):
        UltrasoundCalibration.from_matrix(np.zeros((4, 4)))
