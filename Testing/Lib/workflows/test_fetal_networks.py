"""The networks' frames, with networks that know the answer instead of having learned it."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import geodesic_distance, matrix_from_rotation_vector
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.networks.correction_net import Correction
from DeepRegistrationLib.networks.rotation_heads import RotationEstimate
from DeepRegistrationLib.workflows.fetal_networks import (
    correct_pose,
    cube_of,
    estimate_pose,
    upright_axes,
)
from DeepRegistrationLib.workflows.prepared_brain import prepare_brain

CPU = torch.device("cpu")
SHIFT_RAS = np.array([400.0, -250.0, 90.0])
ROTATION = uniform_random_rotations(3, torch.Generator().manual_seed(1)).numpy()


def brain_of(turn: np.ndarray, shift: np.ndarray = SHIFT_RAS):
    """A phantom turned about its origin and moved away, on an oblique grid of unequal spacing."""
    ras_from_phantom = np.eye(4)
    ras_from_phantom[:3, :3], ras_from_phantom[:3, 3] = turn, shift
    axes = ROTATION[2] @ np.diag([1.6, 2.0, 1.8])
    geometry_matrix = np.eye(4)
    geometry_matrix[:3, :3] = axes
    geometry_matrix[:3, 3] = shift - axes @ np.array([39.5, 34.5, 37.5])
    geometry = VolumeGeometry((76, 70, 80), geometry_matrix)
    image, mask, _ = fetal_brain_phantom(30, ras_from_phantom=ras_from_phantom, geometry=geometry)
    return prepare_brain(image, mask, CPU)


class KnowsTheRotation:
    """Stands where Pose-Net stands and says what it is told."""

    def __init__(self, rotation: np.ndarray) -> None:
        self.features = dataclasses.make_dataclass("Features", ["grid_size"])(32)
        self.rotation = torch.as_tensor(rotation, dtype=torch.float32)[None]
        self.seen = None

    def __call__(self, volumes: torch.Tensor) -> RotationEstimate:
        self.seen = volumes
        return RotationEstimate(torch.zeros(1, 3), self.rotation)


class KnowsTheRest(KnowsTheRotation):
    """Stands where Correction-Net stands."""

    def __init__(self, rotation: np.ndarray, translation: list[float]) -> None:
        super().__init__(rotation)
        self.translation = torch.tensor([translation])

    def __call__(self, volumes: torch.Tensor) -> Correction:
        return Correction(super().__call__(volumes), self.translation)


def correlation(first: torch.Tensor, second: torch.Tensor) -> float:
    return torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1].item()


def test_a_cube_along_the_axes_of_a_turned_brain_looks_like_the_upright_one():
    upright, turned = brain_of(np.eye(3), np.zeros(3)), brain_of(ROTATION[0])
    expected = cube_of(upright, 32)(np.eye(3), upright.centre_ras, upright.radius_mm)
    seen = cube_of(turned, 32)(ROTATION[0], turned.centre_ras, turned.radius_mm)
    assert correlation(expected, seen) > 0.97
    assert correlation(expected, cube_of(turned, 32)(np.eye(3), turned.centre_ras, turned.radius_mm)) < 0.9


def test_the_rotation_that_pose_net_sees_is_subject_from_atlas():
    upright, turned = brain_of(np.eye(3), np.zeros(3)), brain_of(ROTATION[0])
    pose = estimate_pose(upright, turned, 1.0, KnowsTheRotation(ROTATION[0]))
    matrix = pose.moving_from_fixed()
    expected = np.eye(4)
    expected[:3, :3], expected[:3, 3] = ROTATION[0], SHIFT_RAS
    assert np.allclose(matrix[:3, :3], expected[:3, :3], atol=1e-5)
    # centres of gravity of differently sampled masks agree to a fraction of a voxel
    assert np.allclose(matrix[:3, 3], expected[:3, 3], atol=0.5)


def test_a_correction_turns_and_shifts_in_the_frame_of_the_atlas():
    upright, turned = brain_of(np.eye(3), np.zeros(3)), brain_of(ROTATION[0])
    rest = matrix_from_rotation_vector(torch.tensor([0.2, -0.3, 0.1])).numpy()
    # the estimate leaves `rest` over: R_true = R_estimate rest
    estimated = ROTATION[0] @ rest.T
    start = estimate_pose(upright, turned, 1.0, KnowsTheRotation(estimated))
    teacher = KnowsTheRest(rest, [0.1, -0.05, 0.02])
    corrected = correct_pose(upright, turned, start, teacher, times=1)
    assert geodesic_distance(corrected.rotation[0].double(), torch.as_tensor(ROTATION[0])) < 1e-3
    expected = upright.radius_mm * estimated @ np.array([0.1, -0.05, 0.02])
    assert np.allclose(corrected.translation[0].numpy(), expected, atol=1e-3)


def test_correction_net_sees_the_atlas_and_the_roughly_oriented_subject():
    upright, turned = brain_of(np.eye(3), np.zeros(3)), brain_of(ROTATION[0])
    start = estimate_pose(upright, turned, 1.0, KnowsTheRotation(ROTATION[0]))
    teacher = KnowsTheRest(np.eye(3), [0.0, 0.0, 0.0])
    correct_pose(upright, turned, start, teacher, times=1)
    assert teacher.seen.shape == (1, 2, 32, 32, 32)
    assert correlation(teacher.seen[0, 0], teacher.seen[0, 1]) > 0.97


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_what_the_shift_says_is_where_the_atlas_centre_lies_in_the_picture(axis):
    """A picture taken beside the brain shows it shifted; the correction of that shift brings it back."""
    upright, turned = brain_of(np.eye(3), np.zeros(3)), brain_of(ROTATION[0])
    start = estimate_pose(upright, turned, 1.0, KnowsTheRotation(ROTATION[0]))
    shift = np.zeros(3)
    shift[axis] = 0.2
    moved = dataclasses.replace(
        start,
        translation=start.translation - torch.as_tensor(upright.radius_mm * ROTATION[0] @ shift).float(),
    )
    teacher = KnowsTheRest(np.eye(3), shift.tolist())
    corrected = correct_pose(upright, turned, moved, teacher, times=1)
    fixed, seen = teacher.seen[0]
    voxels = round(0.2 / (3.0 / 31))
    back = seen.roll(-voxels, dims=2 - axis)
    assert correlation(fixed, back) > correlation(fixed, seen) + 0.1
    assert torch.allclose(corrected.translation, start.translation, atol=1e-3)


def test_an_atlas_with_other_axes_is_registered_to_as_well():
    """The networks know the axes of the training only: both atlas and subject are turned away from them."""
    atlas, turned = brain_of(ROTATION[1], np.zeros(3)), brain_of(ROTATION[0])
    upright = upright_axes(atlas, KnowsTheRotation(ROTATION[1]))
    assert np.allclose(upright, ROTATION[1], atol=1e-5)
    subject_from_atlas = ROTATION[0] @ ROTATION[1].T
    rest = matrix_from_rotation_vector(torch.tensor([0.2, -0.3, 0.1])).numpy()
    start = estimate_pose(atlas, turned, 1.0, KnowsTheRotation(ROTATION[0] @ rest.T), upright)
    teacher = KnowsTheRest(rest, [0.0, 0.0, 0.0])
    corrected = correct_pose(atlas, turned, start, teacher, times=1, upright=upright)
    assert geodesic_distance(corrected.rotation[0].double(), torch.as_tensor(subject_from_atlas)) < 1e-3
    # the picture of the atlas stands upright, whatever its axes are
    expected = brain_of(np.eye(3), np.zeros(3))
    expected = cube_of(expected, 32)(np.eye(3), expected.centre_ras, expected.radius_mm)
    assert correlation(teacher.seen[0, 0], expected) > 0.97


def test_an_atlas_that_looks_upright_keeps_its_axes():
    nearly = matrix_from_rotation_vector(torch.tensor([0.2, -0.3, 0.1])).numpy()  # 21 degrees
    assert np.array_equal(upright_axes(brain_of(np.eye(3)), KnowsTheRotation(nearly)), np.eye(3))
