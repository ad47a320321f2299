import pytest
import torch

from DeepRegistrationLib.geometry.grid import sample_plane


@pytest.fixture
def two_ramps():
    """i + 10 j and i j, in 5 rows of 7 columns."""
    j, i = torch.meshgrid(torch.arange(5.0), torch.arange(7.0), indexing="ij")
    return torch.stack([i + 10 * j, i * j])[None]  # (1, 2, 5, 7)


def test_a_whole_index_returns_that_pixel_and_halves_lie_between(two_ramps):
    ij = torch.tensor([[[3.0, 2.0], [0.0, 4.0], [2.5, 1.0]]])
    values = sample_plane(two_ramps, ij)
    torch.testing.assert_close(values[0, 0], torch.tensor([23.0, 40.0, 12.5]))
    torch.testing.assert_close(values[0, 1], torch.tensor([6.0, 0.0, 2.5]))


def test_outside_is_zero_or_goes_on(two_ramps):
    ij = torch.tensor([[[-2.0, 2.0], [9.0, 4.0]]])
    assert not sample_plane(two_ramps, ij)[0, 0].any()
    torch.testing.assert_close(sample_plane(two_ramps, ij, "border")[0, 0], torch.tensor([20.0, 46.0]))


def test_one_image_is_sampled_at_the_points_of_a_batch(two_ramps):
    ij = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    torch.testing.assert_close(sample_plane(two_ramps, ij)[:, 0, 0], torch.tensor([1.0, 10.0]))


def test_shapes_that_do_not_fit_are_refused(two_ramps):
    with pytest.raises(ValueError, match="must be"):
        sample_plane(two_ramps[0], torch.zeros(1, 1, 2))
    with pytest.raises(ValueError, match="do not fit"):
        sample_plane(two_ramps.expand(2, -1, -1, -1), torch.zeros(3, 1, 2))
