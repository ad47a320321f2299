"""What of a radiograph is compared, and what the confidence says of the comparison."""

import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.workflows.biplanar_confidence import BiplanarEvidence, judge
from DeepRegistrationLib.workflows.biplanar_targets import (
    make_target,
    proposed_shadow,
    shadow_of_ends,
    where_shadows_count,
)
from DeepRegistrationLib.workflows.result import Trust
from Testing.Lib.xray_case import a_body, a_camera

CAMERA = a_camera(pixels=64)


def a_radiograph(mask=None):
    return Radiograph(torch.rand(CAMERA.shape_px, generator=torch.Generator().manual_seed(0)), CAMERA, mask)


def a_disc(radius=10):
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in CAMERA.shape_px), indexing="ij")
    return (rows - 28).square() + (columns - 30).square() < radius**2


def test_a_proposed_shadow_is_the_atlas_s_with_a_margin_of_8_mm_at_the_bone():
    _, labels = a_body(4.0)
    true = silhouette(labels, CAMERA)
    proposed = proposed_shadow(a_radiograph(), labels, np.eye(4))
    assert bool((proposed | ~true).all())
    rows = [torch.nonzero(shape.any(1)).flatten() for shape in (true, proposed)]
    pixel_at_bone = CAMERA.pixel_spacing_mm[1] * 700 / 1020
    assert float(rows[0][0] - rows[1][0]) * pixel_at_bone == pytest.approx(8.0, abs=pixel_at_bone)


def test_a_radiograph_cut_out_along_the_bone_tells_that_there_is_no_bone_around():
    shadow = a_disc()
    assert bool(where_shadows_count(a_radiograph(shadow), shadow).all())


def test_a_collimated_radiograph_tells_nothing_beyond_its_field():
    shadow, field = a_disc(), torch.zeros(CAMERA.shape_px, dtype=torch.bool)
    field[:, 10:50] = True
    assert torch.equal(where_shadows_count(a_radiograph(field), shadow), field)


def test_a_target_halves_pixels_and_shadows_become_shares():
    shadow, nowhere = a_disc(), torch.zeros(CAMERA.shape_px, dtype=torch.bool)
    target = make_target(a_radiograph(), shadow, shadow, nowhere, 32)
    assert target.camera.image_size_px == (32, 29)
    assert float(target.shadow.sum()) * 4 == pytest.approx(float(shadow[:58].sum()), abs=0.5)
    assert bool(((target.shadow > 0) & (target.shadow < 1)).any())
    assert bool((target.shadow[target.region] > 0.99).all())
    assert bool(target.used.all())
    ends = nowhere.clone()
    ends[40:] = True
    assert not bool(make_target(a_radiograph(), shadow, shadow, ends, 32).used[20:].any())


def test_without_a_cut_no_shadow_may_end():
    assert not bool(shadow_of_ends(a_radiograph(), None, np.eye(4)).any())


GOOD = BiplanarEvidence(edges=0.6, outline_mm=0.6, unusual=1.0, uncertainty_mm=1.2, folded=0)


def test_agreement_is_trusted_and_its_reason_names_the_numbers():
    found = judge(GOOD)
    assert found.trust is Trust.HIGH
    assert "0.6 mm apart" in found.reason


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"edges": 0.05}, "edges"),
        ({"outline_mm": 9.0}, "outline"),
        ({"unusual": 9.0}, "far from everything"),
        ({"uncertainty_mm": 15.0}, "open"),
        ({"folded": 3}, "folds"),
    ],
)
def test_each_kind_of_doubt_alone_is_enough_not_to_trust(change, word):
    found = judge(BiplanarEvidence(**{**vars(GOOD), **change}))
    assert found.trust is Trust.LOW
    assert word in found.reason


def test_without_masks_outlines_say_nothing():
    found = judge(BiplanarEvidence(**{**vars(GOOD), "outline_mm": math.nan}))
    assert found.trust is Trust.HIGH
    assert "apart" not in found.reason
