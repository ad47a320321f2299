"""CT numbers as mixtures of materials, so that each can be attenuated by its own coefficients.

A voxel between soft tissue and cortical bone is a mixture of both. What the mixture attenuates at the energy
of the CT is exactly what the CT number says.
"""

from dataclasses import dataclass

import torch

from DeepRegistrationLib.projection.mass_attenuation import DENSITY_G_PER_CM3, Material, mass_attenuation

PATIENT_MATERIALS = (Material.SOFT_TISSUE, Material.BONE, Material.TITANIUM)
"""The order of the channels. Air and lung are thin soft tissue: a gram of them attenuates nearly the same."""


@dataclass(frozen=True)
class MaterialSettings:
    """How CT numbers are read.

    Attributes:
        ct_energy_kev: effective energy of the CT; 120 kV behind a patient.
        soft_tissue_hu: below this number a voxel holds no bone [HU].
        cortical_bone_hu: from this number on it holds nothing but bone [HU].
        metal_hu: above this number it begins to be metal; 12-bit scanners end at 3071 [HU].
        air_hu: below this number a voxel is empty: noise of air would add up along the rays [HU].

    Raises:
        ValueError: numbers that do not grow.
    """

    ct_energy_kev: float = 70.0
    soft_tissue_hu: float = 60.0
    cortical_bone_hu: float = 1600.0
    metal_hu: float = 2700.0
    air_hu: float = -950.0

    def __post_init__(self) -> None:
        if not self.air_hu < self.soft_tissue_hu < self.cortical_bone_hu < self.metal_hu:
            raise ValueError(f"air, soft tissue, bone and metal must have growing numbers, got {self}")


_METAL_RISE_HU = 300.0  # a metal voxel's number is cut off by the scanner and tells no more than "metal"


def material_densities(values_hu: torch.Tensor, settings: MaterialSettings | None = None) -> torch.Tensor:
    """Grams of each material in a voxel.

    Args:
        values_hu: (..., K, J, I); CT numbers [HU].
        settings: the defaults if None.

    Returns:
        (..., 3, K, J, I) floating; soft tissue, bone, metal [g/cm^3]; the metal is solid titanium.

    Source: mixing of two components between soft tissue and cortical bone as in Schneider et al., Phys. Med.
        Biol. 45, 2000; materials with soft limits instead of thresholds as in Unberath et al., "DeepDRR",
        MICCAI 2018.
    """
    settings = settings or MaterialSettings()
    hu = values_hu if values_hu.is_floating_point() else values_hu.float()
    at_ct = {
        m: float(mass_attenuation(m, settings.ct_energy_kev)) for m in (*PATIENT_MATERIALS, Material.WATER)
    }
    # what the scanner measured [1/cm]
    measured = at_ct[Material.WATER] * (1 + hu / 1000).clamp_min(0) * (hu >= settings.air_hu)
    span = settings.cortical_bone_hu - settings.soft_tissue_hu
    part = ((hu - settings.soft_tissue_hu) / span).clamp(0, 1)  # of the volume that is bone
    in_bone = part * at_ct[Material.BONE] * DENSITY_G_PER_CM3[Material.BONE]
    in_soft = (1 - part) * at_ct[Material.SOFT_TISSUE] * DENSITY_G_PER_CM3[Material.SOFT_TISSUE]
    bone_share = in_bone / (in_bone + in_soft)  # of the attenuation
    metal = ((hu - settings.metal_hu) / _METAL_RISE_HU).clamp(0, 1)
    return torch.stack(
        [
            (1 - metal) * (1 - bone_share) * measured / at_ct[Material.SOFT_TISSUE],
            (1 - metal) * bone_share * measured / at_ct[Material.BONE],
            metal * DENSITY_G_PER_CM3[Material.TITANIUM],
        ],
        dim=-4,
    )
