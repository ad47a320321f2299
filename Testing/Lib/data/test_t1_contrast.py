"""Which tissue is how bright on T1."""

import pytest
import torch

from DeepRegistrationLib.atlases.label_names import segments_of
from DeepRegistrationLib.data.t1_contrast import T1Ranges, Tissue, draw_t1_signals, tissue_fractions

BARE = T1Ranges(myelinated=0.0)


def signals(ranges, count=500, seed=0):
    return draw_t1_signals(count, torch.Generator().manual_seed(seed), ranges)


def test_every_label_of_both_parcellations_is_one_tissue():
    names = [segment.value for segment in segments_of(list(range(37, 43)) + list(range(71, 126)))]
    known = [value for value in names if not segments_of([value])[0].name.startswith("Label")]
    fractions = tissue_fractions(torch.tensor(known))
    assert fractions.shape == (len(Tissue), len(known))
    assert torch.equal(fractions.sum(0), torch.ones(len(known)))
    assert (fractions.sum(1) > 0).all()


def test_white_matter_is_the_same_tissue_before_and_after_week_30():
    zones, whole = (
        tissue_fractions(torch.tensor([114, 115, 116, 117])),
        tissue_fractions(torch.tensor([120, 121])),
    )
    assert zones[Tissue.WHITE].tolist() == [1] * 4
    assert whole[Tissue.WHITE].tolist() == [1] * 2


def test_background_is_no_tissue_and_the_shape_of_the_labels_is_kept():
    fractions = tissue_fractions(torch.tensor([[0, 124], [112, 0]]))
    assert fractions.shape == (9, 2, 2)
    assert fractions.sum(0).tolist() == [[0, 1], [1, 0]]


def test_a_label_outside_the_key_is_refused():
    with pytest.raises(ValueError, match=r"labels \[7, 200\]"):
        tissue_fractions(torch.tensor([0, 7, 112, 200]))


def test_before_myelination_fluid_is_darkest_then_white_matter_then_grey():
    drawn = signals(BARE)
    others = [tissue for tissue in Tissue if tissue not in (Tissue.FLUID, Tissue.WHITE)]
    assert (drawn[:, Tissue.FLUID] < drawn[:, Tissue.WHITE]).all()
    assert (drawn[:, Tissue.WHITE] < drawn[:, Tissue.CORTEX]).all()
    assert (drawn[:, [Tissue.FLUID]] < drawn[:, others]).all()


def test_myelinated_white_matter_passes_the_cortex_in_some_images_and_no_tract_is_behind_it():
    drawn = signals(T1Ranges(myelinated=1.0))
    brighter = (drawn[:, Tissue.WHITE] > drawn[:, Tissue.CORTEX]).float().mean()
    assert 0.2 < brighter < 0.8
    for tract in (Tissue.CAPSULE, Tissue.COMMISSURE, Tissue.BRAINSTEM):
        assert (drawn[:, tract] >= drawn[:, Tissue.WHITE]).all()


def test_a_signal_follows_the_equation():
    fixed = T1Ranges(
        white_rate=(0.4, 0.4), fluid_rate=(0.25, 0.25), cortex=(1.3, 1.3), myelinated=0.0,
        fluid_density=(1.0, 1.0), grey_density=(0.85, 0.85), recovery_s=(1.0, 1.0), inversion=(0.5, 0.5),
    )  # fmt: skip
    drawn = signals(fixed, count=1)[0]
    assert drawn[Tissue.FLUID].item() == pytest.approx(1 - 1.5 * 0.778801, abs=1e-5)
    assert drawn[Tissue.CORTEX].item() == pytest.approx(0.85 * (1 - 1.5 * 0.594521), abs=1e-5)


def test_one_seed_gives_one_set_of_contrasts():
    assert torch.equal(signals(BARE, seed=3), signals(BARE, seed=3))
    assert not torch.equal(signals(BARE, seed=3), signals(BARE, seed=4))
