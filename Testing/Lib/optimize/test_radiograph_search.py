"""The search looks everywhere: shifts exactly, orientations and depths by trying."""

import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.geometry.rigid import rotation_error_deg, se3_exp
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.optimize.radiograph_search import (
    Candidates,
    PoseRange,
    distinct,
    search_poses,
)
from DeepRegistrationLib.optimize.shift_correlation import IntensityShifts, OrientationShifts
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project, project_volume
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case


def test_the_correlation_of_shifts_is_that_of_the_pictures():
    generator = torch.Generator().manual_seed(0)
    fixed = torch.rand(7, 9, generator=generator, dtype=torch.float64)
    mask = torch.rand(7, 9, generator=generator) > 0.2
    moving = torch.rand(1, 14, 18, generator=generator, dtype=torch.float64)
    found = IntensityShifts(fixed, mask, (14, 18))(moving)[0]
    for down, across in ((0, 0), (-3, -5), (-7, -9), (2, 1)):
        canvas = torch.zeros(60, 60, dtype=torch.float64)
        canvas[20 + down : 34 + down, 20 + across : 38 + across] = moving[0]
        pair = torch.stack([fixed[mask], canvas[20:27, 20:29][mask]])
        assert float(found[down, across]) == pytest.approx(float(torch.corrcoef(pair)[0, 1]), abs=1e-9)


@pytest.mark.parametrize("shifts", [IntensityShifts, OrientationShifts])
def test_a_part_of_a_picture_is_found_where_it_was_cut_out(shifts):
    coarse = torch.rand(1, 1, 7, 9, generator=torch.Generator().manual_seed(1))
    picture = torch.nn.functional.interpolate(coarse, (28, 36), mode="bicubic")[0, 0]
    fixed = 3 + 0.2 * picture[6:20, 9:27]
    mask = torch.ones(14, 18, dtype=torch.bool)
    mask[:3] = False
    found = shifts(torch.where(mask, fixed, 99.0), mask, (28, 36))(picture[None])[0]
    row, column = divmod(int(found.argmax()), found.shape[1])
    assert (row - found.shape[0], column - found.shape[1]) == (-6, -9)
    assert float(found.max()) == pytest.approx(1, abs=0.05)


@pytest.fixture(scope="module")
def case():
    return a_case(
        (a_camera(25.0, 10.0, pixels=32),), twist=(0.3, -0.35, 0.5, 18.0, -14.0, 30.0), voxel_mm=6.0
    )


def candidates_of(case, count=400, seed=0, **options):
    attenuation = case.ct.with_values(attenuation_from_hu(case.ct.values))
    wide = PoseRange(math.radians(28), 50.0)
    return search_poses(
        attenuation,
        case.radiographs[0],
        np.eye(4),
        MIDDLE,
        wide,
        count,
        IntensityShifts,
        seed,
        **options,
    )


def test_a_pose_far_from_the_start_is_among_the_best(case):
    found = candidates_of(case).best(10)
    turned = rotation_error_deg(found.poses, torch.from_numpy(case.world_from_ct).expand(10, 4, 4))
    nearest = int(turned.argmin())
    assert turned[nearest] < 15
    middle = torch.from_numpy(np.append(MIDDLE, 1))
    camera = case.radiographs[0].camera
    shadows = [
        camera.project((pose @ middle)[:3].numpy())[0]
        for pose in (found.poses[nearest], torch.from_numpy(case.world_from_ct))
    ]
    # 32 pixels cover the body: the shift is right within two of them
    assert np.linalg.norm(shadows[0] - shadows[1]) < 2


@pytest.mark.parametrize("corner_px", [(0, 0), (-9, 6)])
def test_the_picture_at_a_pose_is_the_one_that_was_scored(case, corner_px):
    """Pictures are turned and moved instead of projected again: also where the detector lies aslant."""
    camera = case.radiographs[0].camera.cropped(corner_px, (32, 28))
    attenuation = case.ct.with_values(attenuation_from_hu(case.ct.values))
    values = project_volume(attenuation, camera, case.world_from_ct)
    radiograph = Radiograph(values, camera)
    found = search_poses(
        attenuation,
        radiograph,
        np.eye(4),
        MIDDLE,
        PoseRange(math.radians(28), 50.0),
        160,
        IntensityShifts,
        seed=3,
    )
    images = project(attenuation.values[None, None], attenuation.geometry, camera, found.poses)[:, 0]
    everything = torch.cat([values[None], images]).flatten(1)
    correlation = torch.corrcoef(everything)[0, 1:]
    assert correlation.numpy() == pytest.approx(found.scores.numpy(), abs=0.005)


def test_scores_fall_and_poses_are_rigid(case):
    found = candidates_of(case, 64)
    assert (found.scores.diff() <= 0).all()
    linear = found.poses[:, :3, :3]
    assert torch.allclose(linear.mT @ linear, torch.eye(3, dtype=torch.float64), atol=1e-9)
    assert torch.allclose(torch.linalg.det(linear), torch.ones(64, dtype=torch.float64))


def test_one_seed_gives_one_answer_and_another_seed_another(case):
    first, again, other = (candidates_of(case, 40, seed).poses for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_the_search_can_be_stopped(case):
    def stop(fraction):
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        candidates_of(case, 40, advance=stop)


def test_neighbours_of_a_better_pose_are_left_out():
    steps = torch.tensor(
        [[0, 0, 0, 0, 0, 0], [0.05, 0, 0, 0, 0, 0], [0.3, 0, 0, 0, 0, 0], [0, 0, 0, 40.0, 0, 0]]
    )
    poses = se3_exp(steps.double())
    kept = distinct(Candidates(poses, torch.tensor([4.0, 3.0, 2.0, 1.0])), torch.zeros(3).double(), 0.1, 20.0)
    assert kept.scores.tolist() == [4.0, 2.0, 1.0]
