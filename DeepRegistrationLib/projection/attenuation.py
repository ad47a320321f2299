"""CT numbers as attenuation at one energy: what a plain DRR is the line integral of."""

import torch

WATER_PER_MM = 0.02
"""Of water at about 65 keV [1/mm], usual behind a patient (NIST: 0.0206 at 60 keV, 0.0193 at 70)."""
HIGHEST_HU = 3071.0
"""Largest number that a 12-bit scanner writes; what lies above is metal and its streaks."""


def attenuation_from_hu(values_hu: torch.Tensor) -> torch.Tensor:
    """Attenuation from CT numbers, linear, zero in air.

    Args:
        values_hu: any shape; CT numbers [HU]. Below -1000 (padding) counts as air, above 3071 as 3071.

    Returns:
        The same shape, floating [1/mm]; line integrals of it over mm have no unit.

    Source: definition of the Hounsfield unit, HU = 1000 (mu - mu_water) / mu_water.
    """
    values = values_hu if values_hu.is_floating_point() else values_hu.float()
    return WATER_PER_MM * (1 + values.clamp(-1000.0, HIGHEST_HU) / 1000)
