"""The spectrum of an X-ray tube with a tungsten anode, behind its filter, and what a detector sees of it."""

from dataclasses import dataclass

import numpy as np

from DeepRegistrationLib.projection.mass_attenuation import (
    Material,
    mass_attenuation,
    transmission,
)

LOWEST_KEV = 13.0
"""Softer photons do not leave the filter."""
BIN_KEV = 2.0
_ANODE_ANGLE_DEG = 12.0
# electrons lose energy as E^2 = E0^2 - C x (Thomson and Whiddington) [keV^2 cm^2 / g]
_WHIDDINGTON = 1.2e6
# fluorescence of tungsten: energy [keV], part of all K lines
_K_EDGE_KEV = 69.525
_K_LINES = ((57.98, 0.29), (59.32, 0.505), (67.24, 0.165), (69.10, 0.04))
# number of K photons for U = tube voltage / edge: 10 (U - 1)^1.63, beside `tube voltage / E - 1` per keV
_K_STRENGTH, _K_EXPONENT = 10.0, 1.63


@dataclass(frozen=True)
class Tube:
    """An X-ray tube and the scintillator before it.

    Attributes:
        voltage_kv: peak voltage [kV], 40 to 150.
        aluminium_mm: total filtration [mm Al].
        copper_mm: additional filter [mm Cu].
        scintillator_mm: thickness of the caesium iodide [mm].

    Raises:
        ValueError: out of range.
    """

    voltage_kv: float = 80.0
    aluminium_mm: float = 3.0
    copper_mm: float = 0.0
    scintillator_mm: float = 0.6

    def __post_init__(self) -> None:
        thicknesses = (self.aluminium_mm, self.copper_mm, self.scintillator_mm)
        if not 40 <= self.voltage_kv <= 150 or min(thicknesses) < 0 or self.scintillator_mm == 0:
            raise ValueError(f"voltage must be 40 to 150 kV and layers at least 0 mm, got {self}")


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Photons by energy.

    Attributes:
        energies_kev: (N,) float64; middle of each bin.
        photons: (N,) float64; part of all photons that arrive without a patient; they sum to 1.
        detected: (N,) float64; part of the arriving photons that the scintillator stops.
    """

    energies_kev: np.ndarray
    photons: np.ndarray
    detected: np.ndarray

    @property
    def mean_energy_kev(self) -> float:
        """Of the photons that arrive without a patient."""
        return float(self.photons @ self.energies_kev)

    @property
    def signal(self) -> np.ndarray:
        """(N,) float64; light from each bin: a scintillator adds up energies; they sum to 1."""
        light = self.photons * self.detected * self.energies_kev
        return light / light.sum()


def tube_spectrum(tube: Tube) -> Spectrum:
    """Spectrum of a tube behind its filter.

    Args:
        tube: voltage, filter, scintillator.

    Returns:
        Bins of 2 keV.

    Source: bremsstrahlung of Kramers' law (1923), N ~ E0/E - 1, attenuated within the anode on its way out of
        the depth that Thomson and Whiddington's law gives, as in Birch and Marshall, Phys. Med. Biol. 24,
        1979; K lines by Green and Cosslett, J. Phys. D 1, 1968. Half-value layers agree with the beam
        qualities RQR of IEC 61267 (see the tests).
    """
    energies = np.arange(LOWEST_KEV + BIN_KEV / 2, tube.voltage_kv, BIN_KEV)
    photons = (tube.voltage_kv / energies - 1) * _out_of_the_anode(energies, tube.voltage_kv) * BIN_KEV
    if tube.voltage_kv > _K_EDGE_KEV:
        ratio = tube.voltage_kv / _K_EDGE_KEV
        line_photons = _K_STRENGTH * (ratio - 1) ** _K_EXPONENT
        line_photons *= float(_out_of_the_anode(np.array([59.0]), tube.voltage_kv)[0])
        for energy, share in _K_LINES:
            photons[np.abs(energies - energy).argmin()] += share * line_photons
    photons *= transmission(Material.ALUMINIUM, tube.aluminium_mm, energies)
    photons *= transmission(Material.COPPER, tube.copper_mm, energies)
    detected = 1 - transmission(Material.CAESIUM_IODIDE, tube.scintillator_mm, energies)
    return Spectrum(energies, photons / photons.sum(), detected)


def _out_of_the_anode(energies: np.ndarray, voltage_kv: float) -> np.ndarray:
    """Part of the photons that leave the anode: made, on average, at half of the depth where E is left."""
    depth_g_per_cm2 = (voltage_kv**2 - energies**2) / _WHIDDINGTON / 2
    path = depth_g_per_cm2 / np.tan(np.radians(_ANODE_ANGLE_DEG))
    return np.exp(-mass_attenuation(Material.TUNGSTEN, energies) * path)
