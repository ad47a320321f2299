import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.displacement import (
    DisplacementField,
    compose,
    exponential,
    from_linear,
    invert,
    jacobian_determinant,
    warp_points,
)
from DeepRegistrationLib.geometry.frames import ras_from_lps_points
from DeepRegistrationLib.images.itk_image import displacement_from_sitk, displacement_to_sitk, to_sitk
from DeepRegistrationLib.images.resample import warp
from Testing.Lib.pictures import FAR, about, blob, brightest_ras, oblique_geometry, positions, rotation

GEOMETRY = oblique_geometry((26, 30, 34), (1.2, 1.5, 2.1), FAR)


def bulge(height_mm, sigma_mm=9.0, dtype=torch.float64, geometry=GEOMETRY):
    """Displacement that grows from zero at the border to `height_mm` in the middle, in three directions."""
    offset = positions(geometry) - FAR
    size = np.exp(-(offset**2).sum(-1) / (2 * sigma_mm**2))
    direction = np.array([1.0, -0.6, 0.4])
    swirl = np.cross(offset, [0.02, 0.05, -0.03])
    vectors = height_mm * size[..., None] * (direction + swirl)
    return DisplacementField(torch.tensor(vectors, dtype=dtype), geometry)


def inner_points(count=40):
    return torch.tensor(FAR + np.random.default_rng(0).uniform(-9, 9, (count, 3)))


def test_the_field_of_a_linear_map_carries_far_points_as_the_map_does():
    linear = rotation((5, -8, 12)) @ np.diag([1.1, 0.9, 1.05])
    moving_from_fixed = about(linear, FAR, [3.0, -2.0, 7.0])
    field = from_linear(moving_from_fixed, GEOMETRY, torch.float64)
    points = inner_points()
    expected = points.numpy() @ linear.T + moving_from_fixed[:3, 3]
    np.testing.assert_allclose(warp_points(field, points).numpy(), expected, atol=1e-9)


def test_beyond_the_grid_the_outermost_vectors_continue():
    field = DisplacementField(torch.ones(*GEOMETRY.shape_kji, 3, dtype=torch.float64) * 4, GEOMETRY)
    point = torch.tensor(FAR + np.array([500.0, 0.0, 0.0]))[None]
    torch.testing.assert_close(warp_points(field, point), point + 4)


def test_a_picture_warped_by_a_field_appears_where_the_inverse_sends_it():
    field = bulge(4.0, dtype=torch.float32)
    moving = oblique_geometry((50, 50, 50), (1.1, 0.9, 1.3), FAR, (0, 10, -70))
    arrives_at = FAR + np.array([2.0, -3.0, 1.0])
    at = warp_points(field, torch.tensor(arrives_at)).numpy()
    warped = warp(blob(moving, at, 1.5), field)
    assert warped.geometry is GEOMETRY
    peak = np.unravel_index(warped.values.argmax().item(), warped.values.shape)
    assert np.linalg.norm(positions(GEOMETRY)[peak] - arrives_at) < 1.6
    assert np.linalg.norm(at - arrives_at) > 4


def test_composed_fields_do_one_after_the_other_also_on_different_grids():
    first = bulge(3.0)
    elsewhere = oblique_geometry((40, 40, 40), (1.3, 1.3, 1.6), FAR, (40, 5, -20))
    second = bulge(-2.0, 12.0, geometry=elsewhere)
    both = compose(second, first)
    grid = torch.tensor(positions(GEOMETRY)[8:18, 8:20, 8:22]).reshape(-1, 3)
    expected = warp_points(second, warp_points(first, grid))
    torch.testing.assert_close(warp_points(both, grid), expected, rtol=0, atol=1e-8)


def test_single_precision_far_away_composes_as_well_as_double():
    single = compose(bulge(-2.0, dtype=torch.float32), bulge(3.0, dtype=torch.float32))
    double = compose(bulge(-2.0), bulge(3.0))
    torch.testing.assert_close(single.vectors.double(), double.vectors, rtol=0, atol=5e-6)


def test_the_inverse_brings_points_back_and_the_residual_says_so():
    field = bulge(5.0)
    inverse, residual_mm = invert(field)
    assert residual_mm.max() < 2e-3
    points = inner_points()
    returned = warp_points(inverse, warp_points(field, points))
    # between the voxels both are interpolated
    assert (returned - points).norm(dim=-1).max() < 0.1
    assert (warp_points(field, points) - points).norm(dim=-1).max() > 3


def test_the_residual_shows_a_field_that_folds_and_has_no_inverse():
    folded = bulge(40.0, 6.0)
    assert jacobian_determinant(folded).min() < 0
    _, residual_mm = invert(folded, iterations=20)
    assert residual_mm.max() > 1


