"""A slice cut from a volume scores best where it was cut."""

import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import fetal_brain_phantom
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.rotations import geodesic_distance
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.moments import centre_of_gravity_ras
from DeepRegistrationLib.optimize.moving_sampler import MovingSampler
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.optimize.slice_bank import (
    SliceBank,
    frames_of_normals,
    half_sphere,
    turns_and_sides,
)
from DeepRegistrationLib.optimize.slice_sampler import SliceSampler

RADIUS_MM = 36.0


@pytest.fixture(scope="module")
def a_bank():
    image, mask, _ = fetal_brain_phantom(28, spacing_mm=3.6)
    mask = mask.with_values(mask.values.float())
    image = image.with_values(image.values / 1000 * mask.values)
    return SliceBank(image, mask, centre_of_gravity_ras(mask), RADIUS_MM), centre_of_gravity_ras(mask)


def a_section(slice_from_atlas, centre_mm):
    """Picture (J, I), mask and position of its pixels about the centroid, of a plane through a point."""
    matrix = np.eye(4)
    matrix[:3, :3] = slice_from_atlas.T * 3.6
    matrix[:3, 3] = centre_mm - matrix[:3, 0] * 20 - matrix[:3, 1] * 20
    image, mask, _ = fetal_brain_phantom(28, geometry=VolumeGeometry((1, 41, 41), matrix))
    rows, columns = torch.nonzero(mask.values[0]).double().mean(0).numpy()
    position = np.diag([3.6, 3.6, 1.0])
    position[:2, 2] = -3.6 * columns, -3.6 * rows
    inside = mask.values[0].float()
    return image.values[0] / 1000 * inside, inside, position


@pytest.mark.parametrize("seed", range(4))
def test_the_best_proposals_hold_the_plane_that_was_cut(seed, a_bank):
    bank, centre = a_bank
    rotation = uniform_random_rotations(1, torch.Generator().manual_seed(seed))[0].numpy()
    picture, inside, position = a_section(rotation, centre + 5.0 * rotation[2])
    found = bank.proposals(picture, inside, position, 40)
    truth = torch.tensor(rotation).to(found.slice_from_atlas)
    mirrored = torch.diag(torch.tensor([1.0, 1.0, -1.0])) @ truth @ torch.diag(torch.tensor([-1.0, 1, 1]))
    errors = torch.minimum(*(geodesic_distance(found.slice_from_atlas, pose) for pose in (truth, mirrored)))
    assert math.degrees(float(errors.min())) < 6.0


def test_proposals_of_a_channel_come_best_first(a_bank):
    bank, centre = a_bank
    picture, inside, position = a_section(np.eye(3), centre)
    score = bank.proposals(picture, inside, position, 25).score
    assert (score[:25].diff() <= 0).all()
    assert (score[25:].diff() <= 0).all()
    assert score.max() <= 1.001


def test_an_inverted_slice_has_the_same_edges(a_bank):
    bank, centre = a_bank
    picture, inside, position = a_section(np.eye(3), centre)
    edges, inverted = (
        bank.proposals(part, inside, position, 10).score[10:] for part in (picture, (1.2 - picture) * inside)
    )
    torch.testing.assert_close(edges, inverted, atol=1e-3, rtol=0)


def test_the_bank_takes_less_memory_than_is_said(a_bank):
    bank, _ = a_bank
    assert sum(part.numel() * part.element_size() for part in bank.sections) < 40e6


def test_normals_lie_on_half_a_sphere_evenly():
    normals = half_sphere(600)
    torch.testing.assert_close(normals.norm(dim=-1), torch.ones(600, dtype=torch.float64))
    assert (normals[:, 2] > 0).all()
    nearest = (normals @ normals.T - 2 * torch.eye(600)).amax(1).clamp(max=1).acos()
    assert math.degrees(float(nearest.max())) < 8.0


def test_frames_are_rotations_whose_third_row_is_the_normal():
    normals = half_sphere(50)
    frames = frames_of_normals(normals)
    torch.testing.assert_close(frames[:, 2], normals)
    torch.testing.assert_close(frames @ frames.mT, torch.eye(3).double().expand(50, 3, 3), atol=1e-9, rtol=0)
    torch.testing.assert_close(torch.linalg.det(frames), torch.ones(50).double())


def test_turns_keep_the_plane_and_half_of_them_show_its_back():
    turned = turns_and_sides(12)
    torch.testing.assert_close(turned[:12, 2, 2], torch.ones(12).double())
    torch.testing.assert_close(turned[12:, 2, 2], -torch.ones(12).double())
    torch.testing.assert_close(torch.linalg.det(turned), torch.ones(24).double())


def test_a_thick_slice_is_the_mean_of_thin_ones():
    image, mask, _ = fetal_brain_phantom(28, spacing_mm=2.0)
    sampler = MovingSampler(image)
    poses = PoseBatch(
        rotation=uniform_random_rotations(3, torch.Generator().manual_seed(0)).float(),
        translation=torch.tensor([[1.0, 2, 3], [0, 0, 0], [-4, 2, 0]]),
        log_scale=torch.tensor([0.0, 0.05, -0.05]),
        centre_fixed=np.zeros(3),
        centre_moving=centre_of_gravity_ras(mask),
    )
    offsets = torch.randn(40, 3, generator=torch.Generator().manual_seed(1)) * 15
    normal = torch.tensor([0.0, 0.6, 0.8])
    values, changes = SliceSampler(sampler, normal, 6.0, samples=3).linearized(poses, offsets, scaling=True)
    parts = [sampler.linearized(poses, offsets + shift * normal, True) for shift in (-2.0, 0.0, 2.0)]
    torch.testing.assert_close(values, sum(part[0] for part in parts) / 3, atol=1e-2, rtol=1e-4)
    torch.testing.assert_close(changes, sum(part[1] for part in parts) / 3, atol=5e-2, rtol=1e-3)
    torch.testing.assert_close(values, SliceSampler(sampler, normal, 6.0).values(poses, offsets))


def test_a_bias_field_changes_the_best_scores_little(a_bank):
    bank, centre = a_bank
    picture, inside, position = a_section(np.eye(3), centre)
    bias = torch.linspace(-1.0, 1.0, picture.shape[1]).exp()
    even, uneven = (bank.proposals(part, inside, position, 10).score[0] for part in (picture, picture * bias))
    assert float(uneven) > 0.9 * float(even)
