"""A CT is registered to radiographs from a bad start, says how sure it is, and can be stopped."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.geometry.rigid import rotation_error_deg, translation_error_mm
from DeepRegistrationLib.jobs.device import Device
from DeepRegistrationLib.jobs.xray_ct import XrayCtMethod, XrayCtSettings, XrayMeasure
from DeepRegistrationLib.workflows.result import Trust
from DeepRegistrationLib.workflows.xray_ct import register
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case

QUICK = XrayCtSettings(
    search_rotation_deg=15.0, search_translation_mm=20.0, candidates=12, rounds=2, device=Device.CPU
)


@pytest.fixture(scope="module")
def case():
    return a_case((a_camera(25.0, 10.0),), voxel_mm=4.0)


@pytest.fixture(scope="module")
def two_views():
    return a_case((a_camera(25.0, 10.0), a_camera(-60.0, 5.0)), voxel_mm=4.0)


@pytest.fixture(scope="module")
def result(case):
    return register(case.inputs(), QUICK)


def errors(result, case):
    truth = case.world_from_ct
    return (
        float(rotation_error_deg(result.world_from_ct, truth)),
        float(translation_error_mm(result.world_from_ct, truth, MIDDLE)),
    )


def test_the_pose_is_found(result, case):
    turned, moved = errors(result, case)
    assert turned < 0.1
    assert moved < 0.5


def test_the_views_tell_how_well_bones_and_radiograph_agree(result, case):
    (view,) = result.views
    assert view.drr.shape == case.radiographs[0].values.shape
    assert view.similarity > 0.9
    assert view.residual_mm < 0.6 * view.residual_start_mm
    expected = case.radiographs[0].camera.camera_from_world @ result.world_from_ct
    assert np.allclose(view.camera_from_ct, expected)
    assert np.allclose(result.transforms["camera_from_ct"].matrix, expected)


def test_the_answer_is_exactly_rigid(result):
    linear = result.world_from_ct[:3, :3]
    assert np.allclose(linear @ linear.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(linear) == pytest.approx(1)


def test_every_iteration_has_a_pose_and_a_similarity(result):
    assert result.history.keys() == result.poses.keys()
    for stage, history in result.history.items():
        assert len(history) == len(result.poses[stage]) > 0
        assert all(pose.shape == (4, 4) for pose in result.poses[stage])


def test_depth_is_the_least_certain_shift(result):
    sure = result.uncertainty
    assert sure.in_depth_mm > 3 * max(sure.along_columns_mm, sure.along_rows_mm)
    assert min(dataclasses.astuple(sure)) > 0


def test_without_labels_bone_is_found_by_its_density(case):
    assert errors(register(case.inputs(labels=False), QUICK), case)[0] < 0.1


def test_two_views_fix_the_depth(two_views):
    result = register(two_views.inputs(), QUICK)
    assert errors(result, two_views)[1] < 0.1
    assert list(result.transforms) == ["world_from_ct", "camera_from_ct", "camera2_from_ct"]
    assert result.uncertainty.in_depth_mm < 0.2


def test_two_runs_are_equal(case):
    settings = dataclasses.replace(QUICK, candidates=4, rounds=1)
    first, second = (register(case.inputs(), settings).world_from_ct for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("measure", list(XrayMeasure))
def test_every_measure_refines(case, measure):
    settings = dataclasses.replace(QUICK, measure=measure)
    turned, moved = errors(register(case.inputs(), settings), case)
    assert turned < 1.0
    assert moved < 5.0


def test_a_radiograph_of_something_else_is_not_trusted(case):
    radiograph = case.radiographs[0]
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 1, 8, 8, generator=generator)
    clouds = torch.nn.functional.interpolate(coarse, radiograph.values.shape, mode="bicubic")[0, 0]
    other = dataclasses.replace(case.inputs(), radiographs=(dataclasses.replace(radiograph, values=clouds),))
    result = register(other, QUICK)
    assert result.confidence.trust == Trust.LOW
    assert "Check the overlay" in result.confidence.reason


def test_the_gradient_alone_arrives_from_near_by(case):
    near = dataclasses.replace(case.inputs(), start=case.world_from_ct @ small_motion())
    settings = dataclasses.replace(QUICK, method=XrayCtMethod.GRAD_NCC)
    before = np.linalg.norm((near.start - case.world_from_ct)[:3] @ np.append(MIDDLE, 1))
    turned, moved = errors(register(near, settings), case)
    assert turned < 1.0
    assert moved < before


def small_motion():
    matrix = np.eye(4)
    matrix[:3, 3] = [2.0, -1.5, 1.0]
    return matrix


def test_progress_grows_carries_the_pose_and_cancels_within_one_iteration(case):
    seen = []

    def report(progress):
        seen.append(progress)
        return progress.pose is None

    with pytest.raises(Cancelled):
        register(case.inputs(), QUICK, report)
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert len(seen[-1].pose) == 16
    assert all(progress.pose is None for progress in seen[:-1])


def test_a_ct_without_bone_is_refused(case):
    soft = case.ct.with_values(case.ct.values.clamp(max=90.0))
    with pytest.raises(InputError, match="as dense as bone: its largest value is 90"):
        register(dataclasses.replace(case.inputs(labels=False), ct=soft), QUICK)
