"""An atlas bent to two radiographs, on bodies whose true shape and place are known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from DeepRegistrationLib.data.biplanar_atlas import prepare_atlas
from DeepRegistrationLib.data.biplanar_shape_model import control_grid
from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.evaluation.overlap_metrics import overlap
from DeepRegistrationLib.geometry.displacement import warp_points
from DeepRegistrationLib.images.resample import resample
from DeepRegistrationLib.jobs.biplanar import BiplanarMethod, BiplanarSettings
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.optimize.deformation_model import free_model
from DeepRegistrationLib.workflows.biplanar import register
from DeepRegistrationLib.workflows.biplanar_products import round_trip_mm
from DeepRegistrationLib.workflows.result import Trust
from Testing.Lib.biplanar_case import TURN_DEG, a_biplanar_case
from Testing.Lib.pictures import positions

SETTINGS = BiplanarSettings(method=BiplanarMethod.OPTIMIZE, device=Device.CPU)


@pytest.fixture(scope="module")
def a_case():
    return a_biplanar_case()


@pytest.fixture(scope="module")
def a_result(a_case):
    return register(a_case.inputs(), SETTINGS)


def bones_of(case):
    """(N, 3) RAS of every 50th voxel of the atlas's bones."""
    inside = case.labels.values.numpy() != 0
    return torch.from_numpy(positions(case.labels.geometry)[inside][::50])


def test_bones_land_where_they_are(a_case, a_result):
    points = bones_of(a_case)
    true = points.numpy() @ a_case.world_from_atlas[:3, :3].T + a_case.world_from_atlas[:3, 3]
    start = np.linalg.norm(points.numpy() - true, axis=1)
    left = np.linalg.norm(warp_points(a_result.inverse, points).numpy() - true, axis=1)
    assert start.mean() > 5.0
    assert left.mean() < 1.2


def test_labels_cover_the_true_bones(a_case, a_result):
    grid = a_result.segmentation.geometry
    true = resample(a_case.labels, grid, np.linalg.inv(a_case.world_from_atlas), labels=True)
    assert overlap(a_result.segmentation.values, true.values).dice > 0.9
    for label in (1, 2, 3):
        assert overlap(a_result.segmentation.values == label, true.values == label).dice > 0.85


def test_both_saved_maps_undo_each_other_within_a_tenth_of_a_mm_and_do_not_fold(a_result):
    assert round_trip_mm(a_result.deformation, a_result.inverse, a_result.segmentation) < 0.1
    assert a_result.jacobian.folded == 0
    assert a_result.jacobian.smallest > 0.2


def test_the_affine_part_holds_most_of_turn_and_stretch(a_case, a_result):
    found, true = a_result.world_from_atlas[:3, :3], a_case.world_from_atlas[:3, :3]
    assert np.abs(found - true).max() < 0.06
    turns = [linear @ np.linalg.inv(sqrtm(linear.T @ linear)) for linear in (found, true)]
    cosine = (np.trace(turns[0].T @ turns[1]) - 1) / 2
    assert np.degrees(np.arccos(np.clip(cosine, -1, 1))) < 0.5 * np.linalg.norm(TURN_DEG)


def test_a_good_fit_is_trusted_and_every_view_shows_it(a_result):
    assert a_result.confidence.trust is Trust.HIGH
    for view in a_result.views:
        assert view.distance_mm < 1.0
        assert view.edges > 0.7
        assert view.outline.shape == view.radiograph.values.shape
    assert float(a_result.uncertainty.values.min()) > 0


def test_a_camera_that_may_be_off_is_turned_back_towards_where_it_stood(a_case):
    inputs = a_case.inputs()
    wrong = a_biplanar_case((10.0, 99.0))  # the second view was taken 4 degrees further than it is said
    told = tuple(
        type(radiograph)(radiograph.values, camera.camera, None, radiograph.name)
        for radiograph, camera in zip(wrong.radiographs, inputs.radiographs, strict=True)
    )
    # a sheared bone would explain the error as well: only who knows that bones are not sheared finds it
    model = free_model(control_grid(prepare_atlas(inputs.ct, inputs.labels)))
    unsheared = torch.diag(torch.tensor([0.04, 0.04, 0.04, 0.002, 0.002, 0.002]))
    model = replace(model, stretch_root=unsheared)
    mistaken = type(inputs)(inputs.ct, inputs.labels, told, wrong.shadows, model)
    settings = BiplanarSettings(
        method=BiplanarMethod.OPTIMIZE,
        view_rotation_deg=4.0,
        view_translation_mm=4.0,
        shape_freedom=0.0,
        device=Device.CPU,
    )
    result = register(mistaken, settings)
    # the world turns before the camera, so the other way
    turn = result.views[1].camera_correction[:3, :3]
    about_long_axis = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    assert -5.0 < about_long_axis < -2.0
    assert np.allclose(result.views[0].camera_correction, np.eye(4))


def test_it_stops_when_it_is_told_to(a_case):
    seen = []

    def report(progress):
        seen.append(progress.fraction)
        return len(seen) < 12

    with pytest.raises(Cancelled):
        register(a_case.inputs(), SETTINGS, report)
    assert len(seen) == 12
    assert seen == sorted(seen)


def test_an_atlas_that_no_radiograph_shows_is_refused(a_case):
    inputs = a_case.inputs()
    away = np.eye(4)
    away[:3, 3] = 400.0
    moved = type(inputs)(inputs.ct, inputs.labels, inputs.radiographs, inputs.shadows, None, away)
    with pytest.raises(InputError, match=r"shows \d+ % of the atlas"):
        register(moved, SETTINGS)
