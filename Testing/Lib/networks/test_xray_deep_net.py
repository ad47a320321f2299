import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.losses.direction_loss import direction_loss
from DeepRegistrationLib.networks.image_encoder import PAPER_CHANNELS, ImageEncoder
from DeepRegistrationLib.networks.residual_volume_net import ResidualVolumeNet
from DeepRegistrationLib.networks.xray_deep_net import XrayDeepNet
from DeepRegistrationLib.networks.xray_input import XrayInput, target_channels
from DeepRegistrationLib.projection.projector import ProjectionSettings, project, project_with_tangents

SIZE = {"grid_size": 12, "voxel_mm": 16.0, "image_size": 16, "pixel_mm": 12.0}
SMALL = {**SIZE, "volume_channels": [2, 3], "image_channels": [4, 8, 8], "embedding": 6}
FAR = np.array([900.0, -1200.0, 300.0])
POSES = se3_exp(torch.tensor([[0.1, -0.2, 0.05, 8.0, -5, 2], [-0.2, 0.1, 0.3, 1, 4, -20.0]]).double())


@pytest.fixture
def a_network():
    torch.manual_seed(0)
    network = XrayDeepNet(**SMALL)
    # the last layer of the volume network begins with zeros: nothing could be seen of the others
    torch.nn.init.normal_(network.volume_net.layers[-1].weight, 0.0, 0.1)
    return network.double()


@pytest.fixture
def bones():
    return torch.rand(1, 1, 12, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def targets():
    images = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return target_channels(images, torch.ones(2, 16, 16, dtype=torch.bool))


def projection(network, poses):
    sees = network.sees
    geometry = sees.cube(np.zeros(3))
    camera = CArm(1020, 620, 20, 10, (20, 20), (sees.image_size,) * 2).camera(np.zeros(3))
    settings = ProjectionSettings(step_mm=sees.voxel_mm)
    return lambda values: project_with_tangents(values, geometry, camera, poses, settings)


def layer_shapes(module, inputs, kinds):
    shapes = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out: shapes.append(tuple(out.shape)))
        for layer in module.modules()
        if isinstance(layer, kinds)
    ]
    module(inputs)
    for hook in hooks:
        hook.remove()
    return shapes


def test_the_layers_of_the_volume_network_are_the_published_ones():
    shapes = layer_shapes(ResidualVolumeNet(), torch.rand(1, 1, 8, 8, 8), torch.nn.Conv3d)
    assert shapes == [(1, channels, 8, 8, 8) for channels in (4, 8, 16, 8, 3)]


def test_an_untrained_volume_network_projects_the_bones_as_they_are(bones):
    channels = ResidualVolumeNet()(bones.float())
    assert torch.equal(channels, bones.float().expand(1, 3, 12, 12, 12))


def test_the_layers_of_the_encoder_are_those_of_its_table():
    kinds = (torch.nn.AvgPool2d, torch.nn.Linear)
    shapes = layer_shapes(ImageEncoder(3), torch.rand(2, 3, 64, 64), kinds)
    assert shapes == [(2, 16, 32, 32), (2, 48, 16, 16), (2, 96, 8, 8), (2, 96, 4, 4), (2, 64)]


def test_the_paper_size_has_the_published_layers():
    kinds = (torch.nn.AvgPool2d, torch.nn.Linear)
    network = XrayDeepNet(128, 2.0, 128, 1.42, image_channels=PAPER_CHANNELS)
    shapes = layer_shapes(network.moving_encoder, torch.rand(1, 3, 128, 128), kinds)
    assert shapes == [(1, 16, 64, 64), (1, 64, 32, 32), (1, 128, 16, 16), (1, 64)]
    assert network.sees.cube(FAR).extent_mm == pytest.approx([256.0] * 3)


def test_an_image_that_cannot_be_halved_often_enough_is_refused():
    with pytest.raises(ValueError, match="multiples of 16; got 40"):
        ImageEncoder(1, 40)


def test_the_encoder_does_not_mind_brightness_and_contrast():
    torch.manual_seed(0)
    encoder, image = ImageEncoder(1, 16), 100 * torch.rand(1, 1, 16, 16)
    assert torch.allclose(encoder(image), encoder(5 * image + 300), atol=1e-4)


def test_before_training_an_image_is_like_itself_for_both_encoders():
    torch.manual_seed(0)
    network, image = XrayDeepNet(**SMALL), torch.rand(2, 1, 16, 16)
    target = target_channels(image[:, 0], torch.ones(2, 16, 16, dtype=torch.bool))
    moving = network.moving_encoder(image.expand(2, 3, 16, 16))
    assert torch.allclose(moving, network.target_encoder(target), atol=1e-5)
    assert (moving[0] - moving[1]).abs().max() > 1e-3


def test_an_empty_image_gives_numbers_and_not_nan():
    assert torch.isfinite(ImageEncoder(1, 16)(torch.zeros(1, 1, 16, 16))).all()


def test_the_gradient_in_the_pose_is_that_of_the_value(a_network, bones, targets):
    """With the projector differentiated by autograd in the pose, not through the tangent images."""
    found = a_network(bones, targets, projection(a_network, POSES))
    twist = torch.zeros(2, 6, dtype=torch.float64, requires_grad=True)
    # the middle of the cube is the origin: it stands at the translation of the pose
    middle = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
    middle[:, :3, 3] = POSES[:, :3, 3]
    moved = middle @ se3_exp(twist) @ torch.linalg.inv(middle) @ POSES
    again = a_network(bones, targets, projection(a_network, moved))
    again.value.sum().backward()
    assert torch.allclose(found.value, again.value)
    assert torch.allclose(found.gradient, twist.grad, rtol=1e-9, atol=1e-12)
    assert found.gradient.abs().min() > 0


