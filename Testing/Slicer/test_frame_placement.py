"""Motions of image space in the scene: oblique images, pixels that are not square, far from the origin."""

import numpy as np
import pytest
from DeepRegistrationSlicer.FramePlacement import FramePlacement, imageMotion

from DeepRegistrationLib.jobs.us_angles import FRAME_DISTANCE_MM
from Testing.Slicer.nodes import obliqueMatrix

SPACING = (0.2, 0.35)


def inPlane(angle_deg, u, v) -> np.ndarray:
    """(4, 4) motion of image space [mm]; positive turns u to v."""
    angle = np.radians(angle_deg)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    matrix[:2, 3] = u, v
    return matrix


@pytest.fixture
def grid():
    return obliqueMatrix(spacing_mm=(*SPACING, 1.0))


def test_a_turn_moves_a_pixel_where_image_space_says(grid):
    motion = inPlane(7.0, 3.0, -2.0)
    there = FramePlacement(grid, SPACING, 0).inRas(motion) @ grid @ (40.0, 25.0, 0.0, 1.0)
    moved_mm = motion @ (40.0 * SPACING[0], 25.0 * SPACING[1], 0.0, 1.0)
    expected = grid @ (moved_mm[0] / SPACING[0], moved_mm[1] / SPACING[1], 0.0, 1.0)
    np.testing.assert_allclose(there, expected, atol=1e-9)


def test_a_motion_is_rigid_where_the_node_knows_the_size_of_its_pixels(grid):
    rotation = FramePlacement(grid, SPACING, 0).inRas(inPlane(7.0, 3.0, -2.0))[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.degrees(np.arccos((np.trace(rotation) - 1) / 2)) == pytest.approx(7.0)


def test_a_calibration_of_other_pixels_moves_the_same_pixels(grid):
    """The node counts in pixels of 1 mm; the calibration says 0.1 mm."""
    pixels = obliqueMatrix(spacing_mm=(1.0, 1.0, 1.0))
    motion = inPlane(-4.0, 0.5, 0.8)
    there = FramePlacement(pixels, (0.1, 0.1), 0).inRas(motion) @ pixels @ (100.0, 50.0, 0.0, 1.0)
    expected = pixels @ (*(motion @ (10.0, 5.0, 0.0, 1.0))[:2] / 0.1, 0.0, 1.0)
    np.testing.assert_allclose(there, expected, atol=1e-9)


def test_without_a_size_motions_are_in_pixels():
    pixels = obliqueMatrix(spacing_mm=(1.0, 1.0, 1.0))
    there = FramePlacement(pixels, None, 0).inRas(inPlane(0.0, 2.0, 3.0)) @ pixels @ (1.0, 1.0, 0.0, 1.0)
    np.testing.assert_allclose(there, pixels @ (3.0, 4.0, 0.0, 1.0), atol=1e-9)


@pytest.mark.parametrize("reference", [0, 1])
def test_frames_stand_behind_the_reference_away_from_the_viewer(grid, reference):
    chain = np.stack([inPlane(angle, 0.1 * angle, 0.0) for angle in (0.0, 3.0, 5.0)])
    standing = FramePlacement(grid, SPACING, reference).standing(chain)
    np.testing.assert_allclose(standing[reference], np.eye(4), atol=1e-9)
    normal = np.cross(grid[:3, 0], grid[:3, 1])
    normal /= np.linalg.norm(normal)
    point = grid @ (10.0, 20.0, 0.0, 1.0)
    for number, matrix in enumerate(standing):
        depth = normal @ (matrix @ point - point)[:3]
        assert depth == pytest.approx((number - reference) * FRAME_DISTANCE_MM)


def test_the_distance_between_frames_grows_with_the_pixels_of_the_node():
    pixels = obliqueMatrix(spacing_mm=(1.0, 1.0, 1.0))
    standing = FramePlacement(pixels, (0.1, 0.1), 0).standing(np.stack([np.eye(4)] * 2))
    assert np.linalg.norm(standing[1][:3, 3]) == pytest.approx(10 * FRAME_DISTANCE_MM)


def test_the_slices_of_a_stack_lie_in_the_planes_of_their_frames(grid):
    chain = np.stack([inPlane(angle, 0.2, -0.3 * angle) for angle in (0.0, 3.0, 5.0, 6.0)])
    placement = FramePlacement(grid, SPACING, 0)
    standing, stack = placement.standing(chain), placement.stack(chain, 2)
    # the frame that the others were brought onto is its own slice
    np.testing.assert_allclose(stack @ (7, 9, 2, 1), standing[2] @ grid @ (7, 9, 0, 1), atol=1e-9)
    for number in range(4):
        index = np.linalg.inv(stack) @ standing[number] @ grid @ (30.0, 12.0, 0.0, 1.0)
        assert index[2] == pytest.approx(number)


def test_a_transform_of_the_worker_is_a_motion_of_image_space():
    """Its frames lie as flat pictures do: columns to the left, rows to the back."""
    flat = np.diag([-1.0, -1.0, 1.0, 1.0])
    motion = inPlane(5.0, 1.0, 2.0)
    np.testing.assert_allclose(imageMotion(flat @ motion @ np.linalg.inv(flat)), motion, atol=1e-12)
