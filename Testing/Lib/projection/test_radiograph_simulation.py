import math
from dataclasses import replace

import pytest
import torch

from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.collimation import Collimation
from DeepRegistrationLib.projection.radiograph_simulation import (
    SimulationSettings,
    material_integrals,
    polychromatic_signal,
    simulate_radiograph,
)
from DeepRegistrationLib.projection.random_simulation import random_simulation
from DeepRegistrationLib.projection.spectrum import Tube, tube_spectrum
from Testing.Lib.beams import box_chords, pose_about_far

SPACING_MM = (0.8, 0.5)
QUIET = SimulationSettings(scatter_to_primary=0.0, blur_mm=0.0, electronic_noise=0.0)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def soft_tissue(grams):
    """(3, rows, columns) of a layer without bone and metal."""
    return torch.stack([grams, torch.zeros_like(grams), torch.zeros_like(grams)])


@pytest.fixture
def a_wedge():
    """(3, 90, 120); from air on the left to 25 cm of tissue on the right."""
    return soft_tissue(torch.linspace(0, 25, 120).expand(90, 120).clone())


def test_rays_add_up_the_grams_of_an_oblique_far_box(an_oblique_grid, two_views):
    pose = pose_about_far(torch.tensor([0.1, -0.2, 0.05, 3.0, -5.0, 2.0]).double()).numpy()
    for number, channel, density in ((55.0, 0, 1.06), (1600.0, 1, 1.92), (3071.0, 2, 4.54)):
        ct = Volume(torch.full(an_oblique_grid.shape_kji, number), an_oblique_grid)
        found = material_integrals(ct, two_views[0], pose)
        chords, margins = box_chords(an_oblique_grid.moved(pose), two_views[0])
        whole = (margins > 0.6) & (chords > 5)
        expected = torch.from_numpy(chords[whole]) * density / 10
        assert whole.sum() > 5
        assert found[channel][torch.from_numpy(whole)] == pytest.approx(
            expected.numpy(), rel=0.03, abs=0.03 * density
        )
        assert found[(channel + 1) % 3].abs().max() < 0.05 * found[channel].max()


def test_an_empty_ct_absorbs_nothing(an_oblique_grid, two_views):
    ct = Volume(torch.full(an_oblique_grid.shape_kji, -1000.0), an_oblique_grid)
    assert not material_integrals(ct, two_views[0]).any()


def test_the_beam_hardens_with_every_centimetre():
    """Each further layer absorbs a smaller part, and what passes is harder."""
    signal, energy = polychromatic_signal(soft_tissue(torch.linspace(0, 30, 31)[None]), Tube(80))
    per_gram = -signal.log().diff()[0]
    assert signal[0, 0] == pytest.approx(1)
    assert bool((per_gram.diff() < 0).all())
    assert bool((energy[0].diff() > 0).all())
    # tabulated at 30 keV and at 80 keV
    assert 0.1823 < per_gram[-1] < per_gram[0] < 0.3790


def test_bone_absorbs_more_than_tissue_of_the_same_mass_most_at_low_voltage():
    grams = torch.full((1, 1), 2.0)
    zero = torch.zeros_like(grams)

    def ratio(voltage):
        tube = Tube(voltage)
        bone, _ = polychromatic_signal(torch.stack([zero, grams, zero]), tube)
        soft, _ = polychromatic_signal(soft_tissue(grams), tube)
        return float(bone.log() / soft.log())

    assert ratio(60) > ratio(120) > 1.2


