"""Numbers in standard deviations become maps of the atlas."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.spline_grid import grid_over, spline_matrices
from DeepRegistrationLib.optimize.deformation_model import (
    AtlasMap,
    DeformationNumbers,
    Spread,
    free_model,
)
from DeepRegistrationLib.optimize.lbfgs import minimize_lbfgs
from Testing.Lib.pictures import FAR, oblique_geometry, rigid

WHOLE = oblique_geometry((20, 24, 30), (1.1, 1.6, 2.3), FAR)
CONTROL = grid_over(WHOLE, np.zeros(3), np.array([29.0, 23.0, 19.0]), 12.0, border=1)
CENTRE = WHOLE.centre_ras
START = rigid((10, -20, 30), (12.0, -7.0, 4.0))


def a_map(**spread):
    return AtlasMap(free_model(CONTROL), START, CENTRE, Spread(**spread))


def test_zeros_leave_the_atlas_where_it_started():
    bent = a_map()
    numbers = DeformationNumbers.zeros(bent.model, views=2)
    assert np.allclose(bent.atlas_from_world(numbers).numpy(), START, atol=1e-9)
    assert not bent.velocity(numbers, spline_matrices(CONTROL, WHOLE_GRID)).any()
    assert np.allclose(bent.view_from_world(numbers, 1).numpy(), np.eye(4))


WHOLE_GRID = grid_over(WHOLE, np.zeros(3), np.array([29.0, 23.0, 19.0]), 4.0)


def test_pose_numbers_turn_by_degrees_about_the_middle_and_shift_by_mm():
    bent = a_map(turn_deg=10.0, shift_mm=5.0)
    numbers = DeformationNumbers.zeros(bent.model)
    numbers.pose[2], numbers.pose[3] = 2.0, -1.0  # 20 degrees about z, -5 mm along x
    found = bent.atlas_from_world(numbers).numpy() @ np.linalg.inv(START)
    assert np.allclose(found[:3, :3], rigid((0, 0, 20), np.zeros(3))[:3, :3])
    assert np.allclose(found[:3, :3] @ CENTRE + found[:3, 3], CENTRE + np.array([-5.0, 0, 0]), atol=1e-6)


def test_a_stretch_changes_lengths_about_the_middle_only():
    bent = replace(a_map(), model=replace(free_model(CONTROL), stretch_root=0.1 * torch.eye(6)))
    numbers = DeformationNumbers.zeros(bent.model)
    numbers.stretch[2] = 1.0
    linear = (bent.atlas_from_world(numbers).numpy() @ np.linalg.inv(START))[:3, :3]
    assert np.allclose(linear, np.diag([1.0, 1.0, np.exp(0.1)]))


def test_a_view_turns_about_the_middle_of_the_bone_in_the_world():
    bent = a_map(view_deg=5.0, view_mm=2.0)
    numbers = DeformationNumbers.zeros(bent.model, views=2)
    numbers.views[0, 0] = 1.0
    found = bent.view_from_world(numbers, 1).numpy()
    middle = np.linalg.inv(START) @ np.append(CENTRE, 1)
    assert np.allclose(found @ middle, middle, atol=1e-6)
    assert np.allclose(found[:3, :3], rigid((5, 0, 0), np.zeros(3))[:3, :3])
    assert np.allclose(bent.view_from_world(numbers, 0).numpy(), np.eye(4))  # the first view is the world


def test_lbfgs_finds_the_minimum_over_all_tensors_and_can_be_watched():
    seen = []

    def cost(parts):
        return (parts["a"] - 3).square().sum() + 10 * (parts["b"] + parts["a"].sum()).square()

    start = {"a": torch.zeros(2, 2, dtype=torch.float64), "b": torch.zeros((), dtype=torch.float64)}
    found = minimize_lbfgs(cost, start, 50, lambda iteration, value: seen.append((iteration, value)), 1e-12)
    assert torch.allclose(found["a"], torch.full((2, 2), 3.0, dtype=torch.float64), atol=1e-3)
    assert float(found["b"]) < -11.9
    assert [iteration for iteration, _ in seen] == list(range(1, len(seen) + 1))
    assert seen[-1][1] < seen[0][1]


def test_what_neighbours_share_is_smooth_and_as_wide_as_it_is_said():
    control = grid_over(WHOLE, np.array([0.0, 0, 0]), np.array([290.0, 23.0, 200.0]), 12.0)
    model = replace(free_model(control, local_mm=0.0), broad_mm=2.0)
    bent = AtlasMap(model, START, CENTRE)
    generator = torch.Generator().manual_seed(0)
    drawn = []
    for _ in range(60):
        local = torch.randn(*control.shape_kji, 3, generator=generator, dtype=torch.float64)
        drawn.append(bent.coefficients(replace(DeformationNumbers.zeros(model), local=local)))
    fields = torch.stack(drawn)
    assert fields.std().item() == pytest.approx(2.0, rel=0.1)
    # two control points, 24 mm apart along k, share exp(-(24 / 50)^2 / 2)
    products = (fields[:, 2:] * fields[:, :-2]).mean() / fields.square().mean()
    assert products.item() == pytest.approx(np.exp(-(0.48**2) / 2), abs=0.05)


def test_a_view_turns_less_about_its_own_beam_than_across_it():
    beams = np.array([[0.0, 1.0, 0.0], [0.6, 0.0, 0.8]])
    bent = replace(a_map(view_deg=5.0), beams=beams)
    numbers = DeformationNumbers.zeros(bent.model, views=2)
    for axis, turned_deg in (
        (beams[1], 0.5),
        (np.array([0.8, 0.0, -0.6]), 5.0),
        (np.array([0.0, 1, 0]), 5.0),
    ):
        numbers.views[0, :3] = torch.from_numpy(axis)
        found = bent.view_from_world(numbers, 1).numpy()[:3, :3]
        assert np.allclose(found @ axis, axis)  # it turns about this axis
        assert np.degrees(np.arccos((np.trace(found) - 1) / 2)) == pytest.approx(turned_deg)
