from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.pixel_meaning import PixelMeaning
from DeepRegistrationLib.images.radiograph_intensity import (
    FieldChoice,
    Logarithm,
    PreparationSettings,
    SaturatedAir,
    attenuation_from_stored,
    prepare_radiograph,
)
from DeepRegistrationLib.images.radiograph_polarity import Reason, decide_polarity, polarity_score
from DeepRegistrationLib.images.read_radiograph import RadiographTags, StoredRadiograph, read_radiograph
from DeepRegistrationLib.jobs.xray_ct import XrayPolarity
from DeepRegistrationLib.projection.collimation import Collimation
from DeepRegistrationLib.projection.radiograph_simulation import SimulationSettings, simulate_radiograph
from Testing.Lib.pictures import FAR

XRAY = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray"
SPACING_MM = (0.8, 0.8)
SIZE_PX = 200
FIELDS = {
    "open": Collimation(),
    "round": Collimation(circle_radius=0.95),
    "turned blades": Collimation((0.85, 0.8, 0.75, 0.85), 12.0, penumbra_mm=1.0, leak=0.01),
}


def a_camera(values):
    rows, columns = values.shape
    return CArm(1000, 600, 10, 20, SPACING_MM, (columns, rows)).camera(FAR)


def as_stored(pixels, **tags):
    return StoredRadiograph(pixels, "elbow", RadiographTags(**tags), Path("elbow.png"))


@pytest.fixture(scope="module")
def a_limb():
    """(3, rows, columns); a joint: tissue that is thick in the middle, two bones with hard shells, air."""
    y, x = torch.meshgrid(*(torch.linspace(-80, 80, SIZE_PX),) * 2, indexing="ij")
    soft = 0.2 * (55.0**2 - (0.9 * y + 0.3 * x) ** 2 - (0.35 * x) ** 2).clamp_min(0).sqrt()
    bone = torch.zeros_like(soft)
    for centre, radius in ((-16.0, 12.0), (18.0, 9.0)):
        distance = (y + 0.2 * x - centre).abs()
        bone += 0.35 * ((radius**2 - distance**2).clamp_min(0).sqrt() / radius)
        bone += 0.9 * ((distance < radius) & (distance > radius - 2.5))
    return torch.stack([soft, bone, torch.zeros_like(soft)])


def taken(limb, **changes):
    settings = replace(SimulationSettings(photons_per_mm2=5e5, scatter_to_primary=0.15), **changes)
    return simulate_radiograph(limb, SPACING_MM, settings, torch.Generator().manual_seed(1))


def overlap(found, true):
    return float((found & true).sum() / (found | true).sum())


def correlation(radiograph, truth, where):
    pair = torch.stack([radiograph.values[where], truth[where]])
    return float(torch.corrcoef(pair)[0, 1])


@pytest.mark.parametrize("meaning", [PixelMeaning.INTENSITY, PixelMeaning.ATTENUATION])
@pytest.mark.parametrize("field", FIELDS)
def test_polarity_logarithm_and_field_are_found_out(a_limb, meaning, field):
    true = taken(a_limb, meaning=meaning, collimation=FIELDS[field])
    prepared = prepare_radiograph(as_stored(true.pixels), a_camera(true.pixels))
    assert prepared.meaning == meaning
    assert overlap(torch.from_numpy(prepared.field.mask), true.field) > 0.9
    inside = torch.from_numpy(prepared.field.mask) & true.field
    assert correlation(prepared.radiograph, true.measured, inside) > 0.995
    assert bool(prepared.field.words) == (field != "open")


@pytest.mark.parametrize("meaning", list(PixelMeaning))
def test_what_was_chosen_is_done_for_every_meaning(a_limb, meaning):
    true = taken(a_limb, meaning=meaning)
    chosen = XrayPolarity.BONE_BRIGHT if meaning.bone_is_bright else XrayPolarity.BONE_DARK
    logarithm = Logarithm.TAKEN if meaning.is_logarithm else Logarithm.NOT_TAKEN
    prepared = prepare_radiograph(
        as_stored(true.pixels), a_camera(true.pixels), chosen, PreparationSettings(logarithm)
    )
    assert prepared.meaning == meaning
    assert prepared.polarity.reason == Reason.CHOSEN
    assert correlation(prepared.radiograph, true.measured, true.field) > 0.995
    if prepared.absolute:
        # line integrals in their own unit, up to what brightest air is
        difference = (prepared.radiograph.values - true.measured)[true.measured > 0.3]
        assert difference.abs().median() < 0.1


@pytest.mark.parametrize("painted_over", ["circle", "rectangle"])
def test_a_black_shutter_is_no_air_and_no_bone(a_limb, painted_over):
    field = FIELDS["round"] if painted_over == "circle" else Collimation((0.8, 0.8, 0.7, 0.8), 10.0)
    true = taken(a_limb, meaning=PixelMeaning.ATTENUATION, collimation=field, painted=True)
    prepared = prepare_radiograph(as_stored(true.pixels), a_camera(true.pixels))
    assert prepared.meaning == PixelMeaning.ATTENUATION
    assert overlap(torch.from_numpy(prepared.field.mask), true.field) > 0.9


