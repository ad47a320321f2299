import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import RegistrationError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.xray_deep_net import XrayDeepNet
from DeepRegistrationLib.optimize.learned_similarity import LearnedSimilarity
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM
from DeepRegistrationLib.projection.projector import project
from Testing.Lib.pictures import FAR, oblique_geometry

START = np.eye(4)
START[:3, :3] = se3_exp(torch.tensor([0.1, 0.2, -0.3, 0, 0, 0]).double())[:3, :3]
START[:3, 3] = [300.0, -50.0, 70.0]


@pytest.fixture
def a_similarity():
    torch.manual_seed(0)
    network = XrayDeepNet(24, 8.0, 32, 5.0, (2, 3), (8, 16, 16), 16)
    return LearnedSimilarity(network.eval().requires_grad_(False))


@pytest.fixture
def bones():
    geometry = oblique_geometry((40, 44, 42), (4.0, 5.0, 4.5), FAR)
    line = [torch.linspace(-1, 1, n) for n in geometry.shape_kji]
    k, j, i = torch.meshgrid(*line, indexing="ij")
    bar = ((i - 0.3 * k**2) ** 2 + (j - 0.2) ** 2 < 0.05) | (
        (i + 0.4) ** 2 + (j + 0.1) ** 2 + (k - 0.3) ** 2 < 0.04
    )
    return Volume(2 * WATER_PER_MM * bar.float(), geometry, "bones")


def views(bones, poses=None):
    """Two radiographs of the bones at the start pose, in other sizes than the network's, one mirrored."""
    centre = START[:3, :3] @ bones.geometry.centre_ras + START[:3, 3]
    cameras = [
        CArm(1020, 620, 10, 5, (2.0, 1.5), (120, 140)).camera(centre),
        CArm(1100, 700, -70, 0, (3.0, 3.0), (90, 80)).camera(centre).flipped(columns=True),
    ]
    pose = torch.from_numpy(START)[None]
    return [Radiograph(project(bones.values[None, None], bones.geometry, c, pose)[0, 0], c) for c in cameras]


def around_start(bones, twists):
    """Poses that turn and shift the volume about its middle, where the start puts it."""
    there = torch.eye(4, dtype=torch.float64)
    centre = START[:3, :3] @ bones.geometry.centre_ras + START[:3, 3]
    there[:3, 3] = torch.from_numpy(centre)
    return there @ se3_exp(twists) @ torch.linalg.inv(there) @ torch.from_numpy(START)


def test_the_true_pose_is_the_best_and_bad_ones_are_worse(a_similarity, bones):
    """An untrained network compares images already."""
    prepared = a_similarity.prepare(bones, views(bones), START, bones.geometry.centre_ras)
    twists = torch.zeros(7, 6, dtype=torch.float64)
    twists[1:, 3:] = torch.eye(3, dtype=torch.float64).repeat(2, 1) * 25
    twists[4:, 3:] *= -1
    found = prepared.loss_and_gradient(around_start(bones, twists))
    assert found.value.shape == (7,)
    assert found.value[0] < 0.2 * found.value[1:].min()


def test_the_gradient_is_that_of_the_value(a_similarity, bones):
    prepared = a_similarity.prepare(bones, views(bones), START, bones.geometry.centre_ras)
    twist = torch.tensor([0.1, -0.05, 0.08, 8.0, -12.0, 20.0], dtype=torch.float64)
    gradient = prepared.loss_and_gradient(around_start(bones, twist[None])).gradient[0]
    # the derivative is taken where the volume stands, turning about its middle and then shifting
    pose = around_start(bones, twist[None])[0]
    step = torch.tensor([2e-3] * 3 + [0.2] * 3, dtype=torch.float64)
    middle = pose[:3, :3] @ torch.from_numpy(bones.geometry.centre_ras) + pose[:3, 3]
    there = torch.eye(4, dtype=torch.float64)
    there[:3, 3] = middle
    moves = se3_exp(torch.cat([torch.diag(step), -torch.diag(step)]))
    values = prepared.loss_and_gradient(there @ moves @ torch.linalg.inv(there) @ pose).value
    slopes = (values[:6] - values[6:]) / (2 * step)
    scale = 1 / step  # a turn and a shift of one step each weigh alike
    assert ((gradient - slopes) / scale).norm() < 0.1 * (slopes / scale).norm()


def test_two_views_are_the_sum_of_each(a_similarity, bones):
    radiographs, centre = views(bones), bones.geometry.centre_ras
    pose = around_start(bones, torch.tensor([[0.1, 0, 0.2, 5.0, 9.0, -7.0]], dtype=torch.float64))
    both = a_similarity.prepare(bones, radiographs, START, centre).loss_and_gradient(pose)
    each = [a_similarity.prepare(bones, [r], START, centre).loss_and_gradient(pose) for r in radiographs]
    assert torch.allclose(both.value, each[0].value + each[1].value)
    assert torch.allclose(both.gradient, each[0].gradient + each[1].gradient)


def test_a_radiograph_that_is_stored_turned_and_mirrored_gives_the_same(a_similarity, bones):
    radiograph, centre = views(bones)[0], bones.geometry.centre_ras
    stored = Radiograph(
        radiograph.values.flip(0).flip(1).contiguous(), radiograph.camera.flipped(rows=True, columns=True)
    )
    pose = around_start(bones, torch.tensor([[0.1, 0, 0.2, 5.0, 9.0, -7.0]], dtype=torch.float64))
    first, second = (
        a_similarity.prepare(bones, [one], START, centre).loss_and_gradient(pose)
        for one in (radiograph, stored)
    )
    assert torch.allclose(first.gradient, second.gradient, rtol=1e-3)


def test_a_ct_that_starts_beside_the_radiograph_is_refused(a_similarity, bones):
    aside = START.copy()
    aside[:3, 3] += [0, 0, 900.0]
    with pytest.raises(RegistrationError, match="shows only 0 % of the region"):
        a_similarity.prepare(bones, views(bones), aside, bones.geometry.centre_ras)
