import math

import pytest
import torch

from DeepRegistrationLib.images.us_texture import locally_normalized
from DeepRegistrationLib.optimize import us_sums
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion, brought_back
from Testing.Lib.ultrasound import moved_frame


@pytest.fixture
def two_pairs():
    """Normalized frames of 64 pixels with a mask that is not symmetric, and motions that are not the true
    ones."""
    moving = torch.stack([moved_frame(4.0, (0.03, -0.02), 64), moved_frame(-6.0, (0.0, 0.05), 64, 1)])[
        :, None
    ]
    fixed = torch.stack([moved_frame(0.0, (0.0, 0.0), 64), moved_frame(0.0, (0.0, 0.0), 64, 1)])[:, None]
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 4:50, 9:60] = 1
    motion = PairMotion(
        torch.tensor([math.radians(3.0), math.radians(-6.5)]), torch.tensor([[0.02, 0.0], [0.01, 0.04]])
    )
    return locally_normalized(moving, mask), locally_normalized(fixed, mask), mask, motion


@pytest.mark.skipif(not us_sums.machine_code_is_available(), reason="numba is not installed here")
def test_machine_code_adds_up_the_same_as_torch(two_pairs):
    moving, fixed, mask, motion = two_pairs
    fast = us_sums.pair_sums(moving, fixed, mask, motion, 1.0)
    plain = us_sums.by_torch(moving, fixed, mask, motion, 1.0)
    # a pixel at the edge of what is seen may fall on either side
    torch.testing.assert_close(fast, plain, rtol=2e-3, atol=0.5)


def test_the_derivatives_are_those_of_the_brought_back_frame(two_pairs):
    _, fixed, mask, _ = two_pairs
    # equal frames, no motion: what the moving frame gains by a small step is the step times the derivative
    moving, mask = fixed.double(), mask.double()
    none = PairMotion(torch.zeros(2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64))
    sums = us_sums.by_torch(moving, moving, mask, none, 1e6)
    for index, step in enumerate(([2e-3, 0, 0], [0, 1e-3, 0], [0, 0, 1e-3])):
        change = torch.tensor(step, dtype=torch.float64).expand(2, -1)
        moved = PairMotion(change[:, 0], change[:, 1:])
        seen = us_sums.by_torch(moving, moving, mask, moved, 1e6)
        diagonal = (0, 3, 5)[index]
        expected = sums[:, diagonal] * max(step)
        torch.testing.assert_close(seen[:, 6 + index], expected, rtol=0.25, atol=1e-3)


def test_only_what_both_frames_show_is_added_up(two_pairs):
    moving, fixed, mask, motion = two_pairs
    both = torch.cat([moving, mask.expand(2, -1, -1, -1)], 1)
    seen = brought_back(both, motion)[:, 1] > us_sums.SEEN
    area = (seen * mask[:, 0]).sum((1, 2))
    torch.testing.assert_close(us_sums.by_torch(moving, fixed, mask, motion, 1.0)[:, us_sums.AREA], area)


def test_frames_in_pairs_keep_their_order():
    pairs = FramePairs(torch.zeros(2, 1, 8, 8), torch.ones(2, 1, 8, 8), torch.ones(1, 1, 8, 8))
    assert pairs.exchanged().moving.min() == 1
    assert len(pairs.halved) == 2


def test_frames_come_back_the_same_by_machine_code_and_by_torch(two_pairs):
    moving, _, mask, motion = two_pairs
    warped, seen = us_sums.frames_and_masks_back(moving, mask, motion)
    plain = brought_back(torch.cat([moving, mask.expand(2, -1, -1, -1)], 1), motion)
    inside = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    torch.testing.assert_close(warped[inside], plain[:, :1][inside], atol=2e-3, rtol=0)
    torch.testing.assert_close(seen[inside], plain[:, 1:][inside], atol=2e-3, rtol=0)
