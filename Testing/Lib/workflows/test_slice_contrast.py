"""The slice side of the contrast transfer: where slices are seen, and where what is made of them lies."""

import numpy as np
import pytest
import torch
from torch import nn

from DeepRegistrationLib.atlases.fetal_atlas import FetalAtlas
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceSettings
from DeepRegistrationLib.jobs.fetal_volume import MovingContrast
from DeepRegistrationLib.workflows.contrast_transfer import T1_TO_T2
from DeepRegistrationLib.workflows.fetal_slice import FetalSliceInputs, register
from DeepRegistrationLib.workflows.prepared_slice import prepare_slice
from DeepRegistrationLib.workflows.slice_contrast import slices_like_t2
from Testing.Lib.workflows.phantom_slices import slices_of_head

CPU = torch.device("cpu")
HALF_EDGE_MM = 72.0


class Negative(nn.Module):
    """Bright becomes dark; keeps what it saw."""

    def forward(self, slices):
        self.seen = slices
        return -slices


@pytest.fixture(scope="module")
def a_stack():
    image, mask, _ = slices_of_head(seed=3, count=4)
    return prepare_slice(image, mask, None, CPU)


def test_what_is_made_lies_where_the_slices_lie(a_stack):
    made = slices_like_t2(a_stack, Negative(), 96, HALF_EDGE_MM)
    assert made.image.geometry is a_stack.image.geometry
    assert torch.equal(made.mask.values, a_stack.mask.values)
    for before, after, inside in zip(
        a_stack.image.values, made.image.values, a_stack.mask.values > 0, strict=True
    ):
        smooth = nn.functional.avg_pool2d(before[None, None], 3, 1, 1)[0, 0]
        core = nn.functional.avg_pool2d(inside[None, None].float(), 7, 1, 3)[0, 0] > 0.999

        def alike(shift, smooth=smooth, after=after, core=core):
            pair = torch.stack([smooth[core], torch.roll(after, shift, (0, 1))[core]])
            return float(torch.corrcoef(pair)[0, 1])

        assert alike((0, 0)) < -0.9
        # one pixel to any side it fits less: nothing moved by half a pixel
        assert all(alike((0, 0)) < alike(shift) for shift in ((1, 0), (-1, 0), (0, 1), (0, -1)))


def test_the_network_sees_the_centroid_in_the_middle_at_its_own_scale(a_stack):
    network = Negative()
    slices_like_t2(a_stack, network, 65, HALF_EDGE_MM)
    assert network.seen.shape == (4, 1, 65, 65)
    inside = (network.seen[:, 0] > -0.999).double()
    pixel_mm = 2 * HALF_EDGE_MM / 64
    area_mm2 = float(inside.sum()) * pixel_mm**2
    assert area_mm2 == pytest.approx(float(a_stack.areas_mm2().sum()), rel=0.04)
    rows, columns = (torch.arange(65).double() @ inside.sum((0, axis)) / inside.sum() for axis in (2, 1))
    assert float(rows) == pytest.approx(32, abs=0.2)
    assert float(columns) == pytest.approx(32, abs=0.2)


def test_intensities_stay_those_of_prepared_slices(a_stack):
    made = slices_like_t2(a_stack, Negative(), 64, HALF_EDGE_MM)
    inside = a_stack.mask.values > 0
    assert float(made.image.values[inside].min()) >= 0.1
    assert float(made.image.values[inside].max()) <= 1.0
    assert (made.image.values[~inside] == 0).all()


def test_the_registration_says_which_network_made_the_contrast(a_phantom_atlas: FetalAtlas):
    image, mask, _ = slices_of_head(seed=5, count=3)
    settings = FetalSliceSettings(gestational_age_weeks=28.0, contrast=MovingContrast.T1_TO_T2)
    result = register(FetalSliceInputs(image, mask, a_phantom_atlas), settings)
    assert T1_TO_T2 in {stamp.name for stamp in result.models}
    assert result.settings["contrast"] == "t1-to-t2"
    # what comes out is the image as it was given, wherever it was found
    assert torch.equal(result.moving.values, image.values)
    assert np.isfinite(result.confidence.value)
