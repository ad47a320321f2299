"""The losses against the paper's formulas."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import logm

from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector, rotation_vector_from_matrix
from DeepRegistrationLib.losses.pose_loss import RotationLoss, TwoStageSchedule, pose_loss
from DeepRegistrationLib.losses.rotation_losses import geodesic_loss, rotation_vector_mse
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate


def estimate_of(matrix):
    return RotationEstimate(rotation_vector_from_matrix(matrix), matrix)


@pytest.fixture
def two_sets():
    generator = torch.Generator().manual_seed(0)
    return uniform_random_rotations(6, generator).double(), uniform_random_rotations(6, generator).double()


def test_the_geodesic_loss_is_the_frobenius_norm_of_the_logarithm(two_sets):
    """d(R1, R2) = |log(R1^T R2)|_F / sqrt 2, equation 8."""
    first, second = two_sets
    expected = [
        np.linalg.norm(logm((a.T @ b).numpy())) / math.sqrt(2) for a, b in zip(first, second, strict=True)
    ]
    assert float(geodesic_loss(estimate_of(first), second)) == pytest.approx(np.mean(expected), abs=1e-6)


def test_close_to_180_degrees_vectors_are_far_apart_and_rotations_are_not():
    ahead = torch.tensor([[0.0, 0.0, math.pi - 0.01]], dtype=torch.float64)
    estimate = RotationEstimate(-ahead, matrix_from_rotation_vector(-ahead))
    assert rotation_vector_mse(estimate, ahead) > 10
    assert geodesic_loss(estimate, matrix_from_rotation_vector(ahead)) == pytest.approx(0.02, abs=1e-6)


@pytest.mark.parametrize("loss", list(RotationLoss))
def test_both_losses_have_the_gradient_they_claim(two_sets, loss):
    _, true = two_sets
    vector = 0.8 * torch.randn(6, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)

    def value(vector):
        return pose_loss(RotationEstimate(vector, matrix_from_rotation_vector(vector)), true, loss)

    assert torch.autograd.gradcheck(value, (vector.requires_grad_(),))


def test_a_perfect_estimate_costs_nothing_and_pulls_nowhere(two_sets):
    true, _ = two_sets
    matrix = true.clone().requires_grad_()
    loss = geodesic_loss(RotationEstimate(rotation_vector_from_matrix(true), matrix), true)
    loss.backward()
    assert loss.item() < 1e-6
    assert torch.isfinite(matrix.grad).all()


def test_the_translation_counts_lambda_times_its_mean_squared_error(two_sets):
    true, estimated = two_sets
    estimate = estimate_of(estimated)
    shift, wrong = torch.zeros(6, 3), torch.full((6, 3), 2.0)
    alone = pose_loss(estimate, true, RotationLoss.GEODESIC)
    both = pose_loss(estimate, true, RotationLoss.GEODESIC, wrong, shift, translation_weight=0.5)
    assert float(both - alone) == pytest.approx(0.5 * 4.0)


def test_one_translation_without_the_other_is_refused(two_sets):
    true, estimated = two_sets
    with pytest.raises(ValueError, match="must have one shape"):
        pose_loss(estimate_of(estimated), true, RotationLoss.MSE, torch.zeros(6, 3))


def test_the_schedule_changes_after_ten_epochs():
    schedule = TwoStageSchedule()
    stages = [schedule.loss_at(epoch) for epoch in range(20)]
    assert stages == [RotationLoss.MSE] * 10 + [RotationLoss.GEODESIC] * 10
