import math

import pytest
import torch

from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion
from DeepRegistrationLib.optimize.us_patches import patch_motion
from Testing.Lib.ultrasound import moved_frame


def pairs_of(moving, fixed):
    return FramePairs(moving[None, None], fixed[None, None], torch.ones(1, 1, 128, 128))


def motion_of(angle_deg, shift):
    return PairMotion(torch.tensor([math.radians(angle_deg)]), torch.tensor([shift]))


@pytest.fixture
def a_still_frame():
    return moved_frame(0.0, (0.0, 0.0))


def test_patches_of_frames_that_lie_on_each_other_rest(a_still_frame):
    pairs = pairs_of(moved_frame(4.0, (0.03, -0.02)), a_still_frame)
    inner = torch.ones(1, 1, 128, 128)
    aligned = patch_motion(*pairs.normalized, inner, motion_of(4.0, (0.03, -0.02)))
    assert float(aligned) < 0.1 / 128


def test_patches_want_to_move_as_far_as_the_frames_are_apart(a_still_frame):
    pairs = pairs_of(moved_frame(0.0, (1 / 128, 0.0)), a_still_frame)
    found = patch_motion(*pairs.normalized, torch.ones(1, 1, 128, 128), PairMotion.none(pairs))
    assert float(found) == pytest.approx(1 / 128, rel=0.25)


def test_patches_of_another_place_go_elsewhere(a_still_frame):
    pairs = pairs_of(moved_frame(0.0, (0.0, 0.0), seed=5), a_still_frame)
    assert float(patch_motion(*pairs.normalized, torch.ones(1, 1, 128, 128), PairMotion.none(pairs))) > 0.004


def test_where_nothing_is_seen_twice_patches_are_as_far_as_can_be(a_still_frame):
    pairs = pairs_of(a_still_frame, a_still_frame)
    away = patch_motion(*pairs.normalized, torch.ones(1, 1, 128, 128), motion_of(0.0, (2.0, 0.0)))
    assert float(away) == 1.0
