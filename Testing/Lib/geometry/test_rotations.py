import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import (
    euler_xyz_extrinsic_from_matrix,
    geodesic_distance,
    hat,
    matrix_from_6d,
    matrix_from_euler_xyz_extrinsic,
    matrix_from_quaternion,
    matrix_from_rotation_vector,
    quaternion_from_matrix,
    rotation_vector_from_matrix,
    sixd_from_matrix,
)

ANGLES = [0.0, 1e-12, 1e-8, 1e-5, 1e-3, 0.1, 0.4999, 0.5001, 1.0, 2.0, 3.0, math.pi - 1e-4, math.pi - 1e-9]
AXES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 2, -2], [-1, 1e-4, 1e-9], [3, -4, 12]], dtype=float)
AXES /= np.linalg.norm(AXES, axis=1, keepdims=True)
PAIRS = {
    "rotation vector": (rotation_vector_from_matrix, matrix_from_rotation_vector),
    "quaternion": (quaternion_from_matrix, matrix_from_quaternion),
    "six numbers": (sixd_from_matrix, matrix_from_6d),
    "euler": (euler_xyz_extrinsic_from_matrix, matrix_from_euler_xyz_extrinsic),
}


@pytest.fixture
def hard_vectors():
    """(A, B, 3) float64; rotation vectors from zero to almost pi about several axes."""
    return torch.tensor(np.multiply.outer(np.array(ANGLES), AXES))


def test_a_quarter_turn_about_z_carries_x_to_y():
    quarter = matrix_from_rotation_vector(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    turned = quarter @ torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(turned, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64))


def test_the_hat_matrix_is_the_cross_product():
    v, w = torch.tensor([1.0, -2.0, 3.0]), torch.tensor([0.5, 4.0, -1.0])
    torch.testing.assert_close(hat(v) @ w, torch.linalg.cross(v, w))


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 3e-15), (torch.float32, 1e-6)])
def test_every_form_gives_the_same_matrix_again(name, dtype, tolerance, hard_vectors):
    to_form, to_matrix = PAIRS[name]
    hard = matrix_from_rotation_vector(hard_vectors.to(dtype)).flatten(0, 1)
    anywhere = uniform_random_rotations(500, torch.Generator().manual_seed(0), dtype)
    rotations = torch.cat([hard, anywhere])
    torch.testing.assert_close(to_matrix(to_form(rotations)), rotations, rtol=0, atol=tolerance)


def test_rotation_vectors_come_back_from_zero_to_almost_half_a_turn(hard_vectors):
    back = rotation_vector_from_matrix(matrix_from_rotation_vector(hard_vectors))
    torch.testing.assert_close(back, hard_vectors, rtol=0, atol=1e-14)


def test_small_rotation_vectors_keep_their_relative_precision():
    small = torch.tensor([[3e-9, -4e-9, 1e-9], [2e-5, 1e-5, -3e-5]], dtype=torch.float64)
    back = rotation_vector_from_matrix(matrix_from_rotation_vector(small))
    torch.testing.assert_close(back, small, rtol=1e-7, atol=0)


def test_a_vector_longer_than_half_a_turn_comes_back_as_the_short_way_round():
    axis = torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64) / 3
    back = rotation_vector_from_matrix(matrix_from_rotation_vector(axis * 4.0))
    torch.testing.assert_close(back, axis * (4.0 - 2 * math.pi))


def test_half_a_turn_comes_back_up_to_the_sign_of_its_axis():
    axes = torch.tensor(AXES)
    half = 2 * axes[:, :, None] * axes[:, None, :] - torch.eye(3, dtype=torch.float64)
    vectors = rotation_vector_from_matrix(half)
    torch.testing.assert_close(vectors.norm(dim=-1), torch.full((len(axes),), math.pi, dtype=torch.float64))
    torch.testing.assert_close(matrix_from_rotation_vector(vectors), half, rtol=0, atol=1e-14)


def test_matrix_vector_quaternion_and_euler_agree_with_scipy():
    rotations = uniform_random_rotations(200, torch.Generator().manual_seed(1))
    reference = Rotation.from_matrix(rotations.numpy())
    np.testing.assert_allclose(rotation_vector_from_matrix(rotations), reference.as_rotvec(), atol=1e-12)
    quaternions = reference.as_quat(canonical=True)[:, [3, 0, 1, 2]]  # scipy: x, y, z, w
    np.testing.assert_allclose(quaternion_from_matrix(rotations), quaternions, atol=1e-12)
    # lower case means extrinsic
    np.testing.assert_allclose(
        euler_xyz_extrinsic_from_matrix(rotations), reference.as_euler("xyz"), atol=1e-12
    )


@pytest.mark.parametrize("b", [math.pi / 2, -math.pi / 2])
def test_euler_angles_in_the_locked_position_give_the_matrix_again(b):
    rotation = matrix_from_euler_xyz_extrinsic(torch.tensor([0.3, b, -0.8], dtype=torch.float64))
    angles = euler_xyz_extrinsic_from_matrix(rotation)
    assert angles[2] == 0
    torch.testing.assert_close(matrix_from_euler_xyz_extrinsic(angles), rotation, rtol=0, atol=1e-12)


