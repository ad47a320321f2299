"""Pairs of T1 and T2 slices: the same brain and plane, opposite contrast, random and repeatable."""

from dataclasses import replace

import pytest
import torch

from DeepRegistrationLib.atlases.fetal_atlas import AtlasImage
from DeepRegistrationLib.data.contrast_pairs import PairSettings, draw_pairs
from DeepRegistrationLib.data.contrast_volume import (
    MASK,
    OUTSIDE,
    REST,
    T2,
    contrast_volume,
    load_contrast_volumes,
)
from DeepRegistrationLib.data.fetal_split import Split
from DeepRegistrationLib.data.phantom import fetal_brain_phantom, write_phantom_atlas
from DeepRegistrationLib.data.t1_contrast import T1Ranges, Tissue
from DeepRegistrationLib.errors import InputError
from Testing.Lib.pictures import FAR, oblique_geometry, rigid

PLAIN = PairSettings(
    warp_radii=0.0, full_mask=1.0, bias=0.0, gamma=0.0, noise=0.0, signals=T1Ranges(myelinated=0.0)
)


def phantom(week=28, **place):
    image, mask, labels = fetal_brain_phantom(week, spacing_mm=2.0, **place)
    return AtlasImage(image, mask, labels, (), float(week))


@pytest.fixture(scope="module")
def two_brains():
    return [contrast_volume(phantom(week), size=48) for week in (24, 32)]


def pairs(brains, count=6, seed=0, settings=PLAIN):
    return draw_pairs(brains, count, torch.Generator().manual_seed(seed), settings)


def test_the_tissues_of_every_voxel_of_the_brain_add_up_to_one(two_brains):
    for brain in two_brains:
        inside = brain.channels[MASK] > 0
        assert torch.allclose(brain.channels[: len(Tissue)].sum(0)[inside], torch.ones(int(inside.sum())))
        assert (brain.channels[: len(Tissue), ~inside] == 0).all()


def test_tissues_and_rest_together_are_the_image(two_brains):
    channels = two_brains[0].channels
    ventricle = (channels[Tissue.FLUID] > 0.99) & (channels[OUTSIDE] == 0)
    assert ventricle.any()
    explained = (channels[T2] - channels[REST])[ventricle]
    assert float(explained.std()) < 1  # one mean for all voxels of pure fluid; intensities go up to 1000
    assert two_brains[0].fluid_minus_cortex > 100


def test_the_distance_grows_outside_the_tissue_and_is_zero_in_the_ventricles(two_brains):
    channels = two_brains[1].channels
    solid = channels[: len(Tissue)].sum(0) - channels[Tissue.FLUID] > 0.6
    assert (channels[OUTSIDE][solid] == 0).all()
    line = channels[OUTSIDE][24, 24, 40:]  # from within the brain to its right, over the border of the cube
    outside = line[line > 0]
    assert len(outside) >= 3
    pixel = 2 * 1.5 / 47
    assert torch.allclose(outside.diff(), torch.full((len(outside) - 1,), pixel), atol=0.3 * pixel)


def test_a_brain_far_away_on_an_oblique_grid_gives_the_same_volume():
    head = rigid((0, 0, 0), FAR)
    grid = oblique_geometry((66, 84, 74), (2.1, 1.8, 2.0), FAR, (20, -30, 40))
    moved = contrast_volume(phantom(ras_from_phantom=head, geometry=grid), size=40).channels
    upright = contrast_volume(phantom(), size=40).channels
    inside = (moved[MASK] > 0) & (upright[MASK] > 0)
    assert float(inside.sum() / upright[MASK].sum()) > 0.95
    together = torch.stack([moved[T2][inside], upright[T2][inside]])
    assert float(torch.corrcoef(together)[0, 1]) > 0.95


def test_an_atlas_without_labels_is_refused():
    with pytest.raises(InputError, match=r"has no labels"):
        contrast_volume(replace(phantom(), labels=None))


def test_an_atlas_without_cortex_is_refused():
    brain = phantom()
    labels = brain.labels.with_values(torch.where(brain.labels.values > 0, 124, 0))
    with pytest.raises(InputError, match="no fluid or no cortex"):
        contrast_volume(replace(brain, labels=labels), size=32)


