"""Refinement of poses: finds a known similarity map, from oblique anisotropic images far from the origin."""

import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.geometry.grid import ras_grid
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.optimize.gauss_newton import RefinementSettings, refine
from DeepRegistrationLib.optimize.moving_sampler import MovingSampler
from DeepRegistrationLib.optimize.pose_batch import PoseBatch, stack_poses
from DeepRegistrationLib.optimize.quasi_newton import refine_smooth
from DeepRegistrationLib.similarity.correlation import Correlation
from DeepRegistrationLib.similarity.local_correlation import LocalCorrelation
from DeepRegistrationLib.similarity.mutual_information import MutualInformation
from Testing.Lib.pictures import FAR, oblique_geometry, positions, rotation

CENTRE_FIXED = np.array([-300.0, 800.0, 120.0])
TRUE_ROTATION = rotation((10, -7, 12))
TRUE_SHIFT = np.array([3.0, -4.0, 2.5])


def scene(points):
    """Blobs with some texture about the origin, without symmetry; (..., 3) mm -> brightness."""
    blobs = [((12, 3, -4), 9, 1.0), ((-10, 8, 2), 7, 0.7), ((2, -14, 6), 8, 0.5), ((-3, 4, -13), 6, 0.9)]
    smooth = sum(
        height * np.exp(-((points - np.array(place)) ** 2).sum(-1) / (2 * sigma**2))
        for place, sigma, height in blobs
    )
    waves = np.sin(points / [3.0, 3.6, 4.2] + [0.5, 1.0, 2.0]).prod(-1)
    return smooth * (1 + 0.6 * waves)


def pictures_of_the_scene(scale=1.0):
    """Fixed image at `CENTRE_FIXED`; moving image, turned, shifted and scaled, at `FAR`."""
    fixed_grid = oblique_geometry((24, 26, 30), (3.0, 2.6, 2.2), CENTRE_FIXED, (5, 10, -20))
    moving_grid = oblique_geometry((34, 40, 44), (2.0, 1.6, 2.4), FAR + np.array([2, 1, -3]), (30, -20, 40))
    fixed = scene(positions(fixed_grid) - CENTRE_FIXED)
    in_scene = (positions(moving_grid) - FAR - TRUE_SHIFT) @ TRUE_ROTATION / scale
    moving = scene(in_scene)
    return (
        Volume(torch.tensor(fixed, dtype=torch.float32), fixed_grid, "fixed"),
        Volume(torch.tensor(moving, dtype=torch.float32), moving_grid, "moving"),
    )


def offsets_of(fixed):
    points = ras_grid(fixed.geometry, dtype=torch.float64) - torch.as_tensor(CENTRE_FIXED)
    return points.reshape(-1, 3).float()


def start(count=1):
    return PoseBatch(
        rotation=torch.eye(3).expand(count, 3, 3).clone(),
        translation=torch.zeros(count, 3),
        log_scale=torch.zeros(count),
        centre_fixed=CENTRE_FIXED,
        centre_moving=FAR,
    )


def errors(pose, scale=1.0):
    """Degrees, mm at the centre, ratio of scales."""
    found = pose.rotation[0].double().numpy()
    cosine = (np.trace(found.T @ TRUE_ROTATION) - 1) / 2
    shift = np.linalg.norm(pose.translation[0].numpy() - TRUE_SHIFT)
    return math.degrees(math.acos(min(cosine, 1.0))), shift, float(pose.log_scale[0].exp()) / scale


@pytest.mark.parametrize("scale", [1.0, 1.08])
def test_correlation_recovers_a_known_map(scale):
    fixed, moving = pictures_of_the_scene(scale)
    similarity = Correlation(fixed.values.flatten(), torch.ones(fixed.values.numel()))
    settings = RefinementSettings(iterations=30, scaling=True)
    pose, value, history = refine(start(), offsets_of(fixed), MovingSampler(moving), similarity, settings)
    degrees, mm, ratio = errors(pose, scale)
    assert degrees < 0.1
    assert mm < 0.05
    assert ratio == pytest.approx(1, abs=0.003)
    assert value[0] > 0.998
    assert history == sorted(history)


