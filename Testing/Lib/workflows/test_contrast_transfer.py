"""The volume side of the contrast transfer: where slices are taken, how three directions are joined.

The geometry is tested with networks of one formula, whose answer is known; what a trained generator does to a
real newborn is tested where both are there.
"""

import numpy as np
import pytest
import torch
from torch import nn

from DeepRegistrationLib.geometry.canonical_grid import HALF_EDGE
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.networks.contrast_generator import ContrastGenerator
from DeepRegistrationLib.workflows.contrast_transfer import t2_like
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain
from Testing.Lib.workflows.conftest import head_turned_by

CPU = torch.device("cpu")


class Negative(nn.Module):
    """Bright becomes dark."""

    def forward(self, slices):
        return -slices


class MeanOfSlice(nn.Module):
    """Every pixel becomes the mean of its slice; remembers how many slices it saw."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def forward(self, slices):
        self.seen += len(slices)
        return slices.mean((2, 3), keepdim=True).expand_as(slices)


@pytest.fixture(scope="module")
def a_turned_brain():
    image, mask, _, _ = head_turned_by(70, seed=4)
    return prepare_brain(image, mask, CPU)


def correlation(first, second, inside):
    return float(torch.corrcoef(torch.stack([first[inside], second[inside]]))[0, 1])


def test_the_result_lies_where_the_brain_lies(a_turned_brain):
    made = t2_like(a_turned_brain, Negative(), size=48)
    there = resample(a_turned_brain.image, made.image.geometry).values
    inside = resample(a_turned_brain.mask, made.image.geometry).values > 0.99
    assert correlation(made.image.values, there, inside) < -0.9
    assert np.array_equal(made.centre_ras, a_turned_brain.centre_ras)
    assert made.radius_mm == a_turned_brain.radius_mm


def test_the_cube_is_centred_at_the_brain_and_three_radii_wide(a_turned_brain):
    geometry = t2_like(a_turned_brain, Negative(), size=32).image.geometry
    assert geometry.shape_kji == (32, 32, 32)
    assert np.allclose(geometry.centre_ras, a_turned_brain.centre_ras, atol=1e-6)
    width = (geometry.size_ijk - 1) * geometry.spacing_mm
    assert np.allclose(width, 2 * HALF_EDGE * a_turned_brain.radius_mm)


def test_the_result_is_a_prepared_brain(a_turned_brain):
    made = t2_like(a_turned_brain, Negative(), size=48)
    image, inside = made.image.values, made.mask.values > 0
    assert set(made.mask.values.unique().tolist()) == {0.0, 1.0}
    assert float(image[inside].min()) == pytest.approx(0.1)
    assert float(image[inside].max()) == pytest.approx(1.0)
    assert (image[~inside] == 0).all()
    volume_mm3 = float(made.mask.values.sum()) * made.mask.geometry.voxel_volume_mm3
    assert volume_mm3 == pytest.approx(4 / 3 * np.pi * made.radius_mm**3, rel=0.05)


def test_what_is_made_in_three_directions_is_averaged_and_empty_slices_are_left_out(a_turned_brain):
    network = MeanOfSlice()
    made = t2_like(a_turned_brain, network, size=32)
    inside = made.mask.values > 0
    planes = sum(int(inside.movedim(axis, 0).flatten(1).any(1).sum()) for axis in range(3))
    assert network.seen == planes < 3 * 32
    # such an image is a sum of three functions of one index each: inside, mixed differences vanish
    image = made.image.values
    usable = (inside & (image > 0.1) & (image < 1.0)).double()
    for first, second in ((0, 1), (0, 2), (1, 2)):
        mixed = image.diff(dim=first).diff(dim=second)
        corners = usable.unfold(first, 2, 1).unfold(second, 2, 1).flatten(-2).prod(-1) > 0
        assert int(corners.sum()) > 500
        assert float(mixed[corners].abs().max()) < 1e-5
    # and along every axis it changes: each direction contributes
    for axis in range(3):
        pairs = usable.unfold(axis, 2, 1).prod(-1) > 0
        assert float(image.diff(dim=axis)[pairs].abs().max()) > 0.02


def test_two_runs_are_equal_and_nothing_is_learned(a_turned_brain):
    torch.manual_seed(0)
    generator = ContrastGenerator(width=4, depth=3, dropout=0.5).eval()
    first, second = (t2_like(a_turned_brain, generator, size=32) for _ in range(2))
    assert torch.equal(first.image.values, second.image.values)
    assert not first.image.values.requires_grad


def test_a_size_that_the_generator_cannot_halve_is_refused(a_turned_brain):
    with pytest.raises(ValueError, match="multiples of 8"):
        t2_like(a_turned_brain, ContrastGenerator(width=4, depth=3).eval(), size=36)
