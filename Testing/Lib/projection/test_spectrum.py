import numpy as np
import pytest
from scipy.optimize import brentq

from DeepRegistrationLib.projection.mass_attenuation import Material, mass_attenuation, transmission
from DeepRegistrationLib.projection.spectrum import Tube, tube_spectrum

# mass energy-absorption coefficient of air [cm^2/g] by energy [keV] (NIST SRD 126): kerma is measured in air
AIR_KEV = (10, 15, 20, 30, 40, 50, 60, 80, 100, 150)
AIR_ABSORPTION = (
    *(4.742, 1.334, 0.5389, 0.1537, 0.06833),
    *(0.04098, 0.03041, 0.02407, 0.02325, 0.02496),
)


def kerma(spectrum, aluminium_mm):
    energies = spectrum.energies_kev
    absorbed = np.exp(np.interp(np.log(energies), np.log(AIR_KEV), np.log(AIR_ABSORPTION)))
    passed = transmission(Material.ALUMINIUM, aluminium_mm, energies)
    return float((spectrum.photons * passed * energies * absorbed).sum())


def half_value_layer_mm(spectrum):
    return brentq(lambda mm: kerma(spectrum, mm) - kerma(spectrum, 0) / 2, 0.1, 20)


@pytest.mark.parametrize(
    ("voltage_kv", "expected_mm"), [(60, 2.19), (70, 2.58), (80, 3.01), (90, 3.48), (100, 3.97), (120, 5.00)]
)
def test_half_value_layers_are_those_of_the_standard_beam_qualities(voltage_kv, expected_mm):
    """RQR 4 to RQR 9 of IEC 61267:2005, whose filtration is about 3 mm of aluminium."""
    assert half_value_layer_mm(tube_spectrum(Tube(voltage_kv, 3.0))) == pytest.approx(expected_mm, rel=0.05)


@pytest.mark.parametrize(
    ("voltage_kv", "free_kev", "behind_kev"), [(60, 36.8, 45.8), (80, 43.8, 55.5), (120, 55.4, 70.3)]
)
def test_mean_energies_agree_with_an_independent_model(voltage_kv, free_kev, behind_kev):
    """SpekPy 2.5.4 with 3 mm Al, anode 12 degrees: free in air, and behind 20 cm of water."""
    spectrum = tube_spectrum(Tube(voltage_kv, 3.0))
    behind = spectrum.photons * transmission(Material.WATER, 200.0, spectrum.energies_kev)
    assert spectrum.mean_energy_kev == pytest.approx(free_kev, rel=0.025)
    assert behind @ spectrum.energies_kev / behind.sum() == pytest.approx(behind_kev, rel=0.025)


def test_copper_and_aluminium_harden_the_spectrum_and_lines_need_70_kv():
    plain = tube_spectrum(Tube(80, 3.0))
    assert tube_spectrum(Tube(80, 6.0)).mean_energy_kev > plain.mean_energy_kev + 1
    assert tube_spectrum(Tube(80, 3.0, copper_mm=0.2)).mean_energy_kev > plain.mean_energy_kev + 4
    at_line = [
        tube_spectrum(Tube(voltage, 3.0)).photons[23] / tube_spectrum(Tube(voltage, 3.0)).photons[21]
        for voltage in (69, 100)
    ]  # bins of 59 to 61 and 55 to 57 keV
    assert plain.energies_kev[[21, 23]].tolist() == [56.0, 60.0]
    assert at_line[0] < 1 < at_line[1]


def test_the_scintillator_stops_soft_photons_and_lets_hard_ones_pass():
    spectrum = tube_spectrum(Tube(120))
    assert spectrum.photons.sum() == pytest.approx(1)
    assert spectrum.signal.sum() == pytest.approx(1)
    assert spectrum.detected[spectrum.energies_kev < 30].min() > 0.9
    assert 0.3 < spectrum.detected[-1] < 0.5


@pytest.mark.parametrize(
    ("material", "energy_kev", "expected"),
    [
        (Material.WATER, 60, 0.2059),
        (Material.BONE, 60, 0.3148),
        (Material.WATER, 70, 0.1935),  # XCOM; between two entries of the table
        (Material.TUNGSTEN, 69.5, 2.553),
        (Material.TUNGSTEN, 69.6, 11.20),
        (Material.CAESIUM_IODIDE, 36.1, 30.01),
    ],
)
def test_coefficients_are_those_of_the_tables_also_at_edges(material, energy_kev, expected):
    assert mass_attenuation(material, np.array(energy_kev)) == pytest.approx(expected, rel=0.01)


def test_energies_outside_of_the_tables_are_refused():
    with pytest.raises(ValueError, match=r"12\.1 to 150 keV, got 10"):
        mass_attenuation(Material.WATER, np.array([10.0, 20.0]))
    with pytest.raises(ValueError, match="40 to 150 kV"):
        Tube(voltage_kv=200)
