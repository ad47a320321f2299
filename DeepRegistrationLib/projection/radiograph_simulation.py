"""Radiographs as a detector would store them: spectrum, scatter, noise, collimation, logarithm, inversion."""

from dataclasses import dataclass, field

import numpy as np
import torch

from DeepRegistrationLib.geometry.camera import Camera
from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
from DeepRegistrationLib.images.pyramid import FWHM_PER_SIGMA
from DeepRegistrationLib.images.smooth_image import smooth_image
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.collimation import Collimation, collimated_field
from DeepRegistrationLib.projection.mass_attenuation import mass_attenuation
from DeepRegistrationLib.projection.materials import (
    PATIENT_MATERIALS,
    MaterialSettings,
    material_densities,
)
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from DeepRegistrationLib.projection.spectrum import Tube, tube_spectrum

_FULL = 0.99
"""Share of the field that an automatic exposure keeps below the largest grey value."""
_BEHIND_THE_PATIENT = 0.5
"""Attenuation from which on a pixel counts as being behind the patient."""


@dataclass(frozen=True)
class SimulationSettings:
    """How a radiograph is taken and stored.

    Attributes:
        tube: voltage, filter, scintillator.
        photons_per_mm2: that arrive at the detector without a patient; fluoroscopy about 1e5 per frame, a
            radiograph 1e6 and more.
        scatter_to_primary: ratio of all X-rays that arrive behind the patient; 0.1 with a good grid or a
            large air gap, 1 to 2 without.
        scatter_width_mm: standard deviation of the spread of scatter on the detector.
        blur_mm: full width at half maximum of what scintillator and focal spot blur, on the detector.
        electronic_noise: standard deviation, as part of the signal without a patient.
        uneven: growth of the intensity from the middle to the right and to the lower border, as part of it
            (heel effect).
        collimation: blades and round field.
        meaning: of the stored pixels.
        levels: number of grey values.
        painted: pixels that the X-rays do not reach undiminished are stored with the grey value 0.
        saturation: signal that becomes the largest grey value, as part of the signal without a patient; below
            1 air is cut off. None is an automatic exposure: the brightest hundredth of the field has it.
        gamma: exponent of the grey curve of the stored image.

    Raises:
        ValueError: out of range.
    """

    tube: Tube = field(default_factory=Tube)
    photons_per_mm2: float = 2e5
    scatter_to_primary: float = 0.3
    scatter_width_mm: float = 40.0
    blur_mm: float = 0.4
    electronic_noise: float = 5e-4
    uneven: tuple[float, float] = (0.0, 0.0)
    collimation: Collimation = field(default_factory=Collimation)
    meaning: PixelMeaning = PixelMeaning.INTENSITY
    painted: bool = False
    levels: int = 4096
    saturation: float | None = 1.1
    gamma: float = 1.0

    def __post_init__(self) -> None:
        not_negative = (self.scatter_to_primary, self.scatter_width_mm, self.blur_mm, self.electronic_noise)
        full = 1.0 if self.saturation is None else self.saturation
        positive = (self.photons_per_mm2, full, self.gamma)
        if min(not_negative) < 0 or min(positive) <= 0 or self.levels < 2:
            raise ValueError(f"a quantity of the simulation is out of range: {self}")


@dataclass(frozen=True, eq=False)
class SimulatedRadiograph:
    """A radiograph and what only a simulation knows.

    Attributes:
        pixels: (rows, columns) float32; whole grey values from 0 to `levels` - 1, as they would be stored.
        measured: (rows, columns) float32; negative logarithm of the signal, with scatter and noise, before it
            was stored: what a perfect preparation of `pixels` would find again.
        attenuation: (rows, columns) float32; the same of the primary X-rays alone, without noise.
        field: (rows, columns) bool; True where the X-rays arrive undiminished by the collimator.
        settings: how it was made.
    """

    pixels: torch.Tensor
    measured: torch.Tensor
    attenuation: torch.Tensor
    field: torch.Tensor
    settings: SimulationSettings


def material_integrals(
    ct: Volume,
    camera: Camera,
    world_from_ct: np.ndarray | None = None,
    materials: MaterialSettings | None = None,
    projection: ProjectionSettings | None = None,
) -> torch.Tensor:
    """How much of each material every ray passes.

    Args:
        ct: CT numbers [HU].
        camera: source and detector.
        world_from_ct: (4, 4); pose of the CT; None is the identity.
        materials: how CT numbers are read.
        projection: sampling and backend.

    Returns:
        (3, rows, columns) float32; soft tissue, bone, metal [g/cm^2].
    """
    densities = material_densities(ct.values.float(), materials)
    there = densities.flatten(1).any(1)  # most patients hold no metal: its channel need not be projected
    pose = None
    if world_from_ct is not None:
        pose = torch.from_numpy(np.array(world_from_ct, dtype=np.float64))[None]
    found = densities.new_zeros(len(PATIENT_MATERIALS), *camera.shape_px)
    if bool(there.any()):
        # the projector adds up over mm: 10 mm are a cm
        found[there] = project(densities[there][None], ct.geometry, camera, pose, projection)[0] / 10
    return found


