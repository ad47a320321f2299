"""Fields from control points on grids with oblique axes far from the origin."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.geometry.grid import affine_grid, sample
from DeepRegistrationLib.geometry.spline_grid import (
    grid_over,
    linear_matrices,
    on_grid,
    spline_matrices,
)
from Testing.Lib.pictures import FAR, oblique_geometry, positions

WHOLE = oblique_geometry((20, 24, 30), (1.1, 1.6, 2.3), FAR)
CONTROL = grid_over(WHOLE, np.zeros(3), np.array([29.0, 23.0, 19.0]), 8.0, border=2)
FINE = grid_over(WHOLE, np.full(3, 3.0), np.full(3, 15.0), 2.0)


def test_a_grid_lies_over_its_box_with_equal_voxels_along_the_axes_of_the_whole():
    corners = WHOLE.ras_from_ijk[:3, :3] @ np.array([[3.0, 15.0]] * 3) + WHOLE.ras_from_ijk[:3, 3:]
    index = FINE.ijk_from_ras[:3, :3] @ corners + FINE.ijk_from_ras[:3, 3:]
    assert np.allclose(FINE.spacing_mm, 2.0)
    # the outermost voxel centres lie around the box, less than a voxel away
    assert (index[:, 0] >= -1e-6).all()
    assert (index[:, 0] < 1).all()
    assert (index[:, 1] <= FINE.size_ijk - 1 + 1e-6).all()
    assert (index[:, 1] > FINE.size_ijk - 2).all()
    assert np.allclose(FINE.ras_from_ijk[:3, 0] / 2.0, WHOLE.ras_from_ijk[:3, 0] / 1.1)


def test_splines_repeat_a_linear_field_exactly():
    slope = torch.tensor([[0.3, -0.2, 0.1], [0.0, 0.4, 0.2], [0.5, 0.1, -0.3]], dtype=torch.float64)
    middle = CONTROL.centre_ras
    coefficients = torch.from_numpy(positions(CONTROL) - middle) @ slope.T
    found = on_grid(coefficients, spline_matrices(CONTROL, FINE))
    expected = torch.from_numpy(positions(FINE) - middle) @ slope.T
    assert torch.allclose(found, expected, atol=1e-4)


def test_linear_matrices_are_what_sampling_finds_between_voxels():
    coarse = grid_over(WHOLE, np.zeros(3), np.array([29.0, 23.0, 19.0]), 5.0)
    values = torch.randn(*coarse.shape_kji, 3, generator=torch.Generator().manual_seed(1))
    ijk = affine_grid(coarse.ijk_from_ras @ FINE.ras_from_ijk, FINE.shape_kji)
    expected = sample(values.movedim(-1, 0)[None], ijk[None].float())[0].movedim(0, -1)
    assert torch.allclose(on_grid(values, linear_matrices(coarse, FINE)), expected, atol=1e-4)


def test_grids_with_other_axes_are_refused():
    with pytest.raises(ValueError, match="different axes"):
        spline_matrices(CONTROL, oblique_geometry((5, 6, 7), (2, 2, 2), FAR, (0, 0, 10)))
