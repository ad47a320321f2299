"""Generator and discriminator of the contrast transfer: layers as their tables say."""

import pytest
import torch
from torch import nn

from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.networks.patch_discriminator import PatchDiscriminator


@pytest.fixture(autouse=True)
def a_seed():
    torch.manual_seed(0)


def layers_of(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def test_the_generator_has_the_layers_of_its_table():
    generator = ContrastGenerator()
    down, up = layers_of(generator, nn.Conv2d), layers_of(generator, nn.ConvTranspose2d)
    assert [(layer.in_channels, layer.out_channels) for layer in down] == [
        (1, 32), (32, 64), (64, 128), (128, 256), (256, 256),
    ]  # fmt: skip
    assert [(layer.in_channels, layer.out_channels) for layer in up] == [
        (256, 256), (512, 128), (256, 64), (128, 32), (64, 1),
    ]  # fmt: skip
    assert all(layer.kernel_size == (4, 4) and layer.stride == (2, 2) for layer in down + up)
    # none after the first layer, the bottleneck and the last
    assert len(layers_of(generator, nn.BatchNorm2d)) == 3 + 4


@pytest.mark.parametrize(("width", "depth", "shape"), [(4, 2, (8, 12)), (8, 3, (64, 64)), (4, 5, (32, 96))])
def test_the_output_has_the_shape_of_the_input(width, depth, shape):
    made = ContrastGenerator(width, depth).eval()(torch.randn(2, 1, *shape))
    assert made.shape == (2, 1, *shape)
    assert float(made.detach().abs().max()) <= 1


def test_slices_pass_every_level_of_the_generator():
    sizes = []
    generator = ContrastGenerator(width=4, depth=4).eval()
    for layer in generator.encoder:
        layer.register_forward_hook(lambda _layer, _inputs, output: sizes.append(tuple(output.shape[1:])))
    generator(torch.randn(1, 1, 32, 32))
    assert sizes == [(4, 16, 16), (8, 8, 8), (16, 4, 4), (32, 2, 2)]


def test_the_channels_stop_doubling_after_three_times():
    down = layers_of(ContrastGenerator(width=4, depth=6), nn.Conv2d)
    assert [layer.out_channels for layer in down] == [4, 8, 16, 32, 32, 32]


def test_dropout_is_in_the_inner_layers_and_ends_with_the_training():
    generator = ContrastGenerator(width=4, depth=5, dropout=0.5)
    dropped = [bool(layers_of(layer, nn.Dropout)) for layer in generator.decoder]
    assert dropped == [True, True, False, False]
    slices = torch.randn(2, 1, 32, 32)
    assert not torch.equal(generator(slices), generator(slices))
    generator.eval()
    assert torch.equal(generator(slices), generator(slices))


def test_a_slice_that_moves_by_whole_cells_is_translated_to_the_same_image_moved():
    generator = ContrastGenerator(width=4, depth=2).eval()
    slices = torch.full((1, 1, 64, 64), -1.0)
    slices[..., 24:32, 20:36] = torch.rand(8, 16)
    moved = slices.roll((4, 8), (2, 3))
    inner = (slice(None), slice(None), slice(16, 48), slice(16, 48))
    expected = generator(slices).roll((4, 8), (2, 3))[inner]
    assert torch.allclose(generator(moved)[inner], expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(60, 64), (64, 72)])
def test_a_slice_that_cannot_be_halved_so_often_is_refused(shape):
    with pytest.raises(ValueError, match="multiples of 16"):
        ContrastGenerator(width=4, depth=4)(torch.zeros(1, 1, *shape))


def test_a_generator_without_skips_is_refused():
    with pytest.raises(ValueError, match="at least twice, got a depth of 1"):
        ContrastGenerator(depth=1)


def test_weights_start_narrow():
    deviation = ContrastGenerator().decoder[0].conv.weight.std()
    assert float(deviation.detach()) == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize(("inner_layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_judgement_sees_a_patch_of_the_stated_size(inner_layers, patch):
    discriminator = PatchDiscriminator(conditional=False, width=4, inner_layers=inner_layers).eval()
    slices = torch.randn(1, 1, 128, 128, requires_grad=True)
    logits = discriminator(slices)
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    seen = torch.nonzero(slices.grad[0, 0])
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [patch, patch]


def test_there_is_one_judgement_per_patch_as_the_table_says():
    assert PatchDiscriminator(conditional=False)(torch.randn(2, 1, 64, 64)).shape == (2, 1, 30, 30)


def test_a_conditional_discriminator_sees_the_source_too():
    discriminator = PatchDiscriminator(conditional=True, width=4).eval()
    images, sources, others = torch.randn(3, 2, 1, 32, 32).unbind(0)
    assert not torch.allclose(discriminator(images, sources), discriminator(images, others))


@pytest.mark.parametrize("conditional", [True, False])
def test_a_discriminator_refuses_what_it_was_not_made_for(conditional):
    slices = torch.randn(1, 1, 32, 32)
    with pytest.raises(ValueError, match="a conditional discriminator needs the source images"):
        PatchDiscriminator(conditional, width=4)(slices, None if conditional else slices)


def test_a_discriminator_without_inner_layers_is_refused():
    with pytest.raises(ValueError, match="at least one inner layer"):
        PatchDiscriminator(conditional=False, inner_layers=0)
