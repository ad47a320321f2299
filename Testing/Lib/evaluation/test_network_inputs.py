"""What networks are shown when they are measured: the brain in the pose that they should answer."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from DeepRegistrationLib.evaluation.network_inputs import pairs_with_rest, slice_views, turned_cubes
from DeepRegistrationLib.geometry.rotation_sets import uniform_random_rotations
from DeepRegistrationLib.geometry.slice_mirror import mirrored
from DeepRegistrationLib.networks.correction_net import CorrectionNet
from DeepRegistrationLib.optimize.pose_batch import PoseBatch
from DeepRegistrationLib.workflows.fetal_networks import correct_pose
from Testing.Lib.pictures import rotation

SIZE = 24


@pytest.fixture(scope="module")
def some_rotations():
    return uniform_random_rotations(4, torch.Generator().manual_seed(2)).numpy()


def offsets(size):
    """(n, n, n, 3); offsets of the voxels of the cube [brain radii], from -1.5 to 1.5, order k, j, i."""
    line = np.linspace(-1.5, 1.5, size)
    z, y, x = np.meshgrid(line, line, line, indexing="ij")
    return np.stack([x, y, z], -1)


def seen_in_atlas(atlas, points, volume=None):
    """Trilinear values of the atlas brain at offsets from its centre [brain radii], by scipy."""
    volume = volume or atlas.image
    matrix = np.linalg.inv(volume.geometry.ras_from_ijk)
    ijk = (points * atlas.radius_mm + atlas.centre_ras) @ matrix[:3, :3].T + matrix[:3, 3]
    return map_coordinates(volume.values.numpy(), np.moveaxis(ijk[..., ::-1], -1, 0), order=1)


def likeness(first, second):
    return np.corrcoef(np.ravel(first), np.ravel(second))[0, 1]


def test_a_cube_shows_the_brain_in_the_pose_that_is_asked_for(a_posed_brain, some_rotations):
    cubes = turned_cubes(a_posed_brain, some_rotations, SIZE).numpy()
    assert cubes.shape == (4, 1, SIZE, SIZE, SIZE)
    for cube, turn in zip(cubes[:, 0], some_rotations, strict=True):
        # a point p of the atlas is seen at R p, so R^T q is seen at q
        assert likeness(cube, seen_in_atlas(a_posed_brain.atlas, offsets(SIZE) @ turn)) > 0.97
        assert likeness(cube, seen_in_atlas(a_posed_brain.atlas, offsets(SIZE) @ turn.T)) < 0.9
        assert abs(cube.mean()) < 1e-5
        assert cube.std() == pytest.approx(1, abs=1e-3)


def test_a_pair_shows_the_atlas_and_the_rest_that_is_left(a_posed_brain):
    turn, shift = rotation((12, -9, 20)), np.array([0.25, -0.1, 0.15])
    fixed, moving = pairs_with_rest(a_posed_brain, turn[None], shift[None], SIZE)[0].numpy()
    assert likeness(fixed, seen_in_atlas(a_posed_brain.atlas, offsets(SIZE))) > 0.98
    # a point p of the atlas is seen at R p + t
    assert likeness(moving, seen_in_atlas(a_posed_brain.atlas, (offsets(SIZE) - shift) @ turn)) > 0.97
    assert likeness(moving, seen_in_atlas(a_posed_brain.atlas, (offsets(SIZE) + shift) @ turn)) < 0.9


def test_the_rest_is_the_one_that_the_volume_job_takes_away(a_posed_brain):
    turn, shift = rotation((12, -9, 20)), np.array([0.25, -0.1, 0.15])
    brain, atlas = a_posed_brain.brain, a_posed_brain.atlas
    before = a_posed_brain.rotation @ turn.T
    # the first estimate puts the atlas's centre where the rest sees it at the origin
    centre = a_posed_brain.centre_ras - brain.radius_mm * before @ shift
    pose = PoseBatch(
        rotation=torch.tensor(before)[None],
        translation=torch.tensor(centre - brain.centre_ras)[None],
        log_scale=torch.tensor([math.log(brain.radius_mm / atlas.radius_mm)], dtype=torch.float64),
        centre_fixed=atlas.centre_ras,
        centre_moving=brain.centre_ras,
    )
    network, seen = correction_net(turn, shift), []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    corrected = correct_pose(atlas, brain, pose, network, times=1)
    expected = pairs_with_rest(a_posed_brain, turn[None], shift[None], SIZE)
    torch.testing.assert_close(seen[0], expected, atol=1e-3, rtol=0)
    np.testing.assert_allclose(corrected.rotation[0], a_posed_brain.rotation, atol=1e-5)
    arrives = (corrected.moving_from_fixed() @ np.append(atlas.centre_ras, 1.0))[:3]
    np.testing.assert_allclose(arrives, a_posed_brain.centre_ras, atol=1e-3)


def correction_net(turn, shift):
    """A network that answers the same rest whatever it sees."""
    network = CorrectionNet(SIZE, encoder="compact").eval()
    with torch.no_grad():
        for layer in (network.rotation.linear, network.translation):
            layer.weight.zero_()
        network.rotation.linear.bias.copy_(torch.tensor(np.r_[turn[:, 0], turn[:, 1]]))
        network.translation.bias.copy_(torch.tensor(shift))
    return network


def test_a_slice_shows_the_section_about_its_own_centroid(a_posed_brain, some_rotations):
    atlas, size, heights = a_posed_brain.atlas, 40, np.array([0.3, -0.4, 0.2, 0.25])
    views = slice_views(a_posed_brain, torch.tensor(some_rotations), torch.tensor(heights), size, 1.0)
    line = np.linspace(-1.5, 1.5, size)
    v, u = np.meshgrid(line, line, indexing="ij")
    for view, turn, height in zip(views[:, 0].numpy(), some_rotations, heights, strict=True):
        plane = np.stack([u, v, np.full_like(u, height)], -1)  # slice coordinates (u, v, d) = R p
        inside = seen_in_atlas(atlas, plane @ turn, atlas.mask)
        centroid = (inside[..., None] * plane).sum((0, 1)) / inside.sum()
        centroid[2] = 0.0
        assert likeness(view, seen_in_atlas(atlas, (plane + centroid) @ turn)) > 0.95
        assert likeness(view, seen_in_atlas(atlas, (plane + centroid) * [1, 1, -1] @ turn)) < 0.93


def test_a_slice_and_its_twin_look_alike(a_posed_brain, some_rotations):
    turns, heights = torch.tensor(some_rotations), torch.tensor([0.3, -0.4, 0.2, 0.25]).double()
    pictures = slice_views(a_posed_brain, turns, heights, 40, 3.0)
    twins = slice_views(a_posed_brain, *mirrored(turns, heights), 40, 3.0)
    assert min(likeness(one, other) for one, other in zip(pictures, twins, strict=True)) > 0.85
