"""Losses of the contrast transfer against values worked out by hand."""

import math

import pytest
import torch

from DeepRegistrationLib.losses.adversarial_loss import (
    AdversarialForm,
    Judgements,
    deception_loss,
    discriminator_loss,
    judgement_loss,
    paired_generator_loss,
)
from DeepRegistrationLib.losses.cycle_loss import cycle_loss, identity_loss, unpaired_generator_loss

CROSS_ENTROPY, LEAST_SQUARES = AdversarialForm
DOUBT = torch.zeros(2, 1, 3, 3)


def images(*values):
    return [torch.full((1, 1, 2, 2), float(value)) for value in values]


def judgements(of_true, of_made):
    return Judgements(of_made, of_made, of_true, torch.ones_like(of_made), torch.ones_like(of_true))


def paired_loss(of_made, made, true, form, **weights):
    return paired_generator_loss(
        judgements(of_made, of_made), made, true, torch.ones_like(made), form, **weights
    )


@pytest.mark.parametrize("measured", [True, False])
def test_doubt_costs_the_logarithm_of_two(measured):
    assert judgement_loss(DOUBT, measured, CROSS_ENTROPY).item() == pytest.approx(math.log(2))


def test_cross_entropy_is_minus_the_logarithm_of_the_probability():
    logits = torch.tensor([2.0, -1.0])
    probability = [1 / (1 + math.exp(-2)), 1 / (1 + math.exp(1))]
    measured = -(math.log(probability[0]) + math.log(probability[1])) / 2
    made = -(math.log(1 - probability[0]) + math.log(1 - probability[1])) / 2
    assert judgement_loss(logits, True, CROSS_ENTROPY).item() == pytest.approx(measured)
    assert judgement_loss(logits, False, CROSS_ENTROPY).item() == pytest.approx(made)


def test_least_squares_measure_the_distance_to_one_or_zero():
    logits = torch.tensor([1.0, 3.0])
    assert judgement_loss(logits, True, LEAST_SQUARES).item() == pytest.approx((0 + 4) / 2)
    assert judgement_loss(logits, False, LEAST_SQUARES).item() == pytest.approx((1 + 9) / 2)


def test_the_discriminator_pays_half_of_both_mistakes():
    measured, made = torch.full((1, 1, 2, 2), 0.5), torch.full((1, 1, 2, 2), -0.5)
    loss = discriminator_loss(judgements(measured, made), LEAST_SQUARES)
    assert loss.item() == pytest.approx(0.5 * (0.25 + 0.25))
    assert discriminator_loss(judgements(DOUBT, DOUBT), CROSS_ENTROPY).item() == pytest.approx(math.log(2))


def test_a_discriminator_that_knows_pays_nothing_where_the_generator_pays_most():
    sure = torch.full((1, 1, 2, 2), 20.0)
    same = torch.zeros(1, 1, 2, 2)
    assert discriminator_loss(judgements(sure, -sure), CROSS_ENTROPY).item() < 1e-6
    assert paired_loss(-sure, same, same, CROSS_ENTROPY).item() == pytest.approx(20, abs=1e-4)


def test_the_generator_pays_a_hundred_times_the_mean_difference():
    made, true = images(0.25, 0.75)
    without = paired_loss(DOUBT, true, true, CROSS_ENTROPY)
    assert without.item() == pytest.approx(math.log(2))
    assert (paired_loss(DOUBT, made, true, CROSS_ENTROPY) - without).item() == pytest.approx(50)
    light = paired_loss(DOUBT, made, true, CROSS_ENTROPY, l1_weight=2.0) - without
    assert light.item() == pytest.approx(1)


def test_patches_of_background_are_not_judged():
    of_true, of_made = torch.tensor([[[[3.0, 9.0]]]]), torch.tensor([[[[2.0, 9.0]]]])
    counted = torch.tensor([[[[1.0, 0.0]]]])
    judged = Judgements(of_made, of_made, of_true, counted, counted)
    assert discriminator_loss(judged, LEAST_SQUARES).item() == pytest.approx(0.5 * ((3 - 1) ** 2 + 2**2))
    assert deception_loss(judged, LEAST_SQUARES).item() == pytest.approx((2 - 1) ** 2)


def test_images_are_compared_within_the_mask_only():
    made, true = torch.tensor([[[[0.5, 0.0]]]]), torch.tensor([[[[0.25, 1.0]]]])
    judged, mask = judgements(DOUBT, DOUBT), torch.tensor([[[[1.0, 0.0]]]])
    loss = paired_generator_loss(judged, made, true, mask, CROSS_ENTROPY) - math.log(2)
    assert loss.item() == pytest.approx(100 * 0.25)


def test_nothing_to_judge_costs_nothing():
    nothing = torch.zeros_like(DOUBT)
    assert judgement_loss(DOUBT, True, CROSS_ENTROPY, nothing).item() == 0


@pytest.mark.parametrize("form", list(AdversarialForm))
def test_the_adversarial_losses_have_the_gradient_they_claim(form):
    generator = torch.Generator().manual_seed(0)
    logits, made, true = torch.randn(3, 2, 1, 3, 3, generator=generator, dtype=torch.float64).unbind(0)
    inputs = (logits.requires_grad_(), made.requires_grad_())
    assert torch.autograd.gradcheck(lambda logits, made: paired_loss(logits, made, true, form), inputs)
    assert torch.autograd.gradcheck(
        lambda first, second: discriminator_loss(judgements(first, second), form), inputs
    )


def test_the_cycle_adds_both_ways():
    first, first_again, second, second_again = images(0, 0.5, 1, -1)
    assert cycle_loss(first, first_again, second, second_again).item() == pytest.approx(0.5 + 2)
    assert cycle_loss(first, first, second, second).item() == 0


def test_the_identity_adds_both_contrasts():
    first, first_kept, second, second_kept = images(0.25, 0, 0.5, 0.25)
    assert identity_loss(first, first_kept, second, second_kept).item() == pytest.approx(0.5)


def test_cycle_and_identity_take_batches_of_different_size():
    first, second = torch.zeros(2, 1, 4, 4), torch.zeros(3, 1, 4, 4)
    assert cycle_loss(first, first + 1, second, second).item() == pytest.approx(1)


def test_the_unpaired_loss_weighs_the_cycle_ten_times_and_the_identity_five():
    parts = torch.tensor(2.0), torch.tensor(0.3), torch.tensor(0.4)
    assert unpaired_generator_loss(*parts).item() == pytest.approx(2 + 10 * 0.3 + 5 * 0.4)
    assert unpaired_generator_loss(*parts, 1.0, 0.0).item() == pytest.approx(2.3)


@pytest.mark.parametrize(
    "loss",
    [
        lambda image, other: paired_loss(DOUBT, image, other, CROSS_ENTROPY),
        lambda image, other: cycle_loss(image, other, image, image),
        lambda image, other: identity_loss(image, image, image, other),
    ],
    ids=["generator", "cycle", "identity"],
)
def test_images_of_different_shape_are_refused(loss):
    with pytest.raises(ValueError, match="must have one shape"):
        loss(torch.zeros(2, 1, 4, 4), torch.zeros(1, 1, 4, 4))