def simulate_radiograph(
    integrals: torch.Tensor,
    pixel_spacing_mm: tuple[float, float],
    settings: SimulationSettings,
    generator: torch.Generator,
) -> SimulatedRadiograph:
    """Takes a radiograph.

    Args:
        integrals: (3, rows, columns) floating; of `material_integrals` [g/cm^2].
        pixel_spacing_mm: between columns, between rows, on the detector.
        settings: how it is taken.
        generator: of the noise; on the device of `integrals`. One seed gives one image on one device.

    Returns:
        The radiograph.

    Source: the steps of Unberath et al., "DeepDRR", MICCAI 2018, without its networks; scatter by
        convolution as in Seibert and Boone, Med. Phys. 15, 1988, weighted with the thickness that is passed
        as in Ohnesorge et al., Eur. Radiol. 9, 1999.
    """
    integrals = integrals.float()
    column_mm, row_mm = pixel_spacing_mm
    primary, energy = polychromatic_signal(integrals, settings.tube)
    attenuation = -primary.clamp_min(1e-30).log()
    view = collimated_field(settings.collimation, tuple(primary.shape), pixel_spacing_mm, integrals.device)
    signal = primary * view.passed * _uneven(settings.uneven, primary)
    signal = signal + _scatter(signal, attenuation, settings, pixel_spacing_mm)
    signal = _with_quantum_noise(signal, energy, settings, column_mm * row_mm, generator)
    sigma_px = (settings.blur_mm / FWHM_PER_SIGMA / row_mm, settings.blur_mm / FWHM_PER_SIGMA / column_mm)
    signal = smooth_image(signal, sigma_px)  # after the noise of the photons: their noise becomes correlated
    noise = torch.randn(signal.shape, generator=generator, device=signal.device)
    signal = (signal + settings.electronic_noise * noise) * view.detector
    saturation = settings.saturation or _automatic(signal[view.used])
    measured = -signal.clamp_min(saturation / settings.levels / 2).log()
    pixels = _stored(signal / saturation, settings)
    if settings.painted:
        pixels = pixels * view.used
    return SimulatedRadiograph(pixels, measured, attenuation, view.used, settings)


def polychromatic_signal(integrals: torch.Tensor, tube: Tube) -> tuple[torch.Tensor, torch.Tensor]:
    """What the scintillator measures of the X-rays that go straight through.

    Args:
        integrals: (3, rows, columns); soft tissue, bone, metal [g/cm^2].
        tube: voltage, filter, scintillator.

    Returns:
        signal (rows, columns), 1 without a patient; mean energy of the photons behind it, weighted with what
        they contribute (rows, columns) [keV].
    """
    spectrum = tube_spectrum(tube)
    coefficients = np.stack([mass_attenuation(m, spectrum.energies_kev) for m in PATIENT_MATERIALS])
    signal, weighted = torch.zeros_like(integrals[0]), torch.zeros_like(integrals[0])
    for energy, part, per_gram in zip(spectrum.energies_kev, spectrum.signal, coefficients.T, strict=True):
        exponent = sum(float(c) * grams for c, grams in zip(per_gram, integrals, strict=True))
        passed = float(part) * torch.exp(-exponent)
        signal += passed
        weighted += float(energy) * passed
    return signal, weighted / signal.clamp_min(1e-30)


def _uneven(growth: tuple[float, float], like: torch.Tensor) -> torch.Tensor:
    rows, columns = like.shape
    x = torch.linspace(-1, 1, columns, device=like.device)
    y = torch.linspace(-1, 1, rows, device=like.device)[:, None]
    return (1 + growth[0] * x + growth[1] * y).clamp_min(0.05)


def _scatter(
    signal: torch.Tensor,
    attenuation: torch.Tensor,
    settings: SimulationSettings,
    pixel_spacing_mm: tuple[float, float],
) -> torch.Tensor:
    """Wide and smooth; most comes from where much is absorbed and much still arrives."""
    behind = attenuation > _BEHIND_THE_PATIENT
    if settings.scatter_to_primary == 0 or not bool(behind.any()):
        return torch.zeros_like(signal)
    column_mm, row_mm = pixel_spacing_mm
    sigma_px = (settings.scatter_width_mm / row_mm, settings.scatter_width_mm / column_mm)
    spread = smooth_image(signal * attenuation, sigma_px)
    # one factor for the whole image, so that the mean ratio is the wanted one
    ratio = spread[behind].sum() / signal[behind].sum().clamp_min(1e-30)
    return spread * settings.scatter_to_primary / ratio.clamp_min(1e-30)


def _with_quantum_noise(
    signal: torch.Tensor,
    energy: torch.Tensor,
    settings: SimulationSettings,
    pixel_mm2: float,
    generator: torch.Generator,
) -> torch.Tensor:
    """Poisson noise of the photons that the scintillator stops, each of which gives light by its energy."""
    spectrum = tube_spectrum(settings.tube)
    per_photon_kev = float((spectrum.photons * spectrum.detected) @ spectrum.energies_kev)
    open_kev = settings.photons_per_mm2 * pixel_mm2 * per_photon_kev  # light of a pixel without a patient
    # the sum of energies E has the mean sum(n E) and the variance sum(n E^2), as so many photons of the
    # energy sum(n E^2) / sum(n E) each would have
    counts = torch.poisson(signal * open_kev / energy.clamp_min(1), generator=generator)
    return counts * energy / open_kev


def _automatic(signal: torch.Tensor) -> float:
    """The signal at which a machine lets the detector be full that exposes for what it sees."""
    if not len(signal):
        return 1.0
    return float(signal.kthvalue(max(int(_FULL * len(signal)), 1)).values.clamp_min(1e-6))


def _stored(relative: torch.Tensor, settings: SimulationSettings) -> torch.Tensor:
    """(rows, columns) float32; whole grey values of a signal, which is 1 where the detector is full."""
    relative = relative.clamp(0, 1)
    if settings.meaning.is_logarithm:
        # from full signal to one grey value: the range that the detector's own digits hold
        depth = np.log(settings.levels)
        relative = 1 + relative.clamp_min(1 / settings.levels).log() / depth
    relative = relative**settings.gamma
    if settings.meaning.bone_is_bright:
        relative = 1 - relative
    return (relative * (settings.levels - 1)).round()
