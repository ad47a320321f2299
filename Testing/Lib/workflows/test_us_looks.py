import math

import pytest
import torch

from DeepRegistrationLib.networks.us_angle_net import InPlaneEstimate, UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion
from DeepRegistrationLib.optimize.us_refinement import UsRefinementSettings, refine_pairs
from DeepRegistrationLib.workflows.us_looks import network_motion
from Testing.Lib.ultrasound import moved_frame


class Halfway(UsAngleNet):
    """Finds half of the motion between two normalized frames, and always a quarter of a degree too much."""

    def __init__(self) -> None:
        super().__init__(width=4)
        self.wrong = math.radians(0.25)

    def forward(self, pairs):
        assert pairs.shape[1:] == (2, 64, 64)
        moving, fixed = pairs.split(1, 1)
        given = FramePairs(moving, fixed, torch.ones(1, 1, 64, 64))
        settings = UsRefinementSettings(sizes=(32, 64), iterations=(8, 4), polish=0)
        found = refine_pairs(given, PairMotion.none(given), settings).motion
        return InPlaneEstimate(found.angle / 2 + self.wrong, found.shift / 2)


def pair_of(angle_deg: float, shift: tuple[float, float], size: int = 128) -> FramePairs:
    moving, fixed = moved_frame(angle_deg, shift, size), moved_frame(0.0, (0.0, 0.0), size)
    mask = torch.zeros(1, 1, size, size)
    mask[..., size // 16 : -size // 8, size // 8 : -size // 20] = 1
    return FramePairs(moving[None, None], fixed[None, None], mask)


@pytest.fixture
def a_network_that_is_wrong():
    return Halfway().eval()


@torch.no_grad()
def test_looks_come_nearer_and_fair_ones_leave_no_bias(a_network_that_is_wrong):
    pairs = pair_of(3.0, (0.02, -0.03))
    unfair = network_motion(a_network_that_is_wrong, pairs, looks=8, fair_looks=0)
    fair = network_motion(a_network_that_is_wrong, pairs, looks=8, fair_looks=4)
    # half of what is left, and 0.25 degrees more, is what is left at twice 0.25 degrees
    assert abs(unfair.angle.rad2deg().item() - 3.5) < 0.1
    assert abs(fair.angle.rad2deg().item() - 3.0) < 0.1
    torch.testing.assert_close(fair.shift, torch.tensor([[0.02, -0.03]]), atol=2e-3, rtol=0)


@torch.no_grad()
def test_a_fair_look_sees_no_motion_between_equal_frames():
    torch.manual_seed(0)
    network, pairs = UsAngleNet(width=4).eval(), pair_of(0.0, (0.0, 0.0))
    assert network_motion(network, pairs, looks=1, fair_looks=0).angle.abs() > 1e-4
    assert network_motion(network, pairs, looks=1, fair_looks=1).angle.abs() < 1e-6


@torch.no_grad()
def test_what_is_asked_of_exchanged_frames_is_the_inverse():
    torch.manual_seed(1)
    network, pairs = UsAngleNet(width=4).eval(), pair_of(4.0, (0.05, 0.01))
    forth, back = (network_motion(network, given, fair_looks=4) for given in (pairs, pairs.exchanged()))
    torch.testing.assert_close(forth.angle, back.inverse().angle, atol=1e-5, rtol=0)
    torch.testing.assert_close(forth.shift, back.inverse().shift, atol=1e-5, rtol=0)


def test_half_a_motion_done_twice_is_the_motion():
    motion = PairMotion(torch.tensor([0.3, -0.1]), torch.tensor([[0.2, -0.1], [0.0, 0.05]]))
    again = motion.half().after(motion.half())
    torch.testing.assert_close(again.angle, motion.angle)
    torch.testing.assert_close(again.shift, motion.shift)
