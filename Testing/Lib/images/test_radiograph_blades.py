import numpy as np
import pytest
import torch
from scipy import ndimage

from DeepRegistrationLib.images.radiograph_blades import find_blades
from DeepRegistrationLib.images.radiograph_mask import limited_field
from DeepRegistrationLib.projection.collimation import Collimation
from DeepRegistrationLib.projection.radiograph_simulation import SimulationSettings, simulate_radiograph

SHAPE_PX = (240, 300)
SPACING_MM = (0.8, 0.8)
EVERYWHERE = np.ones(SHAPE_PX, dtype=bool)


@pytest.fixture(scope="module")
def a_thick_patient():
    """(3, rows, columns); soft tissue that fills the image, with bones and texture in it [g/cm^2]."""
    random = np.random.default_rng(0)
    texture = sum(ndimage.gaussian_filter(random.standard_normal(SHAPE_PX), s) * s for s in (3, 9))
    y, x = np.indices(SHAPE_PX)
    soft = 20 + 1.5 * texture + 3 * np.cos((x - 150) / 90)
    bone = 1.5 * (np.abs(y - 0.4 * x - 60) < 18) + 1.0 * (np.hypot(y - 150, x - 100) < 30)
    return torch.from_numpy(np.stack([soft, bone, 0 * soft])).float()


def taken(patient, collimation, scatter_to_primary=1.0):
    settings = SimulationSettings(
        photons_per_mm2=2e5, scatter_to_primary=scatter_to_primary, collimation=collimation
    )
    return simulate_radiograph(patient, SPACING_MM, settings, torch.Generator().manual_seed(3))


@pytest.mark.parametrize("angle_deg", [-17.0, 0.0, 6.5])
def test_blades_are_found_though_as_much_scatter_as_image_arrives_behind_them(a_thick_patient, angle_deg):
    true = taken(a_thick_patient, Collimation((0.8, 0.7, 0.75, 0.85), angle_deg, penumbra_mm=1.0))
    found = find_blades(true.pixels.numpy(), EVERYWHERE, dark_outside=True)
    field = true.field.numpy()
    assert found.count == 4
    assert found.angle_deg == pytest.approx(angle_deg, abs=1.5)
    assert (found.mask & ~field).sum() < 0.002 * field.sum()
    assert (found.mask & field).sum() > 0.9 * field.sum()


def test_a_single_blade_is_found_on_its_side(a_thick_patient):
    true = taken(
        a_thick_patient, Collimation((2.0, 0.6, 2.0, 2.0), 4.0, penumbra_mm=1.0), scatter_to_primary=0.4
    )
    found = find_blades(true.pixels.numpy(), EVERYWHERE, dark_outside=True)
    assert found.count == 1
    assert not (found.mask & ~true.field.numpy()).any()


def test_blades_with_the_shadow_inside_are_none(a_thick_patient):
    true = taken(a_thick_patient, Collimation((0.8, 0.7, 0.75, 0.85), 0.0, penumbra_mm=1.0))
    assert find_blades(true.pixels.numpy(), EVERYWHERE, dark_outside=False) is None


def test_the_straight_edges_of_a_long_bone_are_no_blades():
    y, x = np.indices(SHAPE_PX)
    across = 0.97 * (x - 170) + 0.25 * (y - 120)
    limb = np.maximum(0, 90.0**2 - across**2) ** 0.5 / 6 + 8 * ((np.abs(across) < 30) & (np.abs(across) > 22))
    values = 1000 * np.exp(-0.03 * limb) + np.random.default_rng(1).normal(0, 3, SHAPE_PX)
    assert find_blades(values, EVERYWHERE, dark_outside=True) is None


def test_a_patient_without_collimation_fills_the_whole_image(a_thick_patient):
    true = taken(a_thick_patient, Collimation())
    assert limited_field(true.pixels.numpy()).mask.all()


def test_a_known_polarity_leaves_one_side_of_the_edges_to_be_blades(a_thick_patient):
    true = taken(a_thick_patient, Collimation((0.8, 0.7, 0.75, 0.85), 0.0, penumbra_mm=1.0))
    values = true.pixels.numpy()
    assert "4 blades" in limited_field(values, bone_is_bright=False).words[0]
    assert not any("blade" in words for words in limited_field(values, bone_is_bright=True).words)
