import math

import pytest
import torch
from scipy import stats

from DeepRegistrationLib.geometry.rotation_sets import low_discrepancy_rotations, uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import geodesic_distance, quaternion_from_matrix

SETS = {
    "random": lambda n: uniform_random_rotations(n, torch.Generator().manual_seed(0)),
    "low discrepancy": low_discrepancy_rotations,
}


def covering_radius_deg(rotations):
    """Largest distance of 20,000 probes to the nearest rotation of the set."""
    probes = quaternion_from_matrix(uniform_random_rotations(20_000, torch.Generator().manual_seed(99)))
    nearest = (probes @ quaternion_from_matrix(rotations).T).abs().amax(1).clamp(max=1)
    return math.degrees(2 * nearest.min().arccos())


@pytest.mark.parametrize("name", SETS)
def test_every_member_is_a_rotation(name):
    rotations = SETS[name](1000)
    eye = torch.eye(3, dtype=torch.float64).expand(1000, 3, 3)
    torch.testing.assert_close(rotations.mT @ rotations, eye)
    torch.testing.assert_close(torch.linalg.det(rotations), torch.ones(1000, dtype=torch.float64))


@pytest.mark.parametrize(("name", "tolerance"), [("random", 0.05), ("low discrepancy", 0.005)])
def test_the_mean_rotation_and_its_trace_are_zero(name, tolerance):
    mean = SETS[name](4000).mean(0)
    assert mean.abs().max() < tolerance
    assert abs(mean.trace()) < tolerance


@pytest.mark.parametrize("name", SETS)
def test_angles_to_any_rotation_are_distributed_as_on_the_whole_group(name):
    rotations = SETS[name](4000)
    for reference in uniform_random_rotations(3, torch.Generator().manual_seed(7)):
        angles = geodesic_distance(reference, rotations).numpy()
        distance = stats.kstest(angles, lambda t: (t - torch.sin(torch.as_tensor(t)).numpy()) / math.pi)
        assert distance.statistic < 0.03


def test_the_low_discrepancy_set_leaves_smaller_gaps_than_the_random_one():
    random, spread = (covering_radius_deg(SETS[name](1000)) for name in ("random", "low discrepancy"))
    assert spread < 25
    assert random > 1.3 * spread


def test_one_seed_gives_one_set_and_another_seed_another():
    first, again = (uniform_random_rotations(5, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, uniform_random_rotations(5, torch.Generator().manual_seed(4)))
