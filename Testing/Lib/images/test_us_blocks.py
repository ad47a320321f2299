import pytest
import torch

from DeepRegistrationLib.images.us_blocks import block_means, extremes
from DeepRegistrationLib.images.us_texture import machine_code_is_available

needs_numba = pytest.mark.skipif(not machine_code_is_available(), reason="numba is not installed here")


@pytest.mark.parametrize("blocks", [(2, 2), (3, 2), (1, 4), (5, 7)])
@needs_numba
def test_machine_code_averages_the_blocks_as_torch_does_also_those_that_the_border_cuts(blocks):
    images = torch.rand(2, 3, 31, 45, generator=torch.Generator().manual_seed(0))
    # gradients are torch's work
    plain = block_means(images.clone().requires_grad_(), blocks).detach()
    torch.testing.assert_close(block_means(images, blocks), plain)


def test_a_block_holds_the_mean_of_its_pixels():
    image = torch.arange(12.0).reshape(1, 1, 3, 4)
    expected = torch.tensor([[2.5, 4.5], [8.5, 10.5]])
    torch.testing.assert_close(block_means(image, (2, 2))[0, 0], expected)


def test_blocks_of_one_pixel_are_the_image():
    image = torch.rand(1, 1, 3, 4)
    assert block_means(image, (1, 1)) is image


@pytest.mark.parametrize("kind", [torch.float32, torch.float64], ids=["machine code", "torch"])
def test_extremes_are_those_of_each_pixel_over_time(kind):
    frames = torch.rand(5, 6, 9, generator=torch.Generator().manual_seed(1)).to(kind)[:, ::2]
    darkest, brightest = extremes(frames)
    torch.testing.assert_close(darkest, frames.amin(0))
    torch.testing.assert_close(brightest, frames.amax(0))
