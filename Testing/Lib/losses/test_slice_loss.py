import torch

from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import rotation_vector_from_matrix
from DeepRegistrationLib.geometry.slice_mirror import mirrored
from DeepRegistrationLib.losses.slice_loss import nearer_twin, slice_loss
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate

ROTATIONS = uniform_random_rotations(6, torch.Generator().manual_seed(0))
OFFSETS = torch.linspace(-0.6, 0.6, 6, dtype=torch.float64)


def estimate(rotation: torch.Tensor) -> RotationEstimate:
    return RotationEstimate(rotation_vector_from_matrix(rotation), rotation)


def test_the_slice_and_its_twin_both_have_no_loss():
    twin, twin_offset = mirrored(ROTATIONS, OFFSETS)
    assert slice_loss(estimate(ROTATIONS), OFFSETS, ROTATIONS, OFFSETS).item() < 1e-6
    assert slice_loss(estimate(twin), twin_offset, ROTATIONS, OFFSETS).item() < 1e-6


def test_without_twins_the_mirror_image_is_wrong():
    twin, twin_offset = mirrored(ROTATIONS, OFFSETS)
    assert slice_loss(estimate(twin), twin_offset, ROTATIONS, OFFSETS, twins=False).item() > 0.5


def test_a_wrong_position_costs_its_square_times_the_weight():
    loss = slice_loss(estimate(ROTATIONS), OFFSETS + 0.2, ROTATIONS, OFFSETS, position_weight=3.0)
    assert abs(loss.item() - 3.0 * 0.2**2) < 1e-6


def test_the_nearer_twin_is_the_one_that_an_estimate_is_turned_to():
    twin, twin_offset = mirrored(ROTATIONS, OFFSETS)
    rotation, offset = nearer_twin(twin, ROTATIONS, OFFSETS)
    assert torch.allclose(rotation, twin)
    assert torch.allclose(offset, twin_offset)
