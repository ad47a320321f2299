"""Where the search for slices starts: the best distinct proposals of the bank and of the net."""

import functools

import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.optimize.pose_batch import PoseBatch, stack_poses
from DeepRegistrationLib.optimize.slice_bank import SliceBank
from DeepRegistrationLib.workflows.fetal_slice_proposals import (
    SLICE_NET,
    bank_proposals,
    make_slice_bank,
    mirrored,
    net_proposals,
)
from DeepRegistrationLib.workflows.fetal_slice_refinement import COARSE, Advance, make_level
from DeepRegistrationLib.workflows.fetal_slice_search import FEW_SLICES, choose_starts, size_costs
from DeepRegistrationLib.workflows.prepared_atlas import PreparedAtlas
from DeepRegistrationLib.workflows.prepared_slice import PreparedSlice
from DeepRegistrationLib.workflows.slice_poses import about, towards

_PROPOSALS = 200
"""Best scores of each channel of the bank, at each size, from which distinct ones are chosen."""
_SIZES_TRIED = (0.93, 1.0, 1.07)
"""Relative to the size that the age tells; brains of one age differ by 5 % in length."""
_ASKED_SLICES = 6
"""Slices of a stack of which the bank is asked: those that show most of the brain."""


# a bank takes a second and 33 MB; it is worth keeping for the next slice. Four ages, with and without fluid
@functools.lru_cache(maxsize=8)
def slice_bank(atlas: PreparedAtlas) -> SliceBank:
    """The atlas cut along all planes, kept between jobs of a resident worker."""
    return make_slice_bank(atlas.brain)


def propose_starts(
    atlas: PreparedAtlas,
    part: PreparedSlice,
    settings: FetalSliceSettings,
    scale: float,
    by_net: PoseBatch | None,
    advance: Advance,
) -> PoseBatch:
    """Proposes poses, one of each pair of mirror images.

    Args:
        atlas: what is searched.
        part: one slice or a stack.
        settings: choices.
        scale: size of the atlas relative to the subject, as the age tells it.
        by_net: what `ask_net` says; None if the net is not asked.
        advance: told the fraction done; raises to stop.

    Returns:
        Half of them found by intensity and half by edges; those of the net first.
    """
    bank = slice_bank(atlas)
    advance(0.5)
    # each candidate is a pair of mirror images, half of them found by intensity and half by edges
    pairs = max(settings.candidates // 2, 2)
    counts = (pairs - pairs // 2, pairs // 2)
    by_channel: list[PoseBatch | None] = [None, None]
    asked = slices_to_ask(part)
    for number, index in enumerate(asked):
        single = part.single(index) if len(part.image.values) > 1 else part
        for size in _SIZES_TRIED:
            count = max(_PROPOSALS // len(asked), 50)
            poses, _ = bank_proposals(bank, atlas.brain, single, scale * size, count)
            poses = about(poses, part.centre_ras)
            for channel, half in enumerate(_halves(len(poses))):
                by_channel[channel] = _joined(by_channel[channel], poses[half])
        advance(0.5 + 0.5 * (number + 1) / len(asked))
    # what one slice proposes all slices judge
    level = make_level(atlas.brain, part.thinned(FEW_SLICES), scale, COARSE)
    starts: PoseBatch | None = None
    for poses, count in zip(by_channel, counts, strict=True):
        both = torch.maximum(level.score(poses), level.score(mirrored(poses, part)))
        both = both - size_costs(poses, scale)
        starts = _joined(starts, choose_starts(poses, both, atlas.brain, part, count))
    if by_net is not None:
        starts = _joined(towards(by_net, atlas.brain.centre_ras), starts)
    return starts


def ask_net(
    whole: PreparedAtlas, part: PreparedSlice, settings: FetalSliceSettings, scale: float
) -> PoseBatch | None:
    """Poses that the net proposes, `NET_TURNS` for each slice that is asked; the slice that shows most first.

    Args:
        whole: the whole atlas, which the net's unit of length comes from.
        part: one slice or a stack.
        settings: choices.
        scale: size of the atlas relative to the subject, as the age tells it.

    Returns:
        The poses; None if the method does without the net, or it is not installed.
    """
    if settings.method != FetalSliceMethod.AUTO or not net_is_installed():
        return None
    found: PoseBatch | None = None
    for index in slices_to_ask(part):
        single = part.single(index) if len(part.image.values) > 1 else part
        found = _joined(found, about(net_proposals(whole.brain, single, scale), part.centre_ras))
    return found


def net_is_installed() -> bool:
    """Whether the slice net can be asked."""
    try:
        load_model(SLICE_NET, "cpu")
    except RegistrationError:
        return False
    return True


def slices_to_ask(part: PreparedSlice) -> list[int]:
    """Slices that show most of the brain, largest first; neighbours tell much the same and are left out."""
    areas = part.areas_mm2().cpu()
    worth = torch.nonzero(areas > 0.4 * areas.max()).flatten()
    step = max(len(worth) // _ASKED_SLICES, 1)
    chosen = worth[step // 2 :: step]
    return sorted(chosen.tolist(), key=lambda index: -float(areas[index]))


def _halves(count: int) -> tuple[list[int], list[int]]:
    return list(range(count // 2)), list(range(count // 2, count))


def _joined(first: PoseBatch | None, second: PoseBatch) -> PoseBatch:
    return second if first is None else stack_poses(first, second)
