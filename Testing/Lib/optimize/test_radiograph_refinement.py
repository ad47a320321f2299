"""Poses before cameras find their way, also in depth; what cannot be known is not pretended."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.geometry.rigid import rotation_error_deg, se3_exp
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.optimize.radiograph_levels import make_level
from DeepRegistrationLib.optimize.radiograph_refinement import (
    RadiographRefinementSettings,
    refine_poses,
    retracted,
    twist_frames,
)
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from DeepRegistrationLib.similarity.radiograph_correlation import radiograph_correlation
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case

CENTRE = torch.from_numpy(MIDDLE)


@pytest.fixture(scope="module")
def case():
    return a_case((a_camera(25.0, 10.0),))


@pytest.fixture(scope="module")
def two_view_case():
    return a_case((a_camera(25.0, 10.0), a_camera(-60.0, 5.0)))


def level_of(case, measure=radiograph_correlation, radiographs=None):
    attenuation = case.ct.with_values(attenuation_from_hu(case.ct.values))
    radiographs = radiographs or case.radiographs
    return make_level([attenuation], radiographs, 64, np.eye(4), MIDDLE, measure, 2.0)


def near(case, twist):
    """Poses away from the truth by twists (N, 6) about the middle of the body."""
    truth = torch.from_numpy(case.world_from_ct)
    to_middle = torch.eye(4, dtype=torch.float64)
    to_middle[:3, 3] = truth[:3, :3] @ CENTRE + truth[:3, 3]
    moved = se3_exp(torch.tensor(twist, dtype=torch.float64).reshape(-1, 6))
    return to_middle @ moved @ torch.linalg.inv(to_middle) @ truth


def errors(case, pose):
    """Rotation [degrees] and shift of the middle along columns, rows and depth [mm]."""
    shift = (pose - torch.from_numpy(case.world_from_ct)).numpy() @ np.append(MIDDLE, 1)
    camera = case.radiographs[0].camera
    return float(rotation_error_deg(pose, case.world_from_ct)), camera.camera_from_world[:3, :3] @ shift[:3]


AWAY = [[0.06, -0.08, 0.05, 5.0, -4.0, 6.0], [-0.05, 0.04, -0.09, -6.0, 3.0, -8.0]]


@pytest.mark.parametrize("measure", [radiograph_correlation, gradient_correlation])
def test_poses_some_degrees_away_are_found_also_in_depth(case, measure):
    refined = refine_poses(near(case, AWAY), level_of(case, measure), RadiographRefinementSettings(50))
    for pose in refined.poses:
        turned, (columns, rows, depth) = errors(case, pose)
        assert turned < 0.05
        assert abs(columns) < 0.05
        assert abs(rows) < 0.05
        assert abs(depth) < 0.5
    assert refined.fit.similarity.min() > 0.99


def test_a_second_view_fixes_the_depth(two_view_case):
    refined = refine_poses(
        near(two_view_case, AWAY), level_of(two_view_case), RadiographRefinementSettings(50)
    )
    for pose in refined.poses:
        turned, shifts = errors(two_view_case, pose)
        assert turned < 0.03
        assert np.abs(shifts).max() < 0.05


def test_a_mirrored_radiograph_gives_the_same_pose(case):
    radiograph = case.radiographs[0]
    flipped = Radiograph(radiograph.values.flip(1), radiograph.camera.flipped(columns=True))
    refined = refine_poses(
        near(case, AWAY[:1]), level_of(case, radiographs=[flipped]), RadiographRefinementSettings(50)
    )
    turned, shifts = errors(case, refined.poses[0])
    assert turned < 0.05
    assert np.abs(shifts).max() < 0.5


def test_what_a_mask_hides_does_not_lead_astray(case):
    radiograph = case.radiographs[0]
    mask = torch.ones_like(radiograph.values, dtype=torch.bool)
    mask[:, :12] = False
    spoiled = torch.where(mask, radiograph.values, torch.tensor(5.0))
    masked = Radiograph(spoiled, radiograph.camera, mask)
    refined = refine_poses(
        near(case, AWAY[:1]), level_of(case, radiographs=[masked]), RadiographRefinementSettings(50)
    )
    assert errors(case, refined.poses[0])[0] < 0.1


def test_a_pose_that_has_arrived_is_left_alone(case):
    level = level_of(case)
    arrived = refine_poses(near(case, AWAY[:1]), level, RadiographRefinementSettings(50)).poses
    again = refine_poses(arrived, level, RadiographRefinementSettings(50))
    # some more to find that no step helps any more
    assert again.iterations <= 10
    assert torch.allclose(again.poses, arrived, atol=5e-2)


def test_two_runs_are_equal(case):
    level = level_of(case)
    runs = [refine_poses(near(case, AWAY), level, RadiographRefinementSettings(6)).poses for _ in range(2)]
    assert torch.equal(*runs)


def test_watching_can_stop_within_one_iteration(case):
    seen = []

    def stop(fraction, similarity, pose):
        seen.append((fraction, similarity, tuple(pose.shape)))
        if len(seen) == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        refine_poses(near(case, AWAY), level_of(case), RadiographRefinementSettings(10), stop)
    assert len(seen) == 2
    assert seen[0][2] == (4, 4)


def test_the_twist_frame_looks_along_the_ray_through_the_anatomy(case):
    poses, camera = near(case, AWAY), case.radiographs[0].camera
    frames = twist_frames(poses, CENTRE, camera)
    linear = frames[:, :3, :3]
    assert torch.allclose(linear.mT @ linear, torch.eye(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(torch.linalg.det(linear), torch.ones(2, dtype=torch.float64))
    further = frames[:, :3, 3] + 50 * linear[:, :, 2]
    assert np.allclose(camera.project(further.numpy())[0], camera.project(frames[:, :3, 3].numpy())[0])


def test_a_step_turns_about_the_anatomy_and_moves_along_the_frame(case):
    level, pose = level_of(case), near(case, AWAY[:1])
    turned = retracted(pose, torch.tensor([[0.1, 0.2, -0.1, 0, 0, 0]], dtype=torch.float64), level)
    middle = torch.cat([CENTRE, torch.ones(1, dtype=torch.float64)])
    assert torch.allclose(turned @ middle, pose @ middle)
    deeper = retracted(pose, torch.tensor([[0, 0, 0, 0, 0, 7.0]], dtype=torch.float64), level)
    source = torch.from_numpy(level.views[0].camera.source_ras.copy())
    grown = ((deeper @ middle)[0, :3] - source).norm() - ((pose @ middle)[0, :3] - source).norm()
    assert float(grown) == pytest.approx(7.0)


def test_a_ct_that_is_cut_off_has_no_valleys_along_the_depth():
    """Samples a voxel apart along the rays would draw its cut faces as stairs: alike at every step."""
    case = a_case((a_camera(25.0, 10.0),), voxel_mm=4.0)
    cut = case.ct.with_values(case.ct.values.clone())
    attenuation = cut.with_values(attenuation_from_hu(cut.values) + 0.02)
    camera = case.radiographs[0].camera
    truth = torch.from_numpy(case.world_from_ct)
    fine = ProjectionSettings(step_mm=1.0)
    image = project(attenuation.values[None, None], attenuation.geometry, camera, truth[None], fine)[0, 0]
    level = make_level(
        [attenuation], [Radiograph(image, camera)], 64, np.eye(4), MIDDLE, gradient_correlation, 2.0
    )
    near = retracted(
        truth[None].repeat(4, 1, 1),
        torch.tensor([[0, 0, 0, 0, 0, depth] for depth in (-12.0, -4.0, 4.0, 12.0)], dtype=torch.float64),
        level,
    )
    for pose in refine_poses(near, level, RadiographRefinementSettings(50)).poses:
        assert abs(errors(case, pose)[1][2]) < 1.0
