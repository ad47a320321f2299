import math

import pytest
import torch
from torch import nn

from DeepRegistrationLib.geometry.rotations import euler_xyz_extrinsic_from_matrix
from DeepRegistrationLib.networks.us_angle_net import InPlaneEstimate, UsAngleNet
from DeepRegistrationLib.networks.us_triplet_net import CHANNELS, KERNELS, TripletEstimate, UsTripletNet


def test_the_papers_encoder_has_seven_layers_with_its_kernels_and_halved_channels():
    layers = [layer for layer in UsTripletNet().encoder.modules() if isinstance(layer, nn.Conv2d)]
    assert tuple(layer.kernel_size[0] for layer in layers) == KERNELS == (7, 5, 5, 3, 3, 3, 3)
    assert tuple(layer.out_channels for layer in layers) == CHANNELS == (256, 128, 64, 32, 16, 8, 4)


def test_the_decoder_mirrors_the_encoder_with_transposed_convolutions():
    decoder = UsTripletNet().decoder
    widened = [layer for layer in decoder.modules() if isinstance(layer, nn.ConvTranspose2d)]
    assert tuple(layer.out_channels for layer in widened) == CHANNELS[-2::-1]
    assert {layer.kernel_size for layer in decoder.modules() if isinstance(layer, nn.Conv2d)} == {(3, 3)}


@pytest.mark.parametrize(("columns", "rows"), [(64, 32), (128, 64)])
def test_the_papers_network_takes_both_of_its_sizes(columns, rows):
    network = UsTripletNet().eval()
    with torch.no_grad():
        estimate = network(torch.rand(2, 3, rows, columns))
    assert estimate.euler.shape == (2, 2, 3)
    assert estimate.rotation.matrix.shape == (4, 3, 3)


def test_euler_angles_of_a_triplet_come_back_from_its_rotations():
    euler = torch.tensor([[[0.1, -0.2, 0.05], [0.0, 0.0, -0.09]]])
    found = euler_xyz_extrinsic_from_matrix(TripletEstimate(euler).rotation.matrix)
    torch.testing.assert_close(found, euler[0])


def test_the_compact_networks_angle_is_a_turn_about_the_images_normal():
    estimate = InPlaneEstimate(torch.tensor([math.pi / 2]), torch.zeros(1, 2))
    torch.testing.assert_close(
        estimate.rotation.matrix[0], torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    )


def test_the_compact_network_has_gradients_everywhere_and_fits_a_laptop():
    network = UsAngleNet()
    estimate = network(torch.rand(3, 2, 64, 64))
    assert estimate.angle.shape == (3,)
    assert estimate.shift.shape == (3, 2)
    (estimate.angle.sum() + estimate.shift.sum()).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert sum(parameter.numel() for parameter in network.parameters()) < 1_500_000