@pytest.mark.parametrize(("photons_per_mm2", "grams"), [(1e5, 0.0), (4e5, 0.0), (1e5, 5.0)])
def test_the_noise_is_that_of_the_photons_which_are_stopped(photons_per_mm2, grams):
    settings = replace(QUIET, photons_per_mm2=photons_per_mm2)
    image = simulate_radiograph(
        soft_tissue(torch.full((200, 200), grams)), SPACING_MM, settings, seeded()
    ).measured
    spectrum = tube_spectrum(settings.tube)
    from_tissue = torch.tensor([polychromatic_signal(soft_tissue(torch.full((1, 1), grams)), Tube())[0]])
    # relative variance sum(n E^2) / sum(n E)^2 of the photons in a pixel
    stopped = torch.tensor(spectrum.photons * spectrum.detected)
    energies = torch.tensor(spectrum.energies_kev)
    if grams == 0:
        count = photons_per_mm2 * SPACING_MM[0] * SPACING_MM[1] * stopped
        expected = float((count * energies**2).sum() / (count * energies).sum() ** 2)
        assert image.var().item() == pytest.approx(expected, rel=0.05)
    else:
        free = simulate_radiograph(soft_tissue(torch.zeros(200, 200)), SPACING_MM, settings, seeded())
        # fewer photons, more noise; a little less than 1 / signal because those that arrive are harder
        growth = image.var() / free.measured.var() * from_tissue
        assert 0.95 < float(growth) < 1.25


def test_blur_correlates_the_noise_of_photons_but_not_that_of_the_electronics():
    layer = soft_tissue(torch.zeros(200, 200))

    def neighbours(settings):
        noise = simulate_radiograph(layer, SPACING_MM, settings, seeded()).measured
        noise = noise - noise.mean()
        return float((noise[:, 1:] * noise[:, :-1]).mean() / noise.var())

    blurred = replace(QUIET, blur_mm=1.5)
    assert abs(neighbours(QUIET)) < 0.03
    assert neighbours(blurred) > 0.5
    assert abs(neighbours(replace(blurred, electronic_noise=0.05))) < 0.1


def test_scatter_has_the_wanted_share_and_flattens_the_contrast(a_wedge):
    settings = replace(QUIET, photons_per_mm2=1e9)
    without = simulate_radiograph(a_wedge, SPACING_MM, settings, seeded())
    with_scatter = simulate_radiograph(
        a_wedge, SPACING_MM, replace(settings, scatter_to_primary=0.8), seeded()
    )
    behind = without.attenuation > 0.5
    primary = torch.exp(-without.measured)[behind].sum()
    scattered = torch.exp(-with_scatter.measured)[behind].sum() - primary
    assert float(scattered / primary) == pytest.approx(0.8, abs=0.01)
    contrast = [r.measured[:, 110].mean() - r.measured[:, 60].mean() for r in (without, with_scatter)]
    assert float(contrast[1]) < 0.6 * float(contrast[0])
    assert with_scatter.attenuation.equal(without.attenuation)


@pytest.mark.parametrize("meaning", list(PixelMeaning))
def test_every_meaning_stores_the_same_image_in_its_own_way(a_wedge, meaning):
    settings = replace(QUIET, meaning=meaning, levels=4096, saturation=1.1, photons_per_mm2=1e8)
    taken = simulate_radiograph(a_wedge[..., :60], SPACING_MM, settings, seeded())
    assert taken.pixels.equal(taken.pixels.round())
    assert taken.pixels.min() >= 0
    assert taken.pixels.max() <= 4095
    thick, thin = taken.pixels[:, 50].mean(), taken.pixels[:, 5].mean()
    assert bool(thick > thin) == meaning.bone_is_bright
    share = taken.pixels / 4095
    if meaning.bone_is_bright:
        share = 1 - share
    signal = torch.exp((share - 1) * math.log(4096)) if meaning.is_logarithm else share
    assert -(signal * 1.1).log().numpy() == pytest.approx(taken.measured.numpy(), abs=0.02)


def test_air_that_saturates_has_the_extreme_grey_value(a_wedge):
    settings = replace(QUIET, saturation=0.5, levels=256)
    assert bool((simulate_radiograph(a_wedge, SPACING_MM, settings, seeded()).pixels[:, :5] == 255).all())
    inverted = replace(settings, meaning=PixelMeaning.ATTENUATION)
    assert bool((simulate_radiograph(a_wedge, SPACING_MM, inverted, seeded()).pixels[:, :5] == 0).all())


