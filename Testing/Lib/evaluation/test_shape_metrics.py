"""Overlap, surface distance and deformation against what is known of spheres and linear maps."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.evaluation.deformation_metrics import landmark_errors_mm
from DeepRegistrationLib.evaluation.overlap_metrics import overlap, structural_similarity
from DeepRegistrationLib.evaluation.surface_metrics import surface_distance_mm
from DeepRegistrationLib.geometry.displacement import DisplacementField, from_linear
from DeepRegistrationLib.geometry.jacobian_range import jacobian_range
from Testing.Lib.pictures import FAR, about, oblique_geometry, positions, rotation

# unequal edges: a wrong order of the spacing doubles or halves distances
GRID = oblique_geometry((44, 66, 96), (0.7, 1.1, 1.6), FAR)


def a_ball(radius_mm, shift_mm=(0, 0, 0)):
    centre = FAR + np.asarray(shift_mm)
    return torch.from_numpy(np.linalg.norm(positions(GRID) - centre, axis=-1) < radius_mm)


def test_a_shape_agrees_with_itself_entirely():
    ball = a_ball(20)
    assert (overlap(ball, ball).dice, overlap(ball, ball).jaccard) == (1.0, 1.0)
    distance = surface_distance_mm(ball, ball, GRID)
    assert (distance.average_mm, distance.hausdorff_95_mm) == (0.0, 0.0)


def test_dice_and_jaccard_of_balls_are_those_of_their_volumes():
    small, large = a_ball(18), a_ball(22)
    share = (18 / 22) ** 3
    found = overlap(small.int() * 7, large)  # any label but 0 is inside
    assert found.dice == pytest.approx(2 * share / (1 + share), abs=0.005)
    assert found.jaccard == pytest.approx(share, abs=0.005)


def test_what_does_not_touch_does_not_agree():
    far = torch.zeros_like(a_ball(5))
    far[:2, :2, :2] = True
    assert overlap(far, a_ball(10)).dice == 0.0


@pytest.mark.parametrize("gap_mm", [2.0, 4.0])
def test_distance_of_concentric_balls_is_that_of_their_radii(gap_mm):
    distance = surface_distance_mm(a_ball(18), a_ball(18 + gap_mm), GRID)
    assert distance.average_mm == pytest.approx(gap_mm, abs=0.25)
    assert distance.hausdorff_95_mm == pytest.approx(gap_mm, abs=0.9)


def test_distance_of_shifted_balls_is_half_of_the_shift_on_average():
    # |shift . normal| over a sphere: mean one half
    distance = surface_distance_mm(a_ball(20), a_ball(20, (0, 0, 4.0)), GRID)
    assert distance.average_mm == pytest.approx(2.0, abs=0.25)
    assert distance.hausdorff_95_mm == pytest.approx(4 * 0.95, abs=0.7)
    swapped = surface_distance_mm(a_ball(20, (0, 0, 4.0)), a_ball(20), GRID)
    assert swapped.average_mm == pytest.approx(distance.average_mm)


def test_a_result_without_a_voxel_is_infinitely_far():
    distance = surface_distance_mm(torch.zeros(GRID.shape_kji), a_ball(10), GRID)
    assert distance.average_mm == distance.hausdorff_95_mm == float("inf")


def test_an_empty_reference_is_refused():
    with pytest.raises(ValueError, match="reference with a voxel"):
        overlap(a_ball(5), torch.zeros(GRID.shape_kji))
    with pytest.raises(ValueError, match="reference with a voxel"):
        surface_distance_mm(a_ball(5), torch.zeros(GRID.shape_kji), GRID)


def test_structural_similarity_falls_with_noise_and_is_one_for_equal_images():
    generator = torch.Generator().manual_seed(0)
    image = torch.from_numpy(np.sin(positions(GRID)[..., 0] / 6)).float()[:30, :30, :30]
    noise = torch.randn(image.shape, generator=generator)
    values = [structural_similarity(image + amount * noise, image, 2.0) for amount in (0.0, 0.1, 0.5)]
    assert values[0] == pytest.approx(1.0, abs=1e-5)
    assert values[0] > values[1] > values[2]


def test_structural_similarity_of_constant_images_is_that_of_their_means():
    # without variance the formula leaves (2 a b + c1) / (a^2 + b^2 + c1)
    c1 = 0.01**2
    wanted = (2 * 0.3 * 0.5 + c1) / (0.3**2 + 0.5**2 + c1)
    found = structural_similarity(torch.full((12, 13, 14), 0.3), torch.full((12, 13, 14), 0.5), 1.0)
    assert found == pytest.approx(wanted, abs=1e-3)


def test_the_jacobian_of_a_linear_map_is_its_determinant():
    linear = rotation((5, 10, -8)) @ np.diag([1.2, 0.9, 1.05])
    small = oblique_geometry((6, 7, 8), (0.7, 1.1, 1.6), FAR)
    found = jacobian_range(from_linear(about(linear, FAR, FAR), small, torch.float64))
    assert found.smallest == pytest.approx(1.2 * 0.9 * 1.05)
    assert found.largest == pytest.approx(1.2 * 0.9 * 1.05)
    assert found.folded == 0


def test_folds_are_counted_where_one_looks():
    small = oblique_geometry((6, 7, 8), (0.7, 1.1, 1.6), FAR)
    folding = from_linear(about(np.diag([-1.0, 1, 1]), FAR, FAR), small, torch.float64)
    assert jacobian_range(folding).folded == 6 * 7 * 8
    half = torch.zeros(small.shape_kji, dtype=torch.bool)
    half[:3] = True
    assert jacobian_range(folding, half).folded == 3 * 7 * 8
    with pytest.raises(ValueError, match="no voxel"):
        jacobian_range(folding, torch.zeros_like(half))


def test_landmarks_that_the_map_carries_together_have_no_error():
    small = oblique_geometry((6, 7, 8), (2.0, 2.5, 3.0), FAR)
    moving_from_fixed = about(rotation((3, -4, 5)), FAR, FAR + np.array([2.0, -1.0, 3.0]))
    field = from_linear(moving_from_fixed, small, torch.float64)
    fixed = {"head": FAR + np.array([1.0, 2, 3]), "neck": FAR - np.array([2.0, 1, 0]), "only here": FAR}
    moving = {
        "neck": moving_from_fixed[:3, :3] @ fixed["neck"] + moving_from_fixed[:3, 3] + [0, 0, 1.5],
        "head": moving_from_fixed[:3, :3] @ fixed["head"] + moving_from_fixed[:3, 3],
    }
    errors = landmark_errors_mm(fixed, moving, field)
    assert list(errors) == ["head", "neck"]
    assert errors["head"] == pytest.approx(0, abs=1e-6)
    assert errors["neck"] == pytest.approx(1.5, abs=1e-6)
    with pytest.raises(ValueError, match="no common landmark"):
        landmark_errors_mm({"a": FAR}, {"b": FAR}, field)


def test_a_field_of_zeros_changes_nothing():
    small = oblique_geometry((6, 7, 8), (2.0, 2.5, 3.0), FAR)
    found = jacobian_range(DisplacementField(torch.zeros(6, 7, 8, 3), small))
    assert (found.smallest, found.largest) == (1.0, 1.0)
