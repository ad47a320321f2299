import numpy as np
import pytest
import torch

from DeepRegistrationLib.projection.mass_attenuation import Material, mass_attenuation
from DeepRegistrationLib.projection.materials import (
    PATIENT_MATERIALS,
    MaterialSettings,
    material_densities,
)


def densities_of(*numbers_hu):
    """(3, N); soft tissue, bone, metal."""
    return material_densities(torch.tensor(numbers_hu).double().reshape(1, 1, -1))[:, 0, 0]


def test_air_muscle_cortical_bone_and_metal_have_the_density_of_their_material():
    found = densities_of(-1000.0, 55.0, 1600.0, 3071.0)
    assert found[:, 0].tolist() == [0, 0, 0]
    assert found[:, 1].tolist() == pytest.approx([1.06, 0, 0], abs=0.01)  # ICRU-44: 1.06
    assert found[:, 2].tolist() == pytest.approx([0, 1.92, 0], abs=0.05)  # ICRU-44: 1.92
    assert found[:, 3].tolist() == pytest.approx([0, 0, 4.54])


def test_lung_is_thin_soft_tissue():
    soft, bone, metal = densities_of(-700.0)[:, 0].tolist()
    assert soft == pytest.approx(0.30, abs=0.01)
    assert bone == metal == 0


def test_at_the_energy_of_the_ct_the_mixture_attenuates_what_the_ct_number_says():
    numbers = torch.linspace(-900, 2700, 37).double()
    found = densities_of(*numbers.tolist())
    per_gram = torch.tensor([float(mass_attenuation(m, np.array(70.0))) for m in PATIENT_MATERIALS])
    per_cm = (found * per_gram[:, None]).sum(0)
    water = float(mass_attenuation(Material.WATER, np.array(70.0)))
    assert per_cm.tolist() == pytest.approx((water * (1 + numbers / 1000)).tolist(), rel=1e-6)


def test_bone_grows_and_soft_tissue_shrinks_without_a_jump():
    numbers = torch.arange(0, 2600, 10).double()
    soft, bone, _ = densities_of(*numbers.tolist())
    assert bool((bone.diff() >= 0).all())
    assert bool((soft[numbers > 600].diff() <= 0).all())
    assert bone.diff().max() < 0.02
    assert soft.diff().abs().max() < 0.02


def test_integers_batches_and_contradictory_settings():
    assert material_densities(torch.zeros(2, 4, 5, 6, dtype=torch.int16)).shape == (2, 3, 4, 5, 6)
    with pytest.raises(ValueError, match="growing numbers"):
        MaterialSettings(cortical_bone_hu=0)
