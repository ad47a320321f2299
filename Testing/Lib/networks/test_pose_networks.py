"""The paper's networks: their layers as the tables say, their outputs on SO(3), and that they can learn."""

import math

import pytest
import torch
from torch import nn

from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import geodesic_distance, matrix_from_rotation_vector
from DeepRegistrationLib.losses.pose_loss import TwoStageSchedule, pose_loss
from DeepRegistrationLib.losses.rotation_losses import geodesic_loss
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.networks.pose_net import PoseNet
from DeepRegistrationLib.networks.rotation_heads import RotationHead, rotation_head
from DeepRegistrationLib.networks.slice_net import SliceNet

HEADS = list(RotationHead)


@pytest.fixture(autouse=True)
def a_seed():
    torch.manual_seed(0)


def is_rotation(matrix):
    eye = torch.eye(3).expand_as(matrix)
    return torch.allclose(matrix @ matrix.mT, eye, atol=1e-5) and bool(
        (torch.linalg.det(matrix) > 0.99).all()
    )


@pytest.mark.parametrize("head", HEADS)
def test_every_head_gives_rotations_in_both_forms(head):
    estimate = rotation_head(head, 16)(3 * torch.randn(50, 16))
    assert is_rotation(estimate.matrix)
    assert torch.allclose(matrix_from_rotation_vector(estimate.vector), estimate.matrix, atol=1e-4)


def test_the_components_of_pi_tanh_stay_within_pi():
    estimate = rotation_head(RotationHead.PI_TANH, 4)(100 * torch.randn(200, 4))
    assert estimate.vector.abs().max().item() <= math.pi + 1e-6


def test_the_6d_head_starts_near_the_identity():
    estimate = rotation_head(RotationHead.SIX_D, 64)(0.01 * torch.randn(20, 64))
    assert float(geodesic_distance(estimate.matrix.detach(), torch.eye(3).expand(20, 3, 3)).max()) < 0.1


def test_pose_net_has_the_layers_of_the_paper():
    network = PoseNet(grid_size=32)
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv3d)]
    assert [layer.out_channels for layer in convolutions] == [8, 32, 32, 64, 64]
    assert all(layer.kernel_size == (3, 3, 3) for layer in convolutions)
    linear = [layer.out_features for layer in network.features.modules() if isinstance(layer, nn.Linear)]
    assert linear == [512, 512, 256]
    assert sum(isinstance(layer, nn.MaxPool3d) for layer in network.modules()) == 2
    # every convolution and hidden layer is followed by ReLU, then batch normalization
    kinds = [type(layer) for layer in network.features.modules() if not list(layer.children())]
    for index, kind in enumerate(kinds):
        if kind in (nn.Conv3d, nn.Linear):
            assert kinds[index + 1] is nn.ReLU
            assert kinds[index + 2] in (nn.BatchNorm3d, nn.BatchNorm1d)


def test_volumes_shrink_as_the_table_says():
    network = PoseNet(grid_size=16).eval()
    assert network.features.convolutions(torch.randn(2, 1, 16, 16, 16)).shape == (2, 64, 4, 4, 4)
    assert network.features(torch.randn(2, 1, 16, 16, 16)).shape == (2, 256)


def test_a_grid_that_cannot_be_halved_twice_is_refused():
    with pytest.raises(ValueError, match="multiple of 4; got 30"):
        PoseNet(grid_size=30)


def test_correction_net_takes_two_channels_and_adds_a_translation():
    correction = CorrectionNet(grid_size=16).eval()(torch.randn(3, 2, 16, 16, 16))
    assert is_rotation(correction.rotation.matrix)
    assert correction.translation.shape == (3, 3)


def test_slice_net_is_a_resnet_18_with_a_position_that_is_never_negative():
    network = SliceNet().eval()
    convolutions = [layer for layer in network.features.modules() if isinstance(layer, nn.Conv2d)]
    # 1 + 8 blocks of 2, and a projection in each of the 3 blocks that halve the image
    assert len(convolutions) == 1 + 16 + 3
    assert network.features.layer4(torch.randn(1, 256, 4, 4)).shape == (1, 512, 2, 2)
    pose = network(torch.randn(5, 1, 64, 64))
    assert is_rotation(pose.rotation.matrix)
    assert pose.position.shape == (5,)
    assert float(pose.position.detach().min()) >= 0


def error_after_training(head, schedule, steps):
    """Degrees on the eight volumes it learned; rotations below 150 degrees, as pi tanh jumps at 180."""
    volumes = torch.randn(8, 1, 16, 16, 16)
    vectors = nn.functional.normalize(torch.randn(8, 3), dim=1) * torch.linspace(0.2, 2.6, 8)[:, None]
    true = matrix_from_rotation_vector(vectors)
    network = PoseNet(grid_size=16, head=head)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for step in range(steps):
        estimate = network(volumes)
        loss = pose_loss(estimate, true, schedule.loss_at(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return math.degrees(geodesic_loss(estimate, true).item())


def test_the_6d_head_learns_by_the_angle_alone():
    assert error_after_training(RotationHead.SIX_D, TwoStageSchedule(mse_epochs=0), steps=100) < 10


def test_pi_tanh_learns_in_two_stages_and_not_by_the_angle_alone():
    assert error_after_training(RotationHead.PI_TANH, TwoStageSchedule(mse_epochs=80), steps=160) < 10
    assert error_after_training(RotationHead.PI_TANH, TwoStageSchedule(mse_epochs=0), steps=160) > 20


def test_a_uniform_rotation_set_is_far_from_what_an_untrained_network_says():
    true = uniform_random_rotations(64, torch.Generator().manual_seed(1)).float()
    estimate = PoseNet(grid_size=16).eval()(torch.randn(64, 1, 16, 16, 16))
    assert math.degrees(geodesic_loss(estimate, true).item()) > 90