def test_the_jacobian_of_a_linear_map_is_its_determinant_on_oblique_unequal_voxels():
    linear = rotation((50, -8, 12)) @ np.diag([1.3, 0.7, 1.2])
    determinant = jacobian_determinant(from_linear(about(linear, FAR, FAR), GEOMETRY, torch.float64))
    torch.testing.assert_close(determinant, torch.full_like(determinant, np.linalg.det(linear)))


def test_the_jacobian_is_the_change_of_a_small_volume():
    field = bulge(5.0)
    determinant = jacobian_determinant(field)
    k, j, i = 13, 12, 20
    steps = torch.tensor(GEOMETRY.ras_from_ijk[:3, :3].T)  # one voxel along i, j, k
    here = torch.tensor(positions(GEOMETRY)[k, j, i])
    edges = (warp_points(field, here + steps) - warp_points(field, here - steps)) / 2
    expected = torch.linalg.det(edges) / torch.linalg.det(steps)
    torch.testing.assert_close(determinant[k, j, i], expected, rtol=1e-6, atol=0)
    assert abs(expected - 1) > 0.1


def test_the_exponential_of_a_constant_velocity_is_a_shift():
    velocity = torch.zeros(*GEOMETRY.shape_kji, 3, dtype=torch.float64) + torch.tensor([7.0, -3.0, 2.0])
    shift = exponential(DisplacementField(velocity, GEOMETRY))
    torch.testing.assert_close(shift.vectors, velocity)


def test_the_exponential_is_where_many_small_steps_lead():
    velocity = bulge(6.0)
    points = inner_points()
    walked = points.clone()
    for _ in range(500):
        walked = walked + (warp_points(velocity, walked) - walked) / 500
    found = warp_points(exponential(velocity), points)
    # what remains of 8 mm is linear interpolation between voxels of 2 mm
    assert (found - walked).norm(dim=-1).max() < 0.15


def test_more_squarings_than_chosen_change_next_to_nothing():
    velocity = bulge(6.0)
    assert (exponential(velocity).vectors - exponential(velocity, 8).vectors).abs().max() < 5e-3


def test_the_exponential_of_the_negative_velocity_is_the_inverse_even_where_the_plain_field_folds():
    velocity = bulge(14.0, 7.0)
    backwards = DisplacementField(-velocity.vectors, GEOMETRY)
    assert jacobian_determinant(velocity).min() < 0
    assert jacobian_determinant(exponential(velocity)).min() > 0
    points = inner_points()
    returned = warp_points(exponential(backwards), warp_points(exponential(velocity), points))
    assert (returned - points).norm(dim=-1).max() < 0.3


def test_itk_carries_points_as_the_exported_field_does():
    field = bulge(5.0)
    transform = sitk.DisplacementFieldTransform(displacement_to_sitk(field))
    points = inner_points()
    lps = [transform.TransformPoint(p) for p in ras_from_lps_points(points.numpy()).tolist()]
    np.testing.assert_allclose(ras_from_lps_points(np.array(lps)), warp_points(field, points), atol=1e-6)


def test_itk_warps_a_picture_as_the_library_does():
    field = bulge(5.0, dtype=torch.float32)
    at = FAR + np.array([3.0, 2.0, -2.0])
    moving = blob(oblique_geometry((40, 40, 40), (1.3, 1.3, 1.6), FAR, (40, 5, -20)), at, 5.0)
    transform = sitk.DisplacementFieldTransform(displacement_to_sitk(field))
    reference = to_sitk(blob(GEOMETRY, at))
    expected = sitk.GetArrayFromImage(sitk.Resample(to_sitk(moving), reference, transform))
    ours = warp(moving, field)
    np.testing.assert_allclose(ours.values.numpy(), expected, atol=1e-4)
    assert np.linalg.norm(brightest_ras(ours) - at) > 1


def test_a_field_comes_back_from_an_itk_image():
    field = bulge(5.0)
    back = displacement_from_sitk(displacement_to_sitk(field))
    torch.testing.assert_close(back.vectors, field.vectors.float())
    np.testing.assert_allclose(back.geometry.corners_ras(), GEOMETRY.corners_ras(), atol=1e-9)


def test_an_image_that_is_no_displacement_field_is_refused():
    with pytest.raises(InputError, match=r"'warp' has 1 values per voxel in 3 dimensions.*ITK or ANTs wrote"):
        displacement_from_sitk(sitk.Image(4, 4, 4, sitk.sitkFloat32), "warp")


def test_gradients_by_the_vectors_are_right_through_composition_exponential_and_jacobian():
    geometry = oblique_geometry((3, 4, 3), (1.2, 1.5, 2.1), FAR)
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(3, 4, 3, 3, generator=generator, dtype=torch.float64).mul(0.4).requires_grad_()

    def determinant_of_flow(vectors):
        return jacobian_determinant(exponential(DisplacementField(vectors, geometry), 2))

    assert torch.autograd.gradcheck(determinant_of_flow, vectors)


def test_vectors_that_do_not_fit_the_grid_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        DisplacementField(torch.zeros(3, 3, 3, 3), GEOMETRY)
