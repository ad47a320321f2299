import math

import pytest
import torch

from DeepRegistrationLib.optimize.us_intensity import intensity_registration
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion, brought_back
from DeepRegistrationLib.optimize.us_phase_correlation import phase_correlation
from DeepRegistrationLib.optimize.us_refinement import UsRefinementSettings, refine_pairs
from DeepRegistrationLib.optimize.us_search import search_pairs
from Testing.Lib.ultrasound import moved_frame

MOTIONS = [(7.3, (0.03, -0.02)), (-9.1, (-0.01, 0.05)), (0.4, (0.0, 0.004)), (3.0, (-0.06, 0.03))]


def some_pairs(noise=0.0, size=128):
    moving = [
        moved_frame(angle, shift, size, seed, noise, 10 + seed) for seed, (angle, shift) in enumerate(MOTIONS)
    ]
    fixed = [moved_frame(0.0, (0.0, 0.0), size, seed, noise, 20 + seed) for seed in range(len(MOTIONS))]
    mask = torch.zeros(1, 1, size, size)
    mask[..., size // 16 : -size // 16, size // 8 : -size // 8] = 1
    return FramePairs(torch.stack(moving)[:, None] * mask, torch.stack(fixed)[:, None] * mask, mask)


def error(found):
    angle = torch.tensor([math.radians(angle) for angle, _ in MOTIONS])
    shift = torch.tensor([shift for _, shift in MOTIONS])
    return (found.angle - angle).abs().rad2deg(), (found.shift - shift).norm(dim=1)


def near_start():
    angle = torch.tensor([math.radians(angle + 0.8) for angle, _ in MOTIONS])
    return PairMotion(angle, torch.tensor([shift for _, shift in MOTIONS]) + 0.015)


def test_frames_without_noise_are_refined_to_hundredths_of_a_degree_and_of_a_pixel():
    fit = refine_pairs(some_pairs(), near_start(), UsRefinementSettings())
    angle, shift = error(fit.motion)
    assert angle.max() < 0.02
    assert shift.max() * 128 < 0.05
    assert fit.correlation.min() > 0.97


def test_speckle_of_its_own_in_every_frame_costs_tenths_of_a_degree():
    fit = refine_pairs(some_pairs(noise=0.25), near_start(), UsRefinementSettings())
    angle, _ = error(fit.motion)
    assert angle.mean() < 0.4
    # the expected error is of the size of the error
    assert 0.2 < (angle / fit.angle_sigma.rad2deg()).mean() < 6


def test_a_search_without_a_start_comes_near_enough_to_be_refined():
    pairs = some_pairs(noise=0.08)
    start = search_pairs(pairs)
    angle, shift = error(start)
    assert angle.max() < 2
    assert shift.max() < 0.03
    assert error(refine_pairs(pairs, start, UsRefinementSettings()).motion)[0].max() < 0.4


def test_frames_exchanged_give_the_inverse_motion():
    pairs = some_pairs()
    there = refine_pairs(pairs, near_start(), UsRefinementSettings()).motion
    back = refine_pairs(pairs.exchanged(), near_start().inverse(), UsRefinementSettings()).motion
    both = there.after(back)
    assert both.angle.abs().rad2deg().max() < 0.02
    assert both.shift.norm(dim=1).max() * 128 < 0.1


def test_motions_after_each_other_are_products_of_their_matrices():
    first, second = near_start(), PairMotion(torch.full((4,), 0.3), torch.full((4, 2), -0.1))
    torch.testing.assert_close(second.after(first).matrix(), second.matrix() @ first.matrix())
    eye = torch.eye(3).expand(4, -1, -1)
    torch.testing.assert_close(first.inverse().matrix() @ first.matrix(), eye, atol=1e-6, rtol=0)


def test_the_true_motion_brings_the_moving_frame_onto_the_fixed_one():
    pairs = some_pairs()
    true = PairMotion(
        torch.tensor([math.radians(angle) for angle, _ in MOTIONS]), torch.tensor([s for _, s in MOTIONS])
    )
    back, seen = brought_back(torch.cat([pairs.moving, pairs.mask.expand(4, -1, -1, -1)], 1), true).split(
        1, 1
    )
    inside = (seen > 0.99) * pairs.mask
    assert ((back - pairs.fixed).abs() * inside).max() < 0.06


@pytest.mark.parametrize("method", [phase_correlation, intensity_registration])
def test_a_baseline_comes_nearer_than_no_motion(method):
    pairs = some_pairs()
    angle, _ = error(method(pairs))
    assert (angle[:2] < error(PairMotion.none(pairs))[0][:2] / 3).all()


def test_a_stop_ends_the_refinement():
    def stop(fraction):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        refine_pairs(some_pairs(size=128), near_start(), UsRefinementSettings(), stop)


def test_a_pair_that_is_black_keeps_its_start():
    pairs = some_pairs()
    black = FramePairs(pairs.moving * 0, pairs.fixed * 0, pairs.mask)
    fit = refine_pairs(black, PairMotion.none(black), UsRefinementSettings())
    assert torch.isfinite(fit.motion.angle).all()
    assert fit.motion.angle.abs().max() < 1e-6


def test_a_size_that_halving_never_reaches_is_refused():
    with pytest.raises(ValueError, match="cannot be halved"):
        some_pairs(size=96).of_size(64)
