import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.radiograph_variation import VariationSettings, vary_radiographs
from DeepRegistrationLib.data.xray_anatomy import AnatomySettings, random_anatomy
from DeepRegistrationLib.data.xray_cubes import load_xray_cubes
from DeepRegistrationLib.data.xray_poses import (
    XrayPoseSettings,
    between,
    pose_pairs,
    poses_around,
    random_poses,
)
from DeepRegistrationLib.data.xray_split import XRAY_CTS, XrayCt, XraySplit
from DeepRegistrationLib.data.xray_synthesis import XraySynthesis, draw_pairs, moving_cube, target_geometry
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.rigid import rotation_error_deg
from DeepRegistrationLib.images.bone_mask import find_bones
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.images.write import write_nifti
from DeepRegistrationLib.networks.xray_input import XrayInput, target_channels
from DeepRegistrationLib.projection.projector import ProjectionSettings, project
from Testing.Lib.data.xray_cubes import a_patient
from Testing.Lib.pictures import FAR, oblique_geometry

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "ct-bone"
SIZE = XrayInput(24, 10.0, 24, 8.0)
STILL = AnatomySettings(0, 0, 0, 0, 6, 0, 0, 0, 0, 1.0, 0, 0)
SMALL = XraySynthesis(poses_per_volume=4, target_voxel_mm=8.0, target_size=40)
CPU = torch.device("cpu")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_poses_spread_as_in_the_paper():
    poses = random_poses(4000, XrayPoseSettings(), seeded())
    assert poses[:, :3, 3].std(0).numpy() == pytest.approx([37.5] * 3, rel=0.05)
    # the length of a vector of three normal numbers is 1.6 standard deviations on average
    angles = rotation_error_deg(poses, torch.eye(4))
    assert angles.mean() == pytest.approx(1.596 * 20, rel=0.05)


def test_near_pairs_are_nearer_and_the_others_independent():
    far = XrayPoseSettings(near=0)
    near = XrayPoseSettings(near=1, nearest=0)
    distances = {}
    for settings in (far, near):
        moving, target = pose_pairs(2000, settings, seeded())
        distances[settings] = (moving - target)[:, :3, 3].norm(dim=1)
        assert target[:, :3, 3].std().item() == pytest.approx(37.5, rel=0.05)
    assert distances[far].mean().item() == pytest.approx(1.596 * 37.5 * 2**0.5, rel=0.05)
    assert distances[near].mean().item() == pytest.approx(distances[far].mean().item() / 2, rel=0.05)
    assert distances[near].min() < 3


def test_a_pose_between_two_others_divides_turn_and_shift():
    first, second = (
        random_poses(5, XrayPoseSettings(), seeded()),
        random_poses(5, XrayPoseSettings(), seeded(1)),
    )
    found = between(first, second, torch.full((5,), 0.25, dtype=torch.float64))
    whole, part = rotation_error_deg(first, second), rotation_error_deg(first, found)
    assert torch.allclose(part, 0.25 * whole)
    assert torch.allclose(found[:, :3, 3], 0.75 * first[:, :3, 3] + 0.25 * second[:, :3, 3])


def test_poses_around_others_have_the_distance_that_was_asked_for():
    target = random_poses(20, XrayPoseSettings(), seeded())
    around = poses_around(target, 30.0, 40.0, seeded(1))
    assert torch.allclose(rotation_error_deg(around, target), torch.full((20,), 30.0).double())
    assert torch.allclose((around - target)[:, :3, 3].norm(dim=1), torch.full((20,), 40.0).double())
    # a direction that is the same for all would hide what is weak
    assert (around - target)[:, :3, 3].mean(0).norm() < 20


