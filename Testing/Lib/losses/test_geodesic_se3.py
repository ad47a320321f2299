import math

import pytest
import torch

from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.losses.direction_loss import angle_between, balance_loss, direction_loss
from DeepRegistrationLib.losses.distance_loss import distance_loss
from DeepRegistrationLib.losses.geodesic_se3 import LENGTH_MM, geodesic_gradient, squared_geodesic_distance

GENERATOR = torch.Generator().manual_seed(0)
SCALE = torch.tensor([0.5, 0.5, 0.5, 60.0, 60.0, 60.0], dtype=torch.float64)
POSES = se3_exp(SCALE * torch.randn(5, 6, generator=GENERATOR, dtype=torch.float64))
TARGETS = se3_exp(SCALE * torch.randn(5, 6, generator=GENERATOR, dtype=torch.float64))
FAR_CENTRE = torch.tensor([900.0, -1200.0, 300.0], dtype=torch.float64)


def moved_by(twist):
    """Poses whose volume turned about where its centre stands, along the axes of the world."""
    centre_in_world = (POSES[:, :3, :3] @ FAR_CENTRE) + POSES[:, :3, 3]
    there = torch.eye(4, dtype=torch.float64).repeat(len(POSES), 1, 1)
    there[:, :3, 3] = centre_in_world
    return there @ se3_exp(twist) @ torch.linalg.inv(there) @ POSES


def test_the_gradient_is_that_of_the_distance():
    twist = torch.zeros(len(POSES), 6, dtype=torch.float64, requires_grad=True)
    squared_geodesic_distance(moved_by(twist), TARGETS, FAR_CENTRE).sum().backward()
    wanted = geodesic_gradient(POSES, TARGETS, FAR_CENTRE)
    assert torch.allclose(twist.grad, wanted, rtol=1e-9)


def test_the_distance_does_not_depend_on_the_frame_of_the_world():
    elsewhere = se3_exp(torch.tensor([1.0, -2.0, 0.5, 4000.0, -300.0, 80.0], dtype=torch.float64))
    here = squared_geodesic_distance(POSES, TARGETS, FAR_CENTRE)
    there = squared_geodesic_distance(elsewhere @ POSES, elsewhere @ TARGETS, FAR_CENTRE)
    assert torch.allclose(here, there, rtol=1e-9)


def test_the_poses_of_the_paper_weigh_turn_and_shift_alike():
    twenty_degrees = se3_exp(torch.tensor([0, math.radians(20), 0, 0, 0, 0], dtype=torch.float64))
    shifted = se3_exp(torch.tensor([0, 0, 0, 0, 37.5, 0], dtype=torch.float64))
    start, origin = torch.eye(4, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    turned = squared_geodesic_distance(twenty_degrees, start, origin)
    assert turned.item() == pytest.approx(37.5**2)
    assert squared_geodesic_distance(shifted, start, origin).item() == pytest.approx(37.5**2)


def test_a_step_down_the_gradient_arrives():
    gradient = geodesic_gradient(POSES, TARGETS, FAR_CENTRE)
    per_step = torch.tensor([LENGTH_MM**2] * 3 + [1.0] * 3, dtype=torch.float64)
    turn, shift = (-gradient / (2 * per_step)).split(3, dim=1)
    # the turn is about the centre and the shift is the centre's: apart, not as a screw
    arrived = moved_by(torch.cat([turn, torch.zeros_like(shift)], 1))
    arrived[:, :3, 3] += shift
    assert torch.allclose(arrived, TARGETS, atol=1e-8)


def test_gradients_that_point_the_same_way_cost_nothing_whatever_their_lengths():
    wanted = torch.randn(4, 6, generator=GENERATOR, dtype=torch.float64)
    stretched = wanted * torch.tensor([3.0] * 3 + [0.01] * 3)
    assert direction_loss(stretched, wanted).abs().max() < 1e-12
    assert balance_loss(stretched, wanted, LENGTH_MM).min() > 0.01
    assert balance_loss(7.0 * wanted, wanted, LENGTH_MM).abs().max() < 1e-12


def test_each_part_costs_two_for_a_right_angle_and_four_for_the_opposite():
    wanted = torch.tensor([1.0, 0, 0, 0, 0, 5.0])
    assert direction_loss(torch.tensor([0, 2.0, 0, 0, 0, 1.0]), wanted).item() == pytest.approx(2)
    assert direction_loss(torch.tensor([2.0, 0, 0, 0, 0, -1.0]), wanted).item() == pytest.approx(4)
    assert direction_loss(-wanted, wanted).item() == pytest.approx(8)
    assert balance_loss(-wanted, wanted, 100.0).item() == pytest.approx(4)


def test_the_direction_losses_have_the_gradients_that_they_claim():
    gradient = torch.randn(3, 6, generator=GENERATOR, dtype=torch.float64, requires_grad=True)
    wanted = torch.randn(3, 6, generator=GENERATOR, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda g: direction_loss(g, wanted), gradient)
    assert torch.autograd.gradcheck(lambda g: balance_loss(g, wanted, 2.0), gradient)


def test_a_gradient_of_zero_is_no_accident():
    gradient = torch.zeros(1, 6, requires_grad=True)
    direction_loss(gradient, torch.ones(1, 6)).sum().backward()
    assert torch.isfinite(gradient.grad).all()


def test_the_angle_between_two_vectors_is_exact_when_it_is_small():
    first = torch.tensor([1.0, 0, 0], dtype=torch.float64)
    second = torch.tensor([1.0, 1e-9, 0], dtype=torch.float64)
    assert angle_between(first, second).item() == pytest.approx(1e-9)
    assert angle_between(first, -first).item() == pytest.approx(math.pi)


def test_a_similarity_that_is_the_squared_distance_in_radians_costs_nothing():
    squared = squared_geodesic_distance(POSES, TARGETS, FAR_CENTRE)
    assert distance_loss(squared / LENGTH_MM**2, squared, LENGTH_MM).max() < 1e-9
    twice_as_far = distance_loss(4 * squared / LENGTH_MM**2, squared, LENGTH_MM)
    assert torch.allclose(twice_as_far, squared / LENGTH_MM**2, rtol=1e-3)


def test_a_similarity_of_zero_has_a_finite_slope():
    value = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    distance_loss(value, torch.full((3,), 100.0).double(), LENGTH_MM).sum().backward()
    assert torch.isfinite(value.grad).all()
    assert torch.autograd.gradcheck(
        lambda v: distance_loss(v, v.new_tensor([400.0, 900.0]), LENGTH_MM),
        torch.tensor([0.3, 0.01], dtype=torch.float64, requires_grad=True),
    )
