"""The paper's gradient descent: its schedule, what poses turn about, when it stops, and its gradients."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import Cancelled
from DeepRegistrationLib.geometry.rigid import rigid_matrix, rotation_error_deg, se3_exp
from DeepRegistrationLib.geometry.rotations import matrix_from_rotation_vector
from DeepRegistrationLib.optimize.radiograph_descent import (
    GRADIENT_DESCENT,
    NETWORK_DESCENT,
    DescentSettings,
    descend,
)
from DeepRegistrationLib.optimize.radiograph_levels import make_level
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.similarity.gradient_correlation import gradient_correlation
from Testing.Lib.xray_case import MIDDLE, a_camera, a_case

CENTRE = torch.from_numpy(MIDDLE)
START = se3_exp(torch.tensor([0.2, -0.1, 0.3, 40.0, -25.0, 60.0], dtype=torch.float64))
UNIT_MM = 50.0


def always(gradient, value=1.0):
    """A loss with the same gradient everywhere; its value never stands still."""
    calls = []

    def loss(poses):
        calls.append(poses[0])
        return torch.tensor([value + 0.1 * len(calls)]), torch.tensor([gradient], dtype=torch.float64)

    return loss, calls


def middle_of(pose):
    return pose[:3, :3] @ CENTRE + pose[:3, 3]


def moved(poses, twist):
    """Poses turned by twist[:3] about the world's axes through the middle of the body, and shifted."""
    rotation = matrix_from_rotation_vector(twist[:3])
    centres = poses[:, :3, :3] @ CENTRE + poses[:, :3, 3]
    return rigid_matrix(rotation.expand(len(poses), 3, 3), centres - centres @ rotation.T + twist[3:]) @ poses


def test_steps_follow_the_cyclic_rate_and_the_momentum():
    settings = DescentSettings(1e-3, 3e-3, spread=0.0, period=4, momentum=0.9, iterations=6)
    loss, calls = always([0.0, 0.0, 0.0, 0.01, 0.0, 0.0])
    descend(START, loss, CENTRE, UNIT_MM, settings)
    steps = [float(second[0, 3] - first[0, 3]) for first, second in itertools.pairwise(calls)]
    velocity, expected = 0.0, []
    for rate in (1e-3, 2e-3, 3e-3, 2e-3, 1e-3):
        # one unit of length counts as much as one radian
        velocity = 0.9 * velocity + 0.01 * UNIT_MM
        expected.append(-rate * velocity * UNIT_MM)
    assert steps == pytest.approx(expected, rel=1e-9)


def test_the_papers_schedules_are_as_printed():
    network, gradient = NETWORK_DESCENT, GRADIENT_DESCENT
    assert (network.lowest_rate, network.highest_rate, network.spread) == (0.01, 0.01, 3e-3)
    assert (gradient.lowest_rate, gradient.highest_rate, gradient.spread) == (1e-3, 3e-3, 1e-5)
    assert {settings.momentum for settings in (network, gradient)} == {0.9}
    assert {settings.window for settings in (network, gradient)} == {10}


def test_a_turn_leaves_the_middle_of_the_body_where_it_is():
    loss, _ = always([0.4, -0.7, 0.2, 0.0, 0.0, 0.0])
    end = descend(START, loss, CENTRE, UNIT_MM, dataclasses.replace(GRADIENT_DESCENT, iterations=20))
    assert rotation_error_deg(end, START) > 1.0
    torch.testing.assert_close(middle_of(end), middle_of(START), rtol=0, atol=1e-8)
    torch.testing.assert_close(end[:3, :3] @ end[:3, :3].T, torch.eye(3, dtype=torch.float64))


def test_it_stops_when_the_last_losses_hardly_differ():
    calls = []

    def loss(poses):
        calls.append(poses)
        return torch.tensor([0.1 * max(0, 5 - len(calls))]), torch.zeros(1, 6)

    descend(START, loss, CENTRE, UNIT_MM, NETWORK_DESCENT)
    # four losses that change, then ten that do not
    assert len(calls) == 14


def test_it_makes_no_more_than_the_allowed_iterations_and_can_be_stopped():
    loss, calls = always([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    settings = dataclasses.replace(GRADIENT_DESCENT, iterations=17)
    descend(START, loss, CENTRE, UNIT_MM, settings)
    assert len(calls) == 17

    def watch(fraction, value, pose):
        if fraction > 0.3:
            raise Cancelled("enough")

    loss, calls = always([0.1, 0.0, 0.0, 0.0, 0.0, 0.0])
    with pytest.raises(Cancelled):
        descend(START, loss, CENTRE, UNIT_MM, settings, watch)
    assert len(calls) == math.ceil(0.3 * 17) + 1


@pytest.fixture(scope="module")
def the_case():
    return a_case((a_camera(25.0, 10.0), a_camera(-60.0, 5.0)))


@pytest.fixture(scope="module")
def the_level(the_case):
    attenuation = the_case.ct.with_values(attenuation_from_hu(the_case.ct.values))
    return make_level(
        [attenuation], the_case.radiographs, 64, np.eye(4), MIDDLE, gradient_correlation, voxels_per_pixel=2.0
    )


def loss_of(level):
    """One minus the correlation of gradients, as the method grad-ncc goes down it."""

    def loss(poses):
        fit = level.fit(poses, in_world=True)
        correlation = fit.similarity.clamp(min=1e-4).sqrt()
        return 1 - correlation, -fit.gradient / correlation[:, None]

    return loss


def test_the_gradient_is_that_of_turns_and_shifts_along_the_worlds_axes(the_case, the_level):
    truth = torch.from_numpy(the_case.world_from_ct)[None]
    pose = moved(truth, torch.tensor([0.04, -0.03, 0.05, 2.0, -3.0, 1.5], dtype=torch.float64))
    _, gradient = loss_of(the_level)(pose)
    steps = torch.tensor([2e-3] * 3 + [0.15] * 3, dtype=torch.float64)  # rad, mm

    def value(twist):
        return 1 - float(the_level.similarity(moved(pose, twist))[0]) ** 0.5

    numerical = torch.stack(
        [
            torch.tensor(value(axis * step) - value(-axis * step)) / (2 * step)
            for axis, step in zip(torch.eye(6, dtype=torch.float64), steps, strict=True)
        ]
    )
    for part in (slice(0, 3), slice(3, 6)):
        torch.testing.assert_close(
            gradient[0, part], numerical[part], rtol=0.05, atol=0.05 * float(numerical[part].abs().max())
        )


def test_it_comes_nearer_to_the_truth_from_nearby(the_case, the_level):
    truth = torch.from_numpy(the_case.world_from_ct)
    start = moved(truth[None], torch.tensor([0.03, -0.02, 0.03, 2.0, -2.0, 1.0], dtype=torch.float64))[0]
    losses = []
    end = descend(
        start,
        loss_of(the_level),
        CENTRE,
        UNIT_MM,
        GRADIENT_DESCENT,
        lambda f, value, pose: losses.append(value),
    )
    assert losses[-1] < 0.3 * losses[0]
    assert rotation_error_deg(end, truth) < 0.3 * rotation_error_deg(start, truth)
    left, away = ((middle_of(pose) - middle_of(truth)).norm() for pose in (end, start))
    assert left < 0.3 * away