def test_the_loss_of_the_pose_gradient_reaches_every_weight_as_differences_say(a_network, bones, targets):
    wanted = torch.randn(2, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def loss():
        found = a_network(bones, targets, projection(a_network, POSES))
        return direction_loss(found.gradient, wanted).mean()

    loss().backward()
    step = 1e-5
    for name, weights in a_network.named_parameters():
        assert weights.grad is not None, name
        at = int(weights.grad.abs().argmax())
        flat, slope = weights.data.view(-1), float(weights.grad.view(-1)[at])
        before = float(flat[at])
        values = []
        for side in (step, -step):
            flat[at] = before + side
            values.append(float(loss().detach()))
        flat[at] = before
        # the scale of the last layer's bias is a special case: shifting both embeddings changes nothing
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(slope, rel=1e-4, abs=1e-9), name


def test_before_the_volume_network_is_trained_it_can_be_left_out(bones, targets):
    torch.manual_seed(0)
    network = XrayDeepNet(**SMALL).double()
    whole = network(bones, targets, projection(network, POSES))
    plain = network(bones, targets, projection(network, POSES), plain=True)
    assert torch.allclose(whole.value, plain.value)
    assert torch.allclose(whole.gradient, plain.gradient)
    plain.gradient.sum().backward()
    assert all((weights.grad == 0).all() for weights in network.volume_net.parameters())
    assert all(weights.grad is not None for weights in network.parameters())


def test_without_gradients_the_answer_is_the_same_and_keeps_no_graph(a_network, bones, targets):
    with torch.no_grad():
        quiet = a_network(bones, targets, projection(a_network, POSES))
    found = a_network(bones, targets, projection(a_network, POSES))
    assert not quiet.gradient.requires_grad
    assert torch.allclose(quiet.gradient, found.gradient)


def test_what_is_masked_does_not_matter():
    images = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 8, 8, dtype=torch.bool)
    mask[:, :, 5:] = False
    changed = torch.where(mask, images, 1000.0)
    first, second = target_channels(images, mask), target_channels(changed, mask)
    assert torch.allclose(first, second, atol=1e-5)
    assert first[0, 0][mask[0]].mean().abs() < 1e-5
    assert first[0, 0][mask[0]].std(correction=0) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("angles", [(0, 0), (60, -25), (-110, 15)])
def test_the_camera_of_the_network_has_the_head_up_and_the_point_in_the_middle(angles):
    arm = CArm(1100, 700, *angles, (1.5, 1.1), (260, 300), (30.0, 220.0)).camera(FAR)
    # a radiograph that is stored on its side and mirrored
    stored = arm.flipped(columns=True)
    sees = XrayInput(32, 6.0, 64, 2.5)
    for camera in (arm, stored):
        point = FAR + np.array([12.0, -7.0, 30.0])
        found = sees.camera(camera, point, np.array([0, 0, 1.0]))
        (shadow,), (depth,) = found.project(point[None])
        assert shadow == pytest.approx([31.5, 31.5])
        assert found.pixel_spacing_mm[0] * depth / found.source_to_detector_mm == pytest.approx(2.5)
        (above,), _ = found.project(point[None] + [0, 0, 20])
        assert above[1] < shadow[1] - 5
        assert found.is_mirrored
        assert np.allclose(found.source_ras, camera.source_ras)


def test_at_angles_zero_the_camera_of_the_network_is_that_of_the_training():
    camera = CArm(1020, 620, 0, 0, (4.0, 4.0), (64, 64)).camera(FAR)
    sees = XrayInput(32, 6.0, 64, 4.0 * 620 / 1020)
    found = sees.camera(camera, FAR, np.array([0, 0, 1.0]))
    assert np.allclose(found.projection_matrix, camera.projection_matrix)


def test_the_image_of_the_network_shows_what_its_camera_would_have_taken():
    sees = XrayInput(32, 4.0, 32, 5.0)
    geometry = sees.cube(FAR)
    line = torch.linspace(-1, 1, 32, dtype=torch.float64)
    k, j, i = torch.meshgrid(line, line, line, indexing="ij")
    # smooth and unlike itself from every side
    values = torch.exp(-6 * ((i - 0.2) ** 2 + 2 * (j + 0.1) ** 2 + 4 * (k - 0.3) ** 2))[None, None]
    camera = CArm(1000, 600, 30, -10, (0.9, 1.1), (300, 280)).camera(FAR + 5).flipped(rows=True)
    radiograph = Radiograph(project(values, geometry, camera)[0, 0], camera)
    own = sees.camera(camera, FAR, np.array([0, 0, 1.0]))
    image, mask = sees.image(radiograph, own)
    taken = project(values, geometry, own)[0, 0]
    wanted = target_channels(taken[None], mask[None] > 0.5)[0, 0]
    # pixels of 8 x 7 are averaged first
    assert (image - wanted)[mask > 0.5].abs().max() < 0.06 * wanted.max()
    assert (image - wanted.flip(1))[mask > 0.5].abs().max() > 0.5 * wanted.max()


def test_a_point_behind_the_source_is_refused():
    camera = CArm(1020, 620, 0, 0, (4.0, 4.0), (64, 64)).camera(FAR)
    with pytest.raises(RegistrationError, match="380 mm behind the X-ray source"):
        XrayInput(32, 6.0, 64, 2.5).camera(camera, FAR - [0, 1000, 0], np.array([0, 0, 1.0]))
