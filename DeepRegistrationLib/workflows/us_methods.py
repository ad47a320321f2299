"""Motions of many pairs of ultrasound frames, by each of the methods."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.jobs.us_angles import UsAnglesMethod
from DeepRegistrationLib.models.catalog import ModelStamp, find_model, model_catalog
from DeepRegistrationLib.models.load import load_model
from DeepRegistrationLib.networks.us_angle_net import UsAngleNet
from DeepRegistrationLib.optimize.us_intensity import intensity_registration
from DeepRegistrationLib.optimize.us_pairs import FramePairs, PairMotion
from DeepRegistrationLib.optimize.us_phase_correlation import phase_correlation
from DeepRegistrationLib.optimize.us_refinement import PairFit, UsRefinementSettings, refine_pairs
from DeepRegistrationLib.optimize.us_search import search_pairs
from DeepRegistrationLib.workflows.us_looks import network_motion

ANGLE_NET = "us-angle-net"
"""Name in the catalogue of models."""
_LOOKS_TO_START = 2
"""Of the network where refinement follows: a third one changes its answer by nothing."""
_FROM_NETWORK = UsRefinementSettings(sizes=(64, 128, 256), iterations=(5, 3, 2))
_FROM_SEARCH = UsRefinementSettings()
_AS_IT_IS = UsRefinementSettings(sizes=(128,), iterations=(0,), polish=0)
Advance = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class PairAnswer:
    """Motions with their fit and where they started.

    Attributes:
        fit: motion and fit of P pairs.
        start: what the network or the search said; the motion itself for the other methods.
        models: networks that took part.
    """

    fit: PairFit
    start: PairMotion
    models: tuple[ModelStamp, ...]


def resolved(method: UsAnglesMethod) -> UsAnglesMethod:
    """The method that "auto" means here."""
    if method != UsAnglesMethod.AUTO:
        return method
    there = ANGLE_NET in model_catalog()
    return UsAnglesMethod.NETWORK_REFINE if there else UsAnglesMethod.SEARCH_REFINE


def available_methods() -> tuple[UsAnglesMethod, ...]:
    """The methods that can be used here, without "auto"."""
    needs_network = (UsAnglesMethod.NETWORK, UsAnglesMethod.NETWORK_REFINE)
    there = ANGLE_NET in model_catalog()
    every = [method for method in UsAnglesMethod if method != UsAnglesMethod.AUTO]
    return tuple(method for method in every if there or method not in needs_network)


@torch.no_grad()
def register_pairs(
    pairs: FramePairs,
    method: UsAnglesMethod,
    advance: Advance = lambda fraction: None,
    network: UsAngleNet | None = None,
) -> PairAnswer:
    """Registers all pairs.

    Args:
        pairs: P pairs on 256 x 256 pixels, or 128 x 128.
        method: not "auto".
        advance: told the fraction done; raises to stop.
        network: instead of the installed one.

    Returns:
        Motions; methods without refinement are told how well they fit at full resolution too.

    Raises:
        RegistrationError: the network is not installed.
    """
    models: tuple[ModelStamp, ...] = ()
    if method in (UsAnglesMethod.NETWORK, UsAnglesMethod.NETWORK_REFINE):
        if network is None:
            network, stamp = _installed(pairs.moving.device)
            models = (stamp,)
        if method == UsAnglesMethod.NETWORK_REFINE:
            start, settings = network_motion(network, pairs, _LOOKS_TO_START, fair_looks=0), _FROM_NETWORK
        else:
            start, settings = network_motion(network, pairs), _AS_IT_IS
    elif method == UsAnglesMethod.SEARCH_REFINE:
        start, settings = search_pairs(pairs), _FROM_SEARCH
    elif method == UsAnglesMethod.PHASE_CORRELATION:
        start, settings = phase_correlation(pairs), _AS_IT_IS
    else:
        start, settings = intensity_registration(pairs, advance), _AS_IT_IS
    return PairAnswer(refine_pairs(pairs, start, settings, advance), start, models)


def _installed(device: torch.device) -> tuple[UsAngleNet, ModelStamp]:
    if ANGLE_NET not in model_catalog():
        raise RegistrationError(
            f"The network '{ANGLE_NET}' is not installed, so this method cannot be used. Choose "
            f"'{UsAnglesMethod.SEARCH_REFINE}', which needs no network, or 'auto'."
        )
    return load_model(ANGLE_NET, device), find_model(ANGLE_NET).stamp