def test_without_variation_the_anatomy_is_the_ct():
    cube = a_patient()
    everything, bone = random_anatomy(cube, 30, STILL, seeded())
    first = [(n - 30) // 2 for n in cube.channels.shape[1:]]
    k, j, i = (slice(n, n + 30) for n in first)
    fixed = dataclasses.replace(STILL, soft=0.0)
    assert torch.allclose(bone, (cube.channels[0] * cube.channels[1])[k, j, i], atol=1e-4)
    only_bone, _ = random_anatomy(cube, 30, fixed, seeded())
    assert torch.allclose(only_bone, (cube.channels[0] * cube.channels[1])[k, j, i], atol=1e-4)
    # soft tissue is there, thinner or as it was
    body = cube.channels[0][k, j, i]
    assert ((everything > 1e-3) == (body > 1e-3)).all()


def test_the_moving_bones_may_be_fewer_than_those_of_the_target():
    cube = a_patient()
    some = dataclasses.replace(STILL, labelled=1.0)
    everything, bone = random_anatomy(cube, 30, some, seeded())
    _, all_bones = random_anatomy(cube, 30, STILL, seeded())
    assert 0.2 < (bone > 0).sum() / (all_bones > 0).sum() < 0.9
    assert everything[all_bones > 1.5].min() > 1.5


def test_anatomies_differ_and_equal_generators_make_equal_ones():
    cube = a_patient()
    first, again, other = (random_anatomy(cube, 30, AnatomySettings(), seeded(seed))[0] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert (first - other).abs().mean() > 0.02


def test_the_target_is_the_radiograph_of_the_same_anatomy_as_the_moving_volume():
    """Bones alone, at the true pose: the projected moving volume is the target."""
    anatomy = dataclasses.replace(AnatomySettings(), no_soft=1.0, bone=0.0, labelled=0.0, off_centre=0.2)
    plain = VariationSettings(0, 0, 0, 5, 0, 0, 0)
    settings = dataclasses.replace(SMALL, anatomy=anatomy, variation=plain, realistic=0)
    size = XrayInput(40, 8.0, 24, 8.0)
    pairs = draw_pairs([a_patient()], 2, size, settings, seeded())
    for v in range(2):
        images = project(
            pairs.volumes[v : v + 1],
            size.cube(np.zeros(3)),
            pairs.rays_of(v),
            pairs.target[v],
            ProjectionSettings(step_mm=4.0),
        )[:, 0]
        wanted = target_channels(images, torch.ones_like(images, dtype=torch.bool))[:, 0]
        assert (wanted - pairs.targets[v, :, 0]).abs().mean() < 0.02
        assert (wanted - pairs.targets[v, :, 0].roll(1, 0)).abs().mean() > 0.2


def test_realistic_targets_show_the_same_as_plain_ones_where_the_collimator_is_open():
    anatomy = dataclasses.replace(AnatomySettings(), no_soft=0.0)
    plain = VariationSettings(0, 0, 0, 5, 0, 0, 0)
    settings = dataclasses.replace(SMALL, anatomy=anatomy, variation=plain, realistic=0, poses_per_volume=12)
    realistic = dataclasses.replace(settings, realistic=1.0)
    first, second = (draw_pairs([a_patient()], 1, SIZE, s, seeded()) for s in (settings, realistic))
    assert torch.equal(first.target, second.target)
    mask = second.targets[:, :, 1] > 0
    assert 0.3 < mask.float().mean() < 1
    both = torch.stack([first.targets[:, :, 0][mask], second.targets[:, :, 0][mask]])
    assert torch.corrcoef(both)[0, 1] > 0.7


def test_a_batch_has_the_shapes_that_it_names():
    pairs = draw_pairs([a_patient()], 3, SIZE, SMALL, seeded())
    assert pairs.volumes.shape == (3, 1, 24, 24, 24)
    assert pairs.targets.shape == (3, 4, 2, 24, 24)
    assert pairs.moving.shape == pairs.target.shape == (3, 4, 4, 4)
    assert pairs.rays_of(1).shape_px == (24, 24)
    # the C-arms differ
    assert pairs.rays[:, 0].std(0).max() > 1
    again = draw_pairs([a_patient()], 3, SIZE, SMALL, seeded())
    assert torch.equal(pairs.targets, again.targets)


def test_the_middle_of_a_cube_stays_in_the_middle():
    values = torch.zeros(40, 40, 40)
    values[17:23, 17:23, 17:23] = 1.0
    small = moving_cube(values, SIZE, 8.0)
    weights = small / small.sum()
    line = torch.arange(24.0)
    for axes in ((1, 2), (0, 2), (0, 1)):
        assert (weights.sum(axes) * line).sum() == pytest.approx(11.5, abs=1e-4)
    assert small.sum() * 10.0**3 == pytest.approx(float(values.sum()) * 8.0**3, rel=0.05)
    assert target_geometry(SMALL).centre_ras == pytest.approx([0, 0, 0])


def test_varied_radiographs_keep_their_order_and_lose_what_is_collimated():
    ramp = torch.linspace(0, 5, 24).expand(200, 24, 24).contiguous()
    images, mask = vary_radiographs(ramp, VariationSettings(collimated=0.5), seeded())
    assert (images[:, :, 18:].mean((1, 2)) > images[:, :, :6].mean((1, 2))).all()
    share = (~mask).flatten(1).any(1).float().mean()
    assert share == pytest.approx(0.5, abs=0.12)
    assert mask[:, 10:14, 10:14].all()


def a_ct(folder, name, low=-1000.0):
    """A bar of bone in water, oblique and far away."""
    values = torch.full((40, 44, 42), low)
    values[4:36, 8:34, 8:34] = 40.0
    values[5:35, 15:22, 17:23] = 700.0
    values[20, 30, 30] = 900.0  # a calcification
    volume = Volume(values, oblique_geometry((40, 44, 42), (3.0, 3.5, 4.0), FAR), name)
    write_nifti(volume, folder / f"{name}.nii.gz")
    return volume


def test_bones_are_found_and_specks_are_not(tmp_path):
    ct = a_ct(tmp_path, "ct")
    assert torch.equal(find_bones(ct).values, (ct.values > 500) & (ct.values < 800))
    with pytest.raises(InputError, match="No bone was found in 'ct'"):
        find_bones(ct.with_values(ct.values.clamp(max=100)))


def test_a_ct_becomes_attenuation_and_bones_on_the_axes_of_the_world(tmp_path):
    ct = a_ct(tmp_path, "ct")
    entry = XrayCt("ct", "ct.nii.gz", None, XraySplit.TUNING)
    (cube,) = load_xray_cubes(tmp_path, [entry], 5.0, CPU)
    everything, dense, whole, labelled = cube.channels
    assert torch.equal(whole, labelled)
    assert (dense - whole).abs().sum() < 2  # a calcification
    mm3 = ct.geometry.voxel_volume_mm3
    assert whole.sum() * 125 == pytest.approx(int((ct.values == 700).sum()) * mm3, rel=0.05)
    assert everything.sum() * 125 == pytest.approx(
        float((1 + ct.values.double() / 1000).sum()) * mm3, rel=0.05
    )
    # bones lie where they lie, relative to the middle of the field of view
    kji = torch.nonzero(ct.values == 700).double().mean(0)
    matrix = torch.from_numpy(ct.geometry.ras_from_ijk)
    middle = matrix[:3, :3] @ kji.flip(0) + matrix[:3, 3] - torch.from_numpy(ct.geometry.centre_ras)
    assert cube.bones.double().mean(0).numpy() == pytest.approx(middle.numpy(), abs=2.0)


def test_missing_cts_are_named(tmp_path):
    with pytest.raises(InputError, match=r"lacks the CTs to train on .*pelvis003"):
        load_xray_cubes(tmp_path, XRAY_CTS[:1], 5.0, CPU)


@pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the public CTs are not there: ../shared/data beside the checkout"
)
def test_the_bones_of_a_real_chest_are_a_tenth_of_the_body():
    entry = next(ct for ct in XRAY_CTS if ct.name == "lidc0314")
    (cube,) = load_xray_cubes(FOLDER, [entry], 5.0, CPU)
    body = (cube.channels[0] > 0.7).sum()
    assert 0.03 < cube.channels[1].sum() / body < 0.2