@pytest.mark.parametrize("offset", [1e-3, 1e-5, 1e-7, 1e-9])
def test_euler_angles_near_the_locked_position_give_the_matrix_again(offset):
    rotation = matrix_from_euler_xyz_extrinsic(
        torch.tensor([0.3, math.pi / 2 - offset, -0.8], dtype=torch.float64)
    )
    angles = euler_xyz_extrinsic_from_matrix(rotation)
    torch.testing.assert_close(matrix_from_euler_xyz_extrinsic(angles), rotation, rtol=0, atol=2e-8)


def test_a_quaternion_of_any_length_gives_a_rotation():
    quaternion = torch.tensor([0.2, -3.0, 1.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(matrix_from_quaternion(quaternion), matrix_from_quaternion(-7 * quaternion))


def test_any_six_numbers_give_a_rotation_that_keeps_the_first_direction():
    six = torch.randn(100, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    rotation = matrix_from_6d(six)
    eye = torch.eye(3, dtype=torch.float64).expand(100, 3, 3)
    torch.testing.assert_close(rotation.mT @ rotation, eye)
    torch.testing.assert_close(torch.linalg.det(rotation), torch.ones(100, dtype=torch.float64))
    first = six[:, :3] / six[:, :3].norm(dim=1, keepdim=True)
    torch.testing.assert_close(rotation[:, :, 0], first)


@pytest.mark.parametrize("angle", [*ANGLES, math.pi, 5.0])
def test_gradient_of_the_matrix_by_the_rotation_vector_is_right(angle):
    vector = torch.tensor(AXES[3:] * angle, requires_grad=True)
    assert torch.autograd.gradcheck(matrix_from_rotation_vector, vector)


@pytest.mark.parametrize("angle", [*ANGLES[:-1], math.pi - 1e-5])
def test_gradient_through_matrix_and_back_is_right(angle):
    # -1e-4 keeps the finite differences on this side of half a turn, where the vector jumps to the other axis
    vector = torch.tensor(AXES[3:] * min(angle, math.pi - 1e-4), requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda v: rotation_vector_from_matrix(matrix_from_rotation_vector(v)), vector
    )


@pytest.mark.parametrize("name", ["quaternion", "six numbers", "euler"])
def test_gradients_of_the_other_forms_are_right(name):
    to_form, to_matrix = PAIRS[name]
    vector = torch.tensor([[0.0, 0.0, 0.0], [0.3, -0.2, 0.5], [1.5, 1.0, -2.0]], dtype=torch.float64)
    vector.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: to_matrix(to_form(matrix_from_rotation_vector(v))), vector)


def test_the_gradient_in_the_locked_euler_position_is_finite():
    rotation = matrix_from_euler_xyz_extrinsic(torch.tensor([0.3, math.pi / 2, -0.8])).requires_grad_()
    euler_xyz_extrinsic_from_matrix(rotation).sum().backward()
    assert torch.isfinite(rotation.grad).all()


def test_distance_is_exact_near_zero_and_near_half_a_turn(hard_vectors):
    start = uniform_random_rotations(1, torch.Generator().manual_seed(3))[0]
    distance = geodesic_distance(start, start @ matrix_from_rotation_vector(hard_vectors))
    expected = torch.tensor(ANGLES, dtype=torch.float64)[:, None].expand_as(distance)
    torch.testing.assert_close(distance, expected, rtol=0, atol=2e-15)


def test_distance_of_equal_rotations_is_zero_with_a_gradient_of_zero():
    rotation = uniform_random_rotations(4, torch.Generator().manual_seed(4)).requires_grad_()
    distance = geodesic_distance(rotation, rotation.detach())
    distance.sum().backward()
    assert distance.max() < 1e-15
    assert torch.isfinite(rotation.grad).all()


def test_distance_as_a_loss_turns_a_rotation_onto_its_target():
    target = matrix_from_rotation_vector(torch.tensor([0.5, 2.5, -1.0], dtype=torch.float64))
    vector = torch.tensor([0.1, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([vector], line_search_fn="strong_wolfe", max_iter=50)

    def loss():
        optimizer.zero_grad()
        value = geodesic_distance(matrix_from_rotation_vector(vector), target).square()
        value.backward()
        return value

    optimizer.step(loss)
    assert geodesic_distance(matrix_from_rotation_vector(vector.detach()), target) < 1e-4


@pytest.mark.parametrize("angle", [1e-6, 0.5, 2.0, math.pi - 1e-3])
def test_gradient_of_the_distance_is_right(angle):
    start = uniform_random_rotations(1, torch.Generator().manual_seed(5))[0]
    vector = torch.tensor(AXES[3] * angle, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda v: geodesic_distance(start, start @ matrix_from_rotation_vector(v)),
        vector,
        eps=min(1e-6, angle / 1000),
    )