def test_without_scaling_the_scale_stays():
    fixed, moving = pictures_of_the_scene(1.08)
    similarity = Correlation(fixed.values.flatten(), torch.ones(fixed.values.numel()))
    pose, _, _ = refine(
        start(), offsets_of(fixed), MovingSampler(moving), similarity, RefinementSettings(iterations=30)
    )
    assert pose.log_scale[0] == 0
    assert errors(pose)[0] < 2


def test_local_correlation_recovers_it_through_a_bias_field_and_gamma():
    fixed, moving = pictures_of_the_scene()
    bias = torch.linspace(0.6, 1.6, moving.values.shape[2])
    other_contrast = moving.with_values(moving.values.sqrt() * bias)
    similarity = LocalCorrelation(fixed.values, torch.ones_like(fixed.values))
    pose, _, _ = refine(
        start(),
        offsets_of(fixed),
        MovingSampler(other_contrast),
        similarity,
        RefinementSettings(iterations=30),
    )
    degrees, mm, _ = errors(pose)
    assert degrees < 1
    assert mm < 0.5  # a sixth of a voxel


def test_mutual_information_recovers_it_too():
    fixed, moving = pictures_of_the_scene()
    similarity = MutualInformation(fixed.values.flatten(), torch.ones(fixed.values.numel()), bins=16)
    pose, value, history = refine_smooth(
        start(), offsets_of(fixed), MovingSampler(moving), similarity, radius_mm=20.0
    )
    degrees, mm, _ = errors(pose)
    assert degrees < 1
    assert mm < 0.3
    assert value[0] == pytest.approx(history[-1], abs=1e-6)


def test_poses_of_a_batch_do_not_disturb_each_other():
    fixed, moving = pictures_of_the_scene()
    similarity = Correlation(fixed.values.flatten(), torch.ones(fixed.values.numel()))
    far_off = start()
    far_off = far_off.retracted(torch.tensor([[0.0, 0.0, 0.0, 40.0, 0.0, 0.0]]))
    settings = RefinementSettings(iterations=30)
    both, values, _ = refine(
        stack_poses(far_off, start()), offsets_of(fixed), MovingSampler(moving), similarity, settings
    )
    alone, value, _ = refine(start(), offsets_of(fixed), MovingSampler(moving), similarity, settings)
    assert values[1].item() == pytest.approx(value[0].item(), abs=1e-5)
    assert torch.allclose(both.rotation[1], alone.rotation[0], atol=1e-4)


def test_the_matrix_of_a_pose_maps_points_as_the_pose_says():
    pose = start().retracted(torch.tensor([[0.1, -0.2, 0.3, 1.0, 2.0, 3.0, 0.05]]))
    offset = np.array([7.0, -5.0, 11.0])
    expected = FAR + pose.translation[0].numpy() + pose.linear()[0].double().numpy() @ offset
    found = pose.moving_from_fixed() @ np.append(CENTRE_FIXED + offset, 1)
    assert np.allclose(found[:3], expected, atol=1e-4)


@pytest.mark.parametrize("after", [0.0, 0.4])
def test_a_refused_report_stops_within_one_iteration(after):
    fixed, moving = pictures_of_the_scene()
    similarity = Correlation(fixed.values.flatten(), torch.ones(fixed.values.numel()))
    seen = []

    def advance(fraction):
        seen.append(fraction)
        if fraction >= after:
            raise Cancelled

    with pytest.raises(Cancelled):
        refine(start(), offsets_of(fixed), MovingSampler(moving), similarity, RefinementSettings(), advance)
    assert seen[-1] >= after
    assert all(fraction < after for fraction in seen[:-1])
