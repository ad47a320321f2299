import math

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from DeepRegistrationLib.geometry.rigid import (
    apply_to_points,
    decompose_similarity,
    invert_rigid,
    rigid_matrix,
    rotation_about,
    rotation_error_deg,
    se3_exp,
    se3_log,
    similarity_matrix,
    translation_error_mm,
)
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import hat, matrix_from_rotation_vector
from DeepRegistrationLib.images.resample import resample
from Testing.Lib.pictures import FAR, blob, brightest_ras, oblique_geometry, rigid

AXIS = torch.tensor([1.0, 2.0, -2.0], dtype=torch.float64) / 3


@pytest.fixture
def some_maps():
    """(20, 4, 4) float64; rotations anywhere, translations of metres."""
    generator = torch.Generator().manual_seed(0)
    translations = 3000 * torch.randn(20, 3, generator=generator, dtype=torch.float64)
    return rigid_matrix(uniform_random_rotations(20, generator), translations)


def test_a_rotation_about_a_far_point_turns_the_picture_around_it():
    geometry = oblique_geometry((40, 44, 42), (1.4, 1.2, 1.8), FAR)
    at = FAR + np.array([9.0, 0.0, 0.0])
    quarter = matrix_from_rotation_vector(torch.tensor([0.0, 0.0, math.pi / 2], dtype=torch.float64))
    fixed_from_moving = rotation_about(quarter, torch.from_numpy(FAR))
    turned = resample(blob(geometry, at, 4.0), geometry, invert_rigid(fixed_from_moving).numpy())
    np.testing.assert_allclose(brightest_ras(turned), FAR + np.array([0.0, 9.0, 0.0]), atol=0.01)


def test_a_map_after_its_inverse_leaves_points_where_they_are(some_maps):
    points = torch.randn(20, 7, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 1000
    there = apply_to_points(some_maps, points)
    torch.testing.assert_close(apply_to_points(invert_rigid(some_maps), there), points, rtol=0, atol=1e-9)


def test_one_map_applies_to_many_sets_of_points_and_many_maps_to_one(some_maps):
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    together = apply_to_points(some_maps, points)
    assert together.shape == (20, 5, 3)
    expected = some_maps[3, :3, :3] @ points[4] + some_maps[3, :3, 3]
    torch.testing.assert_close(together[3, 4], expected)


def test_a_similarity_comes_apart_into_what_it_was_made_of(some_maps):
    scale = torch.linspace(0.5, 2.0, 20, dtype=torch.float64)
    rotation, translation = some_maps[:, :3, :3], some_maps[:, :3, 3]
    parts = decompose_similarity(similarity_matrix(scale, rotation, translation))
    for part, expected in zip(parts, (scale, rotation, translation), strict=True):
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("diagonal", [(1.0, 1.0, -1.0, 1.0), (1.0, 1.1, 1.0, 1.0)])
def test_a_reflection_or_unequal_scales_are_no_similarity(diagonal):
    with pytest.raises(ValueError, match="not a similarity"):
        decompose_similarity(torch.diag(torch.tensor(diagonal)))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-4, 0.4999, 0.5001, 2.0, 3.1])
def test_the_exponential_of_a_twist_is_the_matrix_exponential(angle):
    twist = torch.cat([AXIS * angle, torch.tensor([10.0, -20.0, 30.0], dtype=torch.float64)])
    generator = torch.zeros(4, 4, dtype=torch.float64)
    generator[:3, :3], generator[:3, 3] = hat(twist[:3]), twist[3:]
    np.testing.assert_allclose(se3_exp(twist).numpy(), expm(generator.numpy()), rtol=0, atol=1e-12)


def test_the_logarithm_gives_the_map_again(some_maps):
    torch.testing.assert_close(se3_exp(se3_log(some_maps)), some_maps, rtol=0, atol=1e-9)


@pytest.mark.parametrize("angle", [0.0, 1e-7, 0.5, 3.1])
def test_gradients_of_exponential_and_logarithm_are_right(angle):
    twist = torch.cat([AXIS * angle, torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64)]).requires_grad_()
    assert torch.autograd.gradcheck(se3_exp, twist)
    assert torch.autograd.gradcheck(lambda x: se3_log(se3_exp(x)), twist)


def test_errors_of_a_known_difference_are_that_difference():
    truth = rigid((20, -40, 70), FAR)
    off = rigid((20, -40, 70), FAR)
    off[:3, :3] = off[:3, :3] @ rigid((0, 0, 3), (0, 0, 0))[:3, :3]
    point = np.array([40.0, 0.0, 9.0])
    assert rotation_error_deg(truth, off).item() == pytest.approx(3.0, abs=1e-9)
    # a turn by 3 degrees about z moves a point 40 mm from the axis along a chord
    expected = 2 * 40 * math.sin(math.radians(1.5))
    assert translation_error_mm(truth, off, point).item() == pytest.approx(expected, abs=1e-9)
    assert translation_error_mm(truth, off, [0.0, 0.0, 50.0]).item() == pytest.approx(0.0, abs=1e-9)


def test_the_rotation_error_ignores_the_scale_of_a_similarity():
    turn = torch.from_numpy(rigid((20, -40, 70), FAR))
    scaled = similarity_matrix(torch.tensor(1.3, dtype=torch.float64), turn[:3, :3], turn[:3, 3])
    assert rotation_error_deg(turn, scaled).item() == pytest.approx(0.0, abs=1e-9)
