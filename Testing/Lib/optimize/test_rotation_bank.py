"""The bank finds a rotation anywhere on SO(3) to within its spacing."""

import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.optimize.rotation_bank import RotationBank, ball_points, best_distinct
from Testing.Lib.pictures import FAR, oblique_geometry, positions

from_centre = np.array([-40.0, 25.0, 310.0])


def object_seen(geometry, centre, rotation):
    """Three blobs without symmetry, turned about `centre`."""
    points = (positions(geometry) - centre) @ rotation
    return torch.tensor(
        np.exp(-((points - [14, 0, 0]) ** 2).sum(-1) / 98)
        + 0.6 * np.exp(-((points - [0, 12, 4]) ** 2).sum(-1) / 72)
        + 0.8 * np.exp(-((points - [-6, -4, -13]) ** 2).sum(-1) / 50),
        dtype=torch.float32,
    )


@pytest.fixture(scope="module")
def a_bank():
    geometry = oblique_geometry((30, 32, 34), (2.5, 2.2, 2.8), from_centre, (15, -10, 5))
    features = object_seen(geometry, from_centre, np.eye(3))[None]
    return RotationBank(features, geometry, from_centre, radius_mm=26.0, count=2000, points_across=16)


@pytest.mark.parametrize("number", range(6))
def test_the_best_score_is_near_the_true_rotation(a_bank, number):
    true = uniform_random_rotations(6, torch.Generator().manual_seed(3))[number].double()
    geometry = oblique_geometry((40, 36, 38), (1.9, 2.4, 2.1), FAR, (-40, 20, 70))
    features = object_seen(geometry, FAR, true.numpy())[None]
    scores = a_bank.scores(features, geometry, FAR, radius_mm=26.0)[0]
    best = a_bank.rotations[int(scores.argmax())].double()
    assert math.degrees(float(geodesic_distance(best, true))) < 20
    assert scores.max() > 0.9


def test_points_of_the_ball_lie_within_it():
    points = ball_points(20)
    assert float(points.norm(dim=-1).max()) <= 1 + 1e-6
    assert len(points) == pytest.approx(0.52 * 19**3, rel=0.05)


def test_chosen_candidates_are_good_and_differ():
    rotations = uniform_random_rotations(500, torch.Generator().manual_seed(0))
    scores = torch.rand(500, generator=torch.Generator().manual_seed(1))
    chosen = best_distinct(rotations, scores, 8, separation_deg=30.0)
    assert int(chosen[0]) == int(scores.argmax())
    assert len(chosen) == 8
    picked = rotations[chosen]
    apart = geodesic_distance(picked[:, None], picked[None])
    apart.fill_diagonal_(math.pi)
    assert math.degrees(float(apart.min())) >= 30
