"""The motion of pairs of frames as the network sees it, look after look.

After each look both frames are brought half of the way to each other, so that interpolation blurs both alike,
and the network is asked what is left. It is not quite fair: of equal frames it says a little motion. Frames
that are exchanged move the other way, frames that are mirrored turn the other way: the mean of all these
answers is fair.
"""

import torch

from DeepRegistrationLib.networks.us_angle_net import SIZE, UsAngleNet
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion
from DeepRegistrationLib.optimize.us_sums import SEEN, frames_and_masks_back

_FINE = 128
"""Pixels along the edge of the frames that are brought towards each other. Linear interpolation moves what is
as fine as a pixel by less than it should, an eighth of the motion at 64 pixels; averaged afterwards, the
finest of this is gone."""
_LOOKS, _FAIR_LOOKS = 4, 3
_MIRRORS = ((), (3,), (2,), (2, 3))
"""Axes of (P, C, row, column) along which pairs are mirrored."""


def network_motion(
    network: UsAngleNet, pairs: FramePairs, looks: int = _LOOKS, fair_looks: int = _FAIR_LOOKS
) -> PairMotion:
    """What the network says, each further look about what the ones before have left.

    Args:
        network: in evaluation mode.
        pairs: P pairs on 64 x 64 pixels, or more that can be halved to that.
        looks: at least 1.
        fair_looks: how many of them, the last ones, also see the pairs exchanged and mirrored.
    """
    fine = pairs.of_size(min(_FINE, pairs.size))
    motion = PairMotion.none(pairs)
    for look in range(looks):
        ask = _fair_answer if look >= looks - fair_looks else _answer
        if look == 0:
            motion = ask(network, *pairs.of_size(SIZE).normalized)
        else:
            half = motion.half()
            # moving = half (left (half (fixed))): the two frames meet in the middle
            motion = half.after(ask(network, *_met(fine, half)).after(half))
    return motion


def _met(pairs: FramePairs, half: PairMotion) -> tuple[torch.Tensor, torch.Tensor]:
    """Both frames half of the way to each other on the network's grid: two (P, 1, 64, 64)."""
    moving, of_moving = frames_and_masks_back(pairs.moving, pairs.mask, half)
    fixed, of_fixed = frames_and_masks_back(pairs.fixed, pairs.mask, half.inverse())
    seen = ((of_moving > SEEN) & (of_fixed > SEEN)).to(moving.dtype)
    met = FramePairs(moving, fixed, seen).of_size(SIZE)
    return met.normalized


def _answer(network: UsAngleNet, moving: torch.Tensor, fixed: torch.Tensor) -> PairMotion:
    said = network(torch.cat([moving, fixed], 1))
    return PairMotion(said.angle, said.shift)


def _fair_answer(network: UsAngleNet, moving: torch.Tensor, fixed: torch.Tensor) -> PairMotion:
    """Mean of the answers about the pairs, exchanged and mirrored."""
    said = []
    for axes in _MIRRORS:
        along = moving.new_tensor([-1.0 if 3 in axes else 1.0, -1.0 if 2 in axes else 1.0])
        seen = moving.flip(axes), fixed.flip(axes)
        for answer in (_answer(network, *seen), _answer(network, *seen[::-1]).inverse()):
            # a turn in one mirror is the other way round, in two it is the same
            said.append(PairMotion(answer.angle * along.prod(), answer.shift * along))
    return PairMotion(
        torch.stack([answer.angle for answer in said]).mean(0),
        torch.stack([answer.shift for answer in said]).mean(0),
    )