def test_only_the_weeks_of_a_split_are_read(tmp_path):
    write_phantom_atlas(tmp_path, weeks=(24, 28), spacing_mm=3.0)
    with pytest.raises(InputError, match="no week for test; found weeks 24, 28"):
        load_contrast_volumes(tmp_path, Split.TEST, torch.device("cpu"))
    assert len(load_contrast_volumes(tmp_path, Split.VALIDATION, torch.device("cpu"))) == 1


def test_both_slices_are_minus_one_outside_the_mask_and_above_it_inside(two_brains):
    drawn = pairs(two_brains, settings=PairSettings())
    assert drawn.t1.shape == drawn.t2.shape == drawn.mask.shape == (6, 1, 64, 64)
    inside = drawn.mask > 0
    for image in (drawn.t1, drawn.t2):
        assert (image[~inside] == -1).all()
        assert float(image[inside].min()) >= -0.8 - 1e-6
        assert float(image.max()) <= 1 + 1e-6


def test_t1_is_dark_where_t2_is_bright(two_brains):
    drawn = pairs(two_brains, count=12)
    inside = drawn.mask > 0
    assert float(torch.corrcoef(torch.stack([drawn.t1[inside], drawn.t2[inside]]))[0, 1]) < -0.5


def test_slices_of_one_brain_see_different_contrasts(two_brains):
    """Across slices the same T2 intensity has many T1 intensities: a curve could not translate it."""
    drawn = pairs(two_brains[:1], count=24)
    means = [
        float(t1[(mask > 0) & (t2 > -0.3) & (t2 < 0.1)].mean())
        for t1, t2, mask in zip(drawn.t1, drawn.t2, drawn.mask, strict=True)
        if ((mask > 0) & (t2 > -0.3) & (t2 < 0.1)).sum() > 50
    ]
    assert len(means) > 10
    assert max(means) - min(means) > 0.2


def test_one_seed_gives_the_same_pairs_and_another_seed_gives_others(two_brains):
    settings = PairSettings()
    first, again = pairs(two_brains, settings=settings), pairs(two_brains, settings=settings)
    assert torch.equal(first.t1, again.t1)
    assert torch.equal(first.t2, again.t2)
    assert not torch.equal(first.t2, pairs(two_brains, seed=1, settings=settings).t2)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_slices_come_as_were_asked_for(two_brains, count):
    assert len(pairs(two_brains, count=count).t1) == count


def test_a_tight_mask_loses_fluid_and_no_tissue(two_brains):
    tight = replace(PLAIN, full_mask=0.0, limit_radii=(0.0, 0.0))
    full, stripped = pairs(two_brains, count=10), pairs(two_brains, count=10, settings=tight)
    lost = (full.mask > 0) & (stripped.mask == 0)
    assert 0 < int(lost.sum()) < 0.5 * int(full.mask.sum())
    assert (stripped.mask <= full.mask).all()


def test_noise_and_gain_are_in_t1_only(two_brains):
    clean = pairs(two_brains[:1], count=1)
    dirty = pairs(two_brains[:1], count=1, settings=replace(PLAIN, noise=0.2, bias=0.5))
    assert torch.equal(clean.t2, dirty.t2)
    assert float((clean.t1 - dirty.t1).abs().max()) > 0.05


def test_slices_are_cut_at_any_orientation(two_brains):
    """The mask's extent along rows differs from slice to slice more than scale and shift explain."""
    still = replace(PLAIN, scale=(1.0, 1.0), shift_radii=0.0, offset_radii=0.0)
    drawn = pairs(two_brains[:1], count=30, settings=still)
    heights = drawn.mask[:, 0].any(-1).sum(1)
    assert int(heights.max()) - int(heights.min()) >= 10


@pytest.mark.parametrize(("brains", "count"), [([], 3), ([None], 0)])
def test_nothing_to_cut_is_refused(brains, count):
    with pytest.raises(ValueError, match="at least one volume and one slice"):
        draw_pairs(brains, count, torch.Generator())
