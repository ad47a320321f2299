import pytest
import torch

from DeepRegistrationLib.images import us_texture
from DeepRegistrationLib.images.us_texture import blurred, fine_texture, locally_normalized

needs_numba = pytest.mark.skipif(
    not us_texture.machine_code_is_available(), reason="numba is not installed here"
)


@pytest.fixture
def images_with_two_masks():
    """Two images of two planes and a mask for each image."""
    images = torch.rand(2, 2, 48, 48, generator=torch.Generator().manual_seed(3))
    mask = torch.ones(2, 1, 48, 48)
    mask[0, :, :11], mask[1, :, :, 30:] = 0, 0
    return images, mask


def by_torch(monkeypatch, function, *arguments):
    with monkeypatch.context() as patched:
        patched.setattr(us_texture, "machine_code_is_available", lambda: False)
        return function(*arguments)


@needs_numba
@pytest.mark.parametrize("function", [locally_normalized, fine_texture])
@pytest.mark.parametrize("masks", [1, 2])
def test_machine_code_normalizes_as_torch_does(images_with_two_masks, monkeypatch, function, masks):
    images, mask = images_with_two_masks
    expected = by_torch(monkeypatch, function, images, mask[:masks])
    torch.testing.assert_close(function(images, mask[:masks]), expected, atol=2e-4, rtol=0)


@needs_numba
@pytest.mark.parametrize("times", [1, 2, 3])
def test_machine_code_averages_as_torch_does_and_leaves_the_image_alone(
    images_with_two_masks, monkeypatch, times
):
    images, _ = images_with_two_masks
    before = images.clone()
    found = blurred(images, 7, times)
    torch.testing.assert_close(found, by_torch(monkeypatch, blurred, images, 7, times))
    torch.testing.assert_close(images, before, atol=0, rtol=0)


def test_a_point_becomes_the_window_and_beyond_the_border_is_nothing():
    point = torch.zeros(1, 1, 16, 16)
    point[..., 1, 8] = 1
    spread = blurred(point, 5, 1)[0, 0]
    assert spread[:4, 6:11].allclose(torch.tensor(1 / 25))
    assert spread.sum().item() == pytest.approx(20 / 25)


def test_images_that_take_part_in_a_gradient_get_one():
    image = torch.rand(1, 1, 16, 16, requires_grad=True)
    blurred(image, 3, 1).sum().backward()
    assert image.grad is not None
