"""Random settings of the simulation: training images of many machines."""

import math
from collections.abc import Callable

import torch

from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
from DeepRegistrationLib.projection.collimation import Collimation
from DeepRegistrationLib.projection.radiograph_simulation import SimulationSettings
from DeepRegistrationLib.projection.spectrum import Tube

_LEVELS = (256, 1024, 4096, 16384)


def random_simulation(
    generator: torch.Generator, collimated: float = 0.6, meaning: PixelMeaning | None = None
) -> SimulationSettings:
    """Draws how a radiograph is taken and stored.

    Args:
        generator: source of randomness.
        collimated: share of the images with blades or a round field.
        meaning: of the pixels; None draws it, too.

    Returns:
        Settings from the range between fluoroscopy and radiography.
    """

    def between(low: float, high: float) -> float:
        share = torch.rand((), generator=generator, device=generator.device).item()
        return low + (high - low) * share

    def between_powers(low: float, high: float) -> float:
        return math.exp(between(math.log(low), math.log(high)))

    def one_in(share: float) -> bool:
        return between(0, 1) < share

    tube = Tube(
        voltage_kv=between(60, 120),
        aluminium_mm=between(2.5, 5),
        copper_mm=between(0.1, 0.3) if one_in(0.4) else 0.0,
        scintillator_mm=between(0.3, 0.7),
    )
    collimation = _random_collimation(between, one_in) if one_in(collimated) else Collimation()
    if meaning is None:
        meaning = list(PixelMeaning)[int(between(0, len(PixelMeaning) - 1e-6))]
    return SimulationSettings(
        tube=tube,
        photons_per_mm2=between_powers(2e4, 2e6),
        scatter_to_primary=between_powers(0.05, 1.0),
        scatter_width_mm=between(25, 70),
        blur_mm=between(0.2, 1.2),
        electronic_noise=between_powers(1e-4, 2e-3),
        uneven=(between(-0.1, 0.1), between(-0.1, 0.1)),
        collimation=collimation,
        meaning=meaning,
        painted=one_in(0.3),
        levels=_LEVELS[int(between(0, len(_LEVELS) - 1e-6))],
        saturation=between(0.4, 1.0) if one_in(0.3) else between(1.05, 1.3),
        gamma=between(0.8, 1.25),
    )


def _random_collimation(
    between: Callable[[float, float], float], one_in: Callable[[float], bool]
) -> Collimation:
    centre = (between(-0.04, 0.04), between(-0.04, 0.04))
    round_field = between(0.9, 1.02) if one_in(0.5) else None
    blades = None
    if round_field is None or one_in(0.3):
        blades = tuple(between(0.6, 0.95) for _ in range(4))
    angle = between(-20, 20) if one_in(0.5) else 0.0
    return Collimation(blades, angle, round_field, centre, between(0.5, 4.0), between(0.002, 0.02))
