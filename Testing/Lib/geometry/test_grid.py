import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.grid import affine_grid, index_grid, ras_grid, sample
from Testing.Lib.pictures import FAR, oblique_geometry, positions, ramp


@pytest.fixture
def noise():
    return torch.rand(1, 2, 4, 5, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("mode", ["bilinear", "nearest"])
@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_sampling_at_a_voxel_index_returns_that_voxel(noise, mode, padding):
    ijk = index_grid((4, 5, 6), dtype=torch.float64)[None]
    torch.testing.assert_close(sample(noise, ijk, mode, padding), noise, rtol=0, atol=1e-12)


def test_the_first_index_runs_along_the_last_array_axis(noise):
    at = sample(noise, torch.tensor([[[5.0, 1.0, 3.0]]], dtype=torch.float64))
    torch.testing.assert_close(at[0, :, 0], noise[0, :, 3, 1, 5])


def test_halfway_between_two_voxels_lies_their_mean(noise):
    at = sample(noise, torch.tensor([[[2.0, 1.5, 3.0]]], dtype=torch.float64))
    torch.testing.assert_close(at[0, :, 0], (noise[0, :, 3, 1, 2] + noise[0, :, 3, 2, 2]) / 2)


def test_a_ramp_far_away_is_read_at_the_right_place_from_single_precision_values():
    geometry = oblique_geometry((20, 22, 24), (0.8, 1.2, 2.0), FAR)
    gradient = np.array([1.0, -2.0, 0.5])
    inside = np.random.default_rng(0).uniform(2, 17, (50, 3))
    ras = inside @ geometry.ras_from_ijk[:3, :3].T + geometry.ras_from_ijk[:3, 3]
    matrix = geometry.ijk_from_ras
    ijk = torch.tensor(ras @ matrix[:3, :3].T + matrix[:3, 3])
    found = sample(ramp(geometry, gradient, FAR).values[None, None], ijk[None])[0, 0]
    np.testing.assert_allclose(found.numpy(), (ras - FAR) @ gradient, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 4, 4), (4, 1, 4), (4, 4, 1)])
def test_an_axis_with_one_voxel_is_sampled_without_dividing_by_zero(shape):
    centre = (torch.tensor(shape[::-1]) - 1) / 2
    step = (torch.tensor(shape[::-1]) == 1).float() * 0.25
    at = sample(torch.ones(1, 1, *shape), torch.stack([centre, centre + step, centre + 8 * step])[None])
    missing = 0.75 ** shape.count(1)
    torch.testing.assert_close(at[0, 0], torch.tensor([1.0, missing, 0.0]))


def test_outside_is_zero_or_the_border(noise):
    beyond = torch.tensor([[[7.5, 2.0, 1.0]]], dtype=torch.float64)
    for mode in ("bilinear", "nearest"):
        assert sample(noise, beyond, mode).abs().max() == 0
        torch.testing.assert_close(sample(noise, beyond, mode, "border")[0, :, 0], noise[0, :, 1, 2, 5])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float64])
def test_nearest_returns_labels_exactly_in_their_type(dtype):
    largest = 2**53 + 1 if dtype == torch.int64 else 250
    labels = torch.tensor([0, 1, largest, 7], dtype=dtype).reshape(1, 1, 1, 2, 2)
    at = sample(labels, torch.tensor([[[0.3, 0.8, 0.0], [0.6, 0.4, 0.0]]]), "nearest")
    assert at.dtype == dtype
    assert at.flatten().tolist() == [largest, 1]


def test_nearest_takes_the_larger_index_at_every_half():
    line = torch.arange(6.0).reshape(1, 1, 1, 1, 6)
    halves = torch.stack([torch.arange(5) + 0.5, torch.zeros(5), torch.zeros(5)], -1)[None]
    assert sample(line, halves, "nearest").flatten().tolist() == [1, 2, 3, 4, 5]


def test_one_volume_at_many_grids_and_many_volumes_at_one_grid(noise):
    grids = torch.rand(3, 2, 7, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64) * 3
    volumes = torch.cat([noise, 2 * noise, -noise])
    for mode in ("bilinear", "nearest"):
        together = sample(noise, grids, mode)
        assert together.shape == (3, 2, 2, 7)
        torch.testing.assert_close(together[1:2], sample(noise, grids[1:2], mode))
        torch.testing.assert_close(sample(volumes, grids[:1], mode)[2:], sample(volumes[2:], grids[:1], mode))


def test_sharing_the_points_among_threads_changes_nothing(noise):
    ijk = torch.rand(1, 39999, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 6 - 0.5
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        shared = sample(noise, ijk)
        torch.set_num_threads(1)
        alone = sample(noise, ijk)
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(shared, alone, rtol=0, atol=0)


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_gradients_of_values_and_indices_are_right(noise, padding):
    ijk = torch.rand(2, 6, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 3 + 0.1
    inputs = (noise.clone().requires_grad_(), ijk.requires_grad_())
    assert torch.autograd.gradcheck(lambda v, x: sample(v, x, padding=padding), inputs)


@pytest.mark.parametrize(
    ("values", "ijk"), [((2, 2, 2), (1, 5, 3)), ((1, 1, 2, 2, 2), (1, 5, 2)), ((2, 1, 2, 2, 2), (3, 5, 3))]
)
def test_shapes_that_do_not_fit_are_refused(values, ijk):
    with pytest.raises(ValueError, match=r"must be|do not fit"):
        sample(torch.zeros(values), torch.zeros(ijk))


def test_the_grid_of_positions_far_away_is_rounded_only_once():
    geometry = oblique_geometry((12, 14, 16), (0.8, 1.2, 2.0), FAR)
    expected = positions(geometry)
    np.testing.assert_allclose(ras_grid(geometry, dtype=torch.float64).numpy(), expected, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(ras_grid(geometry).numpy(), expected.astype(np.float32))


def test_a_slab_of_the_affine_grid_is_a_part_of_the_whole():
    matrix = oblique_geometry((12, 14, 16), (0.8, 1.2, 2.0), FAR).ras_from_ijk
    whole = affine_grid(matrix, (12, 14, 16))
    torch.testing.assert_close(affine_grid(matrix, (5, 14, 16), first_k=4), whole[4:9], rtol=0, atol=1e-9)
