"""Networks that always give the same answer, whose errors therefore are known."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.evaluation.metrics import bin_of
from DeepRegistrationLib.evaluation.network_errors import (
    REST_DEG,
    REST_RADII,
    chain_errors,
    correction_net_errors,
    pose_net_errors,
    slice_net_errors,
)
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.networks.slice_net import SliceNet

SIZE = 16


def without_weights(network, *layers):
    """The network with layers that answer their bias; the rotation then is the identity."""
    with torch.no_grad():
        for layer in layers:
            layer.weight.zero_()
    return network.eval()


@pytest.fixture
def a_pose_net():
    network = PoseNet(SIZE, encoder="compact")
    return without_weights(network, network.rotation.linear)


@pytest.fixture
def a_correction_net():
    network = CorrectionNet(SIZE, encoder="compact")
    with torch.no_grad():
        network.translation.bias.zero_()
    return without_weights(network, network.rotation.linear, network.translation)


def test_who_always_says_upright_is_wrong_by_the_turn(a_pose_net, a_posed_brain):
    errors = pose_net_errors(a_pose_net, a_posed_brain, per_bin=2, seed=0)
    assert [bin_of(size) for size in errors.size_deg] == [0, 1, 2, 3, 4, 5] * 2
    np.testing.assert_allclose(errors.rotation_deg, errors.size_deg, atol=0.1)
    assert np.isnan(errors.translation_mm).all()


def test_who_corrects_nothing_leaves_the_rest(a_correction_net, a_posed_brain):
    errors = correction_net_errors(a_correction_net, a_posed_brain, 40, seed=0)
    np.testing.assert_allclose(errors.rotation_deg, errors.size_deg, atol=0.1)
    np.testing.assert_allclose(errors.translation_mm, errors.initial_mm, rtol=1e-5)
    assert 0.8 * REST_DEG < errors.size_deg.max() <= REST_DEG + 1e-3
    largest_mm = np.sqrt(3) * REST_RADII * a_posed_brain.brain.radius_mm
    assert 0.5 * largest_mm < errors.initial_mm.max() < largest_mm


def test_a_chain_that_does_nothing_leaves_turn_and_centres(a_pose_net, a_correction_net, a_posed_brain):
    errors = chain_errors(a_pose_net, a_correction_net, a_posed_brain, per_bin=1, seed=0)
    np.testing.assert_allclose(errors.rotation_deg, errors.size_deg, atol=0.1)
    np.testing.assert_allclose(errors.translation_mm, errors.initial_mm, atol=1e-4)


def test_who_takes_every_slice_for_axial_is_wrong_by_the_turn_or_its_twin(a_posed_brain):
    network = SliceNet(width=8)
    with torch.no_grad():
        network.position.bias.fill_(15.0)
    network = without_weights(network, network.rotation.linear, network.position)
    errors = slice_net_errors(network, a_posed_brain, 30, 32, seed=0)
    # axial slices are in the half space, where the paper's answers are
    np.testing.assert_allclose(errors.rotation_deg, errors.size_deg, atol=0.1)
    assert (errors.either_deg <= errors.rotation_deg + 1e-6).all()
    assert (errors.either_deg < errors.rotation_deg - 1).any()
    assert 0.1 < errors.translation_mm.mean() / a_posed_brain.brain.radius_mm < 0.6


def test_equal_seeds_give_equal_inputs(a_correction_net, a_posed_brain):
    first, second = (correction_net_errors(a_correction_net, a_posed_brain, 5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.size_deg, second.size_deg)
