"""How strongly materials attenuate X-rays, by energy: mass attenuation coefficients from tables.

Source: Hubbell and Seltzer, NIST Standard Reference Database 126 (NISTIR 5632), tables 3 and 4: soft tissue
and cortical bone of ICRU Report 44, water, titanium, aluminium, copper, tungsten; caesium iodide is the sum
of its elements by weight. Coherent scattering is included.
"""

from enum import StrEnum

import numpy as np


class Material(StrEnum):
    """Materials with a table."""

    SOFT_TISSUE = "soft tissue"
    BONE = "cortical bone"
    TITANIUM = "titanium"
    WATER = "water"
    ALUMINIUM = "aluminium"
    COPPER = "copper"
    TUNGSTEN = "tungsten"
    CAESIUM_IODIDE = "caesium iodide"


DENSITY_G_PER_CM3 = {
    Material.SOFT_TISSUE: 1.06,
    Material.BONE: 1.92,
    Material.TITANIUM: 4.54,
    Material.WATER: 1.0,
    Material.ALUMINIUM: 2.699,
    Material.COPPER: 8.96,
    Material.TUNGSTEN: 19.3,
    Material.CAESIUM_IODIDE: 4.51,
}

_ENERGIES_KEV = (10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0)
_SMOOTH = {
    Material.SOFT_TISSUE: (5.379, 1.699, 0.8230, 0.3790, 0.2688, 0.2264, 0.2048, 0.1823, 0.1693, 0.1492),
    Material.BONE: (28.51, 9.032, 4.001, 1.331, 0.6655, 0.4242, 0.3148, 0.2229, 0.1855, 0.1480),
    Material.TITANIUM: (110.7, 35.87, 15.85, 4.972, 2.214, 1.213, 0.7661, 0.4052, 0.2721, 0.1649),
    Material.WATER: (5.329, 1.673, 0.8096, 0.3756, 0.2683, 0.2269, 0.2059, 0.1837, 0.1707, 0.1505),
    Material.ALUMINIUM: (26.23, 7.955, 3.441, 1.128, 0.5685, 0.3681, 0.2778, 0.2018, 0.1704, 0.1378),
    Material.COPPER: (215.9, 74.05, 33.79, 10.92, 4.862, 2.613, 1.593, 0.7630, 0.4584, 0.2217),
}
# with edges: just below an edge and just above it are two entries
_WITH_EDGES = {
    Material.TUNGSTEN: (
        (12.1, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 69.524, 69.526, 80.0, 100.0, 150.0),
        (238.2, 138.9, 65.73, 22.73, 10.67, 5.949, 3.713, 2.552, 11.23, 7.810, 4.438, 1.581),
    ),
    Material.CAESIUM_IODIDE: (
        (10.0, 15.0, 20.0, 30.0, 33.169, 33.170, 35.984, 35.985, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0),
        (171.1, 58.16, 26.86, 9.047, 6.922, 21.20, 17.22, 30.26, 22.97, 12.87, 7.921, 3.677, 2.035, 0.7291),
    ),
}


def mass_attenuation(material: Material, energies_kev: np.ndarray) -> np.ndarray:
    """Mass attenuation coefficients, interpolated on logarithmic axes.

    Args:
        material: one with a table.
        energies_kev: any shape; 12.1 to 150 keV.

    Returns:
        The same shape, float64 [cm^2/g].

    Raises:
        ValueError: an energy outside of the tables.
    """
    energies = np.asarray(energies_kev, dtype=np.float64)
    table = _WITH_EDGES.get(material) or (_ENERGIES_KEV, _SMOOTH[material])
    known_kev, values = (np.log(column) for column in table)
    if np.any(energies < 12.1) or np.any(energies > 150):
        raise ValueError(f"energies must be 12.1 to 150 keV, got {energies.min():g} to {energies.max():g}")
    return np.exp(np.interp(np.log(energies), known_kev, values))


def transmission(material: Material, thickness_mm: float, energies_kev: np.ndarray) -> np.ndarray:
    """Part of the photons that pass a layer without an interaction; the shape of `energies_kev`."""
    per_mm = mass_attenuation(material, energies_kev) * DENSITY_G_PER_CM3[material] / 10  # cm -> mm
    return np.exp(-per_mm * thickness_mm)
