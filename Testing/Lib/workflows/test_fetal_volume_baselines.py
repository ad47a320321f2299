"""The baselines of the paper, on a small body made of Gaussian blobs."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeMethod
from DeepRegistrationLib.workflows.fetal_volume_baselines import register_baseline

# centre [mm], deviation [mm], brightness: no plane mirrors this body onto itself
BLOBS = [
    ((0, 0, 0), (22, 30, 18), 0.5),
    ((14, 12, 4), (6, 9, 5), 0.6),
    ((-12, 8, 8), (5, 6, 7), 0.4),
    ((4, -22, -6), (8, 6, 5), 0.7),
    ((-8, -10, -10), (5, 5, 8), -0.4),
    ((2, 24, -4), (5, 4, 6), -0.3),
]


def matrix(rotation: np.ndarray, translation) -> np.ndarray:
    out = np.eye(4)
    out[:3, :3], out[:3, 3] = rotation, translation
    return out


def body_on(geometry: VolumeGeometry, body_from_ras: np.ndarray) -> tuple[Volume, Volume]:
    k, j, i = np.meshgrid(*(np.arange(n) for n in geometry.shape_kji), indexing="ij")
    ijk = np.stack([i, j, k, np.ones_like(i)], -1)
    points = ijk @ (body_from_ras @ geometry.ras_from_ijk).T
    values = np.zeros(geometry.shape_kji)
    for centre, deviation, brightness in BLOBS:
        values += brightness * np.exp(-0.5 * (((points[..., :3] - centre) / deviation) ** 2).sum(-1))
    inside = ((points[..., :3] / (33, 45, 27)) ** 2).sum(-1) < 1
    return (
        Volume(torch.from_numpy((values * inside).astype(np.float32)), geometry, "body"),
        Volume(torch.from_numpy(inside), geometry, "mask"),
    )


@pytest.fixture(scope="module")
def an_upright_body():
    geometry = VolumeGeometry((44, 60, 48), matrix(np.diag([1.8, 1.8, 1.8]), [-42, -53, -38]))
    return body_on(geometry, np.eye(4))


@pytest.fixture(scope="module")
def an_oblique_body_far_away():
    """Anisotropic oblique grid a metre away; the body lies 15 degrees and 8 mm off, and its mask is loose."""
    fixed_from_moving = matrix(
        Rotation.from_rotvec(np.radians(15) * np.array([2, -1, 2]) / 3).as_matrix(), [0, 0, 0]
    )
    fixed_from_moving[:3, 3] = -fixed_from_moving[:3, :3] @ [612.0, -430.0, 1250.0]
    axes = Rotation.from_euler("xyz", [25, -40, 15], degrees=True).as_matrix() @ np.diag([1.3, 1.6, 2.3])
    ras_from_ijk = matrix(axes, [612.0, -430.0, 1250.0])
    ras_from_ijk[:3, 3] -= axes @ [40, 32, 24]
    image, mask = body_on(VolumeGeometry((49, 65, 81), ras_from_ijk), fixed_from_moving)
    loose = mask.values.clone()
    # 17 mm more on one side of the body move the centre of the mask by 8 mm
    for _ in range(13):
        loose[..., 1:] |= loose[..., :-1].clone()
    return image, mask.with_values(loose), fixed_from_moving


def run(fixed, moving, method=FetalVolumeMethod.VVR_GC, seed=0, advance=lambda share: None):
    return register_baseline(moving[0], moving[1], fixed[0], fixed[1], method, seed, advance)


def test_aligned_centres_recover_15_degrees_and_8_mm(an_upright_body, an_oblique_body_far_away):
    truth = an_oblique_body_far_away[2]
    found, information = run(an_upright_body, an_oblique_body_far_away)
    error = found @ np.linalg.inv(truth)
    assert np.degrees(Rotation.from_matrix(error[:3, :3]).magnitude()) < 1.0
    assert np.linalg.norm(error[:3, 3]) < 0.5  # the body's centre is the origin of the fixed frame
    assert information > 0.3


def test_aligned_axes_recover_a_turn_that_aligned_centres_do_not(an_upright_body, an_oblique_body_far_away):
    image, mask, fixed_from_moving = an_oblique_body_far_away
    tight = mask.with_values(image.values != 0)
    # carries the longest axis y to x and x to y: the signs that they are given stay the same
    half_turn = Rotation.from_rotvec(np.radians(175) * np.array([1, 1, 0]) / np.sqrt(2)).as_matrix()
    turned = matrix(half_turn, [5, 5, -20])
    moved = (
        Volume(image.values, image.geometry.moved(turned), "body"),
        Volume(tight.values, image.geometry.moved(turned), "mask"),
    )
    truth = fixed_from_moving @ np.linalg.inv(turned)
    errors = {}
    for method in (FetalVolumeMethod.VVR_GC, FetalVolumeMethod.VVR_PAA):
        error = run(an_upright_body, moved, method)[0] @ np.linalg.inv(truth)
        errors[method] = np.degrees(Rotation.from_matrix(error[:3, :3]).magnitude())
    assert errors[FetalVolumeMethod.VVR_PAA] < 1.0
    assert errors[FetalVolumeMethod.VVR_GC] > 10.0


def test_two_runs_with_one_seed_are_equal(an_upright_body, an_oblique_body_far_away):
    first, second = (run(an_upright_body, an_oblique_body_far_away, seed=5) for _ in range(2))
    other = run(an_upright_body, an_oblique_body_far_away, seed=6)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]
    assert first[1] != other[1]


def test_progress_never_goes_back(an_upright_body, an_oblique_body_far_away):
    shares = []
    run(an_upright_body, an_oblique_body_far_away, advance=shares.append)
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.1
    assert 0.6 < shares[-1] <= 1


def test_it_stops_at_the_iteration_that_refuses(an_upright_body, an_oblique_body_far_away):
    heard = []

    def refuse_the_third(share: float) -> None:
        heard.append(share)
        if len(heard) == 3:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        run(an_upright_body, an_oblique_body_far_away, advance=refuse_the_third)
    assert len(heard) == 3


def test_another_method_is_refused(an_upright_body):
    with pytest.raises(ValueError, match="no baseline"):
        run(an_upright_body, an_upright_body, FetalVolumeMethod.AUTO)


def test_an_empty_mask_is_refused(an_upright_body):
    image, mask = an_upright_body
    with pytest.raises(InputError, match="no voxel above zero"):
        run(an_upright_body, (image, mask.with_values(torch.zeros_like(mask.values))))
