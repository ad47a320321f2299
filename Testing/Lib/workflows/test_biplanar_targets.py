"""What of a radiograph is compared."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.projection.labels import silhouette
from DeepRegistrationLib.workflows.biplanar_targets import (
    dilated,
    make_target,
    proposed_shadow,
    shadow_of_ends,
    where_shadows_count,
)
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


def test_a_target_shows_the_part_with_the_bone_in_halved_pixels_and_shadows_become_shares():
    shadow, nowhere = a_disc(), torch.zeros(CAMERA.shape_px, dtype=torch.bool)
    radiograph = a_radiograph()
    target = make_target(radiograph, shadow, shadow, nowhere, 14)
    assert target.camera.image_size_px == (13, 13)  # a disc of 19 pixels and a border of 4, in halves
    assert float(target.shadow.sum()) * 4 == pytest.approx(float(shadow.sum()), abs=0.5)
    assert bool(((target.shadow > 0) & (target.shadow < 1)).any())
    assert bool((target.shadow[target.region] > 0.99).all())
    assert bool(target.used.all())
    # the middle of the disc lies where it did before the camera
    middle = (torch.nonzero(target.shadow > 0.5).double().mean(0) * 2 + 0.5 + 15).tolist()
    assert middle == pytest.approx([28, 30 - 2], abs=0.6)
    ends = nowhere.clone()
    ends[40:] = True
    assert not bool(make_target(radiograph, shadow, shadow, ends, 14).used[12:].any())


def test_a_small_bone_on_a_large_detector_is_seen_as_finely_as_a_large_one():
    nowhere = torch.zeros(CAMERA.shape_px, dtype=torch.bool)
    for radius in (6, 12, 24):
        shadow = a_disc(radius)
        target = make_target(a_radiograph(), None, shadow, nowhere, 12)
        assert 10 <= max(target.camera.image_size_px) <= 17


def test_a_shape_grows_by_its_own_number_of_rows_and_columns():
    shape = torch.zeros(12, 14, dtype=torch.bool)
    shape[5, 6] = True
    grown = dilated(shape, (2, 4))
    assert torch.nonzero(grown.any(1)).flatten().tolist() == list(range(3, 8))
    assert torch.nonzero(grown.any(0)).flatten().tolist() == list(range(2, 11))
    assert int(grown.sum()) == 5 * 9


def test_without_a_cut_no_shadow_may_end():
    assert not bool(shadow_of_ends(a_radiograph(), None, np.eye(4)).any())