def test_turned_blades_leave_the_field_that_they_enclose():
    settings = replace(
        QUIET,
        photons_per_mm2=1e7,
        collimation=Collimation((0.6, 0.5, 0.4, 0.3), 30.0, None, (0.1, 0.0), 1e-3, leak=0.01),
    )
    taken = simulate_radiograph(soft_tissue(torch.zeros(160, 100)), SPACING_MM, settings, seeded())
    half = 40.0  # mm; both sides are 80 mm
    area = (0.6 + 0.5) * half * (0.4 + 0.3) * half / (0.8 * 0.5)
    assert int(taken.field.sum()) == pytest.approx(area, rel=0.02)
    rows, columns = taken.field.nonzero().float().mean(0).tolist()
    x, y = (columns - 49.5) * 0.8 - 4.0, (rows - 79.5) * 0.5  # from the centre of the blades [mm]
    # the middle of the enclosed field is off by half the difference of opposite blades, turned by 30 degrees
    along, across = (0.5 - 0.6) / 2 * half, (0.3 - 0.4) / 2 * half
    c, s = math.cos(math.radians(30)), math.sin(math.radians(30))
    assert (x, y) == pytest.approx((along * c - across * s, along * s + across * c), abs=0.1)
    assert torch.exp(-taken.measured)[~taken.field].median() == pytest.approx(0.01, rel=0.1)


def test_outside_of_a_round_field_there_is_no_signal_and_a_shutter_is_black():
    settings = replace(QUIET, collimation=Collimation(circle_radius=0.9))
    layer = soft_tissue(torch.full((160, 100), 5.0))
    taken = simulate_radiograph(layer, SPACING_MM, settings, seeded())
    assert int(taken.field.sum()) == pytest.approx(math.pi * (0.9 * 40) ** 2 / 0.4, rel=0.01)
    assert not taken.pixels[~taken.field].any()
    bright = replace(settings, meaning=PixelMeaning.ATTENUATION)
    assert bool((simulate_radiograph(layer, SPACING_MM, bright, seeded()).pixels[~taken.field] == 4095).all())
    painted = simulate_radiograph(layer, SPACING_MM, replace(bright, painted=True), seeded())
    assert not painted.pixels[~taken.field].any()


def test_one_seed_gives_one_image_and_another_seed_another(a_wedge):
    images = [
        simulate_radiograph(a_wedge, SPACING_MM, random_simulation(seeded(seed)), seeded(seed)).pixels
        for seed in (3, 3, 4)
    ]
    assert images[0].equal(images[1])
    assert not images[0].equal(images[2])


def test_random_settings_are_of_every_kind_and_all_can_be_used(a_wedge):
    drawn = [random_simulation(seeded(seed)) for seed in range(200)]
    assert {settings.meaning for settings in drawn} == set(PixelMeaning)
    assert 0.45 < sum(s.collimation != Collimation() for s in drawn) / 200 < 0.75
    for settings in drawn[:20]:
        taken = simulate_radiograph(a_wedge[..., :56], SPACING_MM, settings, seeded())
        assert bool(torch.isfinite(taken.measured).all())
        assert taken.field.float().mean() > 0.2
    wanted = random_simulation(seeded(1), collimated=0.0, meaning=PixelMeaning.ATTENUATION)
    assert wanted.collimation == Collimation()
    assert wanted.meaning == PixelMeaning.ATTENUATION


def test_settings_that_no_machine_has_are_refused():
    with pytest.raises(ValueError, match="out of range"):
        SimulationSettings(photons_per_mm2=0)
    with pytest.raises(ValueError, match="leave no field"):
        Collimation(blades=(0.2, -0.3, 1, 1))
    with pytest.raises(ValueError, match="radius must be positive"):
        Collimation(circle_radius=0)


def test_an_automatic_exposure_fills_the_grey_values_also_behind_a_thick_patient():
    integrals = torch.zeros(3, 60, 80)
    integrals[0] = 25 + 5 * torch.linspace(0, 1, 80)  # 25 to 30 cm of soft tissue everywhere: no air in sight
    automatic, fixed = (
        simulate_radiograph(
            integrals, (1.0, 1.0), SimulationSettings(saturation=full), torch.Generator().manual_seed(0)
        ).pixels
        for full in (None, 1.1)
    )
    assert float(fixed.max()) < 60
    assert float(automatic.max()) == 4095
    assert float((automatic == 4095).float().mean()) == pytest.approx(0.01, abs=0.005)
    assert float(automatic.median()) > 1500
