"""The automatic brain mask: keeps the brain, drops slabs beside it, says when there is nothing."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.images.brain_mask import find_brain_mask
from DeepRegistrationLib.images.volume import Volume
from Testing.Lib.pictures import FAR, oblique_geometry, rigid


def dice(first, second):
    both = (first & second).sum()
    return float(2 * both / (first.sum() + second.sum()))


@pytest.fixture(scope="module")
def an_oblique_phantom():
    head = rigid((50, -20, 130), FAR)
    grid = oblique_geometry((64, 80, 72), (1.9, 1.6, 2.3), FAR + np.array([4, -3, 2]), (10, 25, -15))
    return fetal_brain_phantom(29, ras_from_phantom=head, geometry=grid)


def test_a_masked_brain_is_found_entirely(an_oblique_phantom):
    image, mask, _ = an_oblique_phantom
    assert dice(find_brain_mask(image).values, mask.values) > 0.97


def test_slabs_of_other_tissue_are_left_out(an_oblique_phantom):
    image, mask, _ = an_oblique_phantom
    values = image.values.clone()
    values[2:7, 5:40, 5:30] = 700.0  # 10 mm thick, a bridge of 3 voxels leads to the brain
    values[7:30, 20:23, 20:23] = 700.0
    assert dice(find_brain_mask(image.with_values(values)).values, mask.values) > 0.95


def test_noise_in_the_background_does_not_join_the_brain(an_oblique_phantom):
    image, mask, _ = an_oblique_phantom
    noise = 60 * torch.rand(image.values.shape, generator=torch.Generator().manual_seed(0))
    found = find_brain_mask(image.with_values(image.values + noise))
    assert dice(found.values, mask.values) > 0.95


def test_an_image_of_specks_is_refused():
    geometry = oblique_geometry((40, 40, 40), (2.0, 2.0, 2.0), np.zeros(3))
    values = torch.zeros(40, 40, 40)
    values[::9, ::9, ::9] = 500.0
    with pytest.raises(InputError, match=r"No brain was found in 'specks'.*Give a brain mask"):
        find_brain_mask(Volume(values, geometry, "specks"))