def test_saturated_air_is_left_out_or_used(a_limb):
    true = taken(a_limb, saturation=0.6)
    clipped = true.pixels == true.pixels.max()
    prepared = prepare_radiograph(as_stored(true.pixels), a_camera(true.pixels))
    assert clipped.float().mean() > 0.1
    assert not bool((prepared.radiograph.used() & clipped).any())
    assert prepared.saturated == pytest.approx(clipped.float().mean().item(), abs=0.01)
    assert any("saturated air" in note for note in prepared.notes())
    used = prepare_radiograph(
        as_stored(true.pixels),
        a_camera(true.pixels),
        settings=PreparationSettings(saturated_air=SaturatedAir.USE),
    )
    assert used.saturated == 0
    assert bool(used.radiograph.used()[clipped].any())


def test_the_whole_image_is_used_if_that_was_chosen(a_limb):
    true = taken(a_limb, collimation=FIELDS["turned blades"])
    prepared = prepare_radiograph(
        as_stored(true.pixels),
        a_camera(true.pixels),
        XrayPolarity.BONE_DARK,
        PreparationSettings(field=FieldChoice.WHOLE_IMAGE),
    )
    assert bool(prepared.field.mask.all())
    assert prepared.field.words == ()


def test_the_inverted_image_has_the_opposite_score(a_limb):
    pixels = taken(a_limb).pixels.double().numpy()
    everywhere = np.ones(pixels.shape, dtype=bool)
    score = polarity_score(pixels, everywhere)
    assert score < -1.5
    assert polarity_score(-pixels, everywhere) == pytest.approx(-score, abs=0.02)
    assert polarity_score(np.zeros((50, 50)), np.ones((50, 50), dtype=bool)) == 0


@pytest.mark.parametrize(
    ("tags", "score", "blades", "bright", "reason"),
    [
        ({"sign": 1}, 5.0, True, False, Reason.HEADER),
        ({"sign": -1}, -5.0, False, True, Reason.HEADER),
        ({"modality": "DX", "photometric": "MONOCHROME1"}, 0.4, None, False, Reason.USUAL),
        ({"modality": "DX", "photometric": "MONOCHROME1"}, 3.0, None, True, Reason.IMAGE),
        ({"modality": "XA", "photometric": "MONOCHROME2"}, 0.4, None, False, Reason.USUAL),
        ({}, 3.0, False, False, Reason.BLADES),
        ({}, -0.5, None, False, Reason.HINT),
        ({}, 0.0, None, True, Reason.USUAL),
    ],
)
def test_the_surest_evidence_decides_the_polarity(tags, score, blades, bright, reason):
    decided = decide_polarity(RadiographTags(**tags), score, blades, None)
    assert (decided.bone_is_bright, decided.reason) == (bright, reason)
    assert decided.certain == (reason not in (Reason.HINT, Reason.USUAL))


def test_tags_decide_about_the_logarithm(a_limb):
    true = taken(a_limb, meaning=PixelMeaning.INVERTED_ATTENUATION)
    prepared = prepare_radiograph(as_stored(true.pixels, relationship="LOG", sign=1), a_camera(true.pixels))
    assert prepared.meaning == PixelMeaning.INVERTED_ATTENUATION
    assert not prepared.absolute


def test_the_decisions_are_told_in_sentences(a_limb):
    true = taken(a_limb, collimation=FIELDS["round"])
    radiograph, notes = attenuation_from_stored(as_stored(true.pixels), a_camera(true.pixels))
    assert radiograph.name == "elbow"
    assert notes[0].startswith("'elbow': bone is taken to be dark, because ")
    assert "taken as X-ray intensity" in notes[1]
    assert "a round field with a radius of 9" in notes[2]


def test_an_image_of_nothing_but_saturated_air_is_refused():
    pixels = torch.full((50, 60), 255.0)
    pixels[20, 20] = 0
    with pytest.raises(InputError, match="Nothing is left of the radiograph 'elbow'"):
        attenuation_from_stored(as_stored(pixels), a_camera(pixels), XrayPolarity.BONE_DARK)


REAL = {
    # file, frame: bone is bright; share of the image that X-rays reached
    # a shutter that lets some X-rays through lies on one side of the field of the wrist
    ("autoscoper-wrist/cam01_frame0002.tif", None): (False, 0.70),
    ("autoscoper-wrist/cam02_frame0099.tif", None): (False, 0.71),
    ("autoscoper-knee/cam01_frame0138.tif", None): (False, 0.79),
    ("autoscoper-knee/cam02_frame0272.tif", None): (False, 0.78),
    ("ddh-hip/331_DDH_1.dcm", None): (True, 1.0),
    ("ddh-hip/331_DDH_138.dcm", None): (True, 1.0),
    ("dicom/RG2_hip_CR.dcm", None): (True, 0.68),
    ("dicom/XA1_cerebral_angio.dcm", None): (False, 0.77),
    # shutters on three sides, with cut corners
    ("dicom/XA_coronary_cine_angles.dcm", 40): (False, 0.69),
}


@pytest.mark.skipif(
    not XRAY.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)
@pytest.mark.parametrize(("file", "frame"), REAL)
def test_public_radiographs_of_five_machines_are_understood(file, frame):
    stored = read_radiograph(XRAY / file, frame)
    prepared = prepare_radiograph(stored, a_camera(stored.values))
    bright, share = REAL[file, frame]
    assert prepared.polarity.bone_is_bright == bright
    assert prepared.meaning.is_logarithm == bright
    assert prepared.field.mask.mean() == pytest.approx(share, abs=0.03)
