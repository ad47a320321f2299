"""Flows of velocity fields, alone and with an affine map: inverse, folds, batches, far oblique grids."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.affine_and_flow import AffineAndFlow
from DeepRegistrationLib.geometry.displacement import (
    DisplacementField,
    compose,
    jacobian_determinant,
    warp_points,
)
from DeepRegistrationLib.geometry.velocity_field import flow
from Testing.Lib.pictures import FAR, about, oblique_geometry, positions, rotation

# the paper's voxels, oblique, far from the origin
GRID = oblique_geometry((40, 44, 48), (1.328, 1.328, 2.0), FAR)


def a_velocity(largest_mm, waves=1.0, geometry=GRID, seed=0):
    """Smooth, zero at the border; a swirl with sources."""
    random = np.random.default_rng(seed)
    unit = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in geometry.shape_kji), indexing="ij"), -1)
    window = np.prod(np.cos(np.pi / 2 * unit), axis=-1)[..., None]
    phase = random.uniform(0, 2 * np.pi, (3, 3))
    parts = [np.sin(np.pi * waves * unit + phase[axis]).prod(-1) for axis in range(3)]
    field = window * np.stack(parts, -1)
    return torch.from_numpy(field * largest_mm / np.linalg.norm(field, axis=-1).max())


@pytest.mark.parametrize("largest_mm", [3.0, 6.0])
def test_the_flow_back_is_the_inverse_within_a_tenth_of_a_millimetre(largest_mm):
    velocity = a_velocity(largest_mm)
    there = DisplacementField(flow(velocity[None], GRID)[0], GRID)
    back = DisplacementField(flow(-velocity[None], GRID)[0], GRID)
    assert there.vectors.norm(dim=-1).max() > 0.6 * largest_mm
    assert compose(back, there).vectors.norm(dim=-1).max() < 0.1
    assert compose(there, back).vectors.norm(dim=-1).max() < 0.1


def test_the_inverse_holds_in_single_precision_far_from_the_origin():
    velocity = a_velocity(6.0).float()
    there = DisplacementField(flow(velocity[None], GRID)[0], GRID)
    back = DisplacementField(flow(-velocity[None], GRID)[0], GRID)
    assert compose(back, there).vectors.norm(dim=-1).max() < 0.1


def test_a_flow_does_not_fold_where_the_plain_velocity_would():
    velocity = a_velocity(15.0, waves=1.5)
    assert jacobian_determinant(DisplacementField(velocity, GRID)).min() < 0
    assert jacobian_determinant(DisplacementField(flow(velocity[None], GRID)[0], GRID)).min() > 0


def test_a_flow_is_where_many_small_steps_lead():
    velocity = a_velocity(6.0)
    points = torch.from_numpy(positions(GRID).reshape(-1, 3)[::997].copy())
    stepped, field = points.clone(), DisplacementField(velocity / 400, GRID)
    for _ in range(400):
        stepped = warp_points(field, stepped)
    arrived = warp_points(DisplacementField(flow(velocity[None], GRID)[0], GRID), points)
    assert (arrived - stepped).norm(dim=-1).max() < 0.05


def test_each_flow_of_a_batch_is_the_one_it_has_alone():
    velocities = torch.stack([a_velocity(4.0, seed=1), a_velocity(9.0, seed=2)])
    together = flow(velocities, GRID, squarings=6)
    for velocity, moved in zip(velocities, together, strict=True):
        torch.testing.assert_close(flow(velocity[None], GRID, squarings=6)[0], moved)


def test_gradients_of_a_flow_are_right():
    small = oblique_geometry((4, 5, 4), (1.3, 1.1, 1.7), FAR)
    generator = torch.Generator().manual_seed(0)
    velocity = torch.randn(1, 4, 5, 4, 3, generator=generator, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: flow(v, small, squarings=3), velocity, atol=1e-4)


def test_a_velocity_of_another_grid_is_refused():
    with pytest.raises(ValueError, match="does not fit the grid"):
        flow(torch.zeros(1, 2, 3, 4, 3), GRID)


LINEAR = about(rotation((8, -6, 4)) @ np.diag([1.05, 0.97, 1.02]), FAR, FAR + np.array([4.0, -7.0, 3.0]))


def a_map(largest_mm=5.0):
    return AffineAndFlow(LINEAR, a_velocity(largest_mm), GRID)


def test_the_affine_map_comes_after_the_flow():
    points = torch.from_numpy(positions(GRID).reshape(-1, 3)[::997].copy())
    moved = warp_points(DisplacementField(flow(a_map().velocity[None], GRID)[0], GRID), points)
    wanted = moved @ torch.from_numpy(LINEAR[:3, :3].T.copy()) + torch.from_numpy(LINEAR[:3, 3])
    assert (warp_points(a_map().field(), points) - wanted).norm(dim=-1).max() < 1e-6


def test_there_and_back_with_the_affine_map_is_a_tenth_of_a_millimetre_at_most():
    atlas = oblique_geometry(
        (50, 60, 56), (1.5, 1.2, 1.9), LINEAR[:3, :3] @ FAR + LINEAR[:3, 3], (40, 10, -70)
    )
    there, back = a_map().field(), a_map().inverse(atlas)
    inner = torch.from_numpy(positions(GRID)[8:-8, 8:-8, 8:-8].reshape(-1, 3)[::37].copy())
    assert (warp_points(there, inner) - inner).norm(dim=-1).max() > 5
    assert (warp_points(back, warp_points(there, inner)) - inner).norm(dim=-1).max() < 0.1
    inner = torch.from_numpy(positions(atlas)[18:-18, 18:-18, 18:-18].reshape(-1, 3)[::37].copy())
    assert (warp_points(there, warp_points(back, inner)) - inner).norm(dim=-1).max() < 0.1


def test_the_inverse_undoes_the_saved_field_even_where_it_changes_fast():
    strong = AffineAndFlow(np.eye(4), a_velocity(8.0), GRID)
    there, back = strong.field(), strong.inverse(GRID)
    assert jacobian_determinant(there).min() < 0.4
    assert compose(there, back).vectors.norm(dim=-1).max() < 0.02  # the flow alone is 0.14 mm off


def test_the_identity_moves_nothing():
    still = AffineAndFlow(np.eye(4), torch.zeros(*GRID.shape_kji, 3, dtype=torch.float64), GRID)
    assert still.field().vectors.abs().max() == 0
    assert still.inverse(GRID).vectors.abs().max() < 1e-9
