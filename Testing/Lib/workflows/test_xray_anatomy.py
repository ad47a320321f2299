"""What is registered to a radiograph: bones by what they absorb beyond the tissue around them."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import WATER_PER_MM, attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
from DeepRegistrationLib.workflows.xray_pose_search import XrayScene, detail_measure
from Testing.Lib.xray_case import MIDDLE, a_body, a_camera, a_case

CPU = torch.device("cpu")


def bones_of(ct, labels):
    """The CT with air around its bones [HU]."""
    return ct.with_values(torch.where(labels.values > 0, ct.values, -1000.0))


@pytest.mark.parametrize("alone", [False, True])
def test_the_components_add_up_to_what_the_ct_absorbs(alone):
    ct, labels = a_body(5.0)
    shown = bones_of(ct, labels) if alone else ct
    anatomy = prepare_anatomy(shown, labels, (), CPU)
    assert anatomy.bone_alone == alone
    total = sum(float(volume.values.sum()) for volume in anatomy.components)
    assert total == pytest.approx(float(attenuation_from_hu(shown.values).sum()), rel=1e-5)


def test_bones_count_by_what_they_absorb_beyond_water():
    ct, labels = a_body(5.0)
    anatomy = prepare_anatomy(ct, labels, (), CPU)
    beyond_water, rest = anatomy.components
    is_bone = anatomy.bone.values > 0
    hu = 1000 * beyond_water.values[is_bone] / WATER_PER_MM
    assert sorted(set(hu.round().int().tolist())) == [500, 1100]
    assert bool((beyond_water.values[~is_bone] == 0).all())
    assert torch.allclose(rest.values[is_bone], torch.full((), WATER_PER_MM))


def test_bones_in_air_and_bones_in_a_body_are_looked_for_differently():
    ct, labels = a_body(5.0)
    whole, alone = (
        prepare_anatomy(ct, labels, (), CPU),
        prepare_anatomy(bones_of(ct, labels), labels, (), CPU),
    )
    assert float(whole.template.values.sum()) > 2 * float(alone.template.values.sum())
    assert torch.equal(alone.template.values, alone.components[0].values)


def test_the_middle_is_that_of_the_chosen_bones():
    ct, labels = a_body(3.0)
    anatomy = prepare_anatomy(ct, labels, (3,), CPU)
    assert np.allclose(anatomy.centre_ras, MIDDLE + np.array([2.0, -20.0, 2.0]), atol=4.0)
    assert float((anatomy.points_ras.mean(0) - torch.from_numpy(anatomy.centre_ras)).norm()) < 4.0


def test_a_ct_without_bone_is_refused():
    ct, _ = a_body(5.0)
    with pytest.raises(InputError, match="as dense as bone"):
        prepare_anatomy(ct.with_values(ct.values.clamp(max=100.0)), None, (), CPU)


def test_bones_alone_fit_a_radiograph_of_the_whole_body_better_by_what_is_beyond_water():
    case = a_case((a_camera(pixels=96),))
    anatomy = prepare_anatomy(bones_of(case.ct, case.labels), case.labels, (), CPU)
    truth = torch.from_numpy(case.world_from_ct)[None]

    def fit(components):
        scene = XrayScene(
            dataclasses.replace(anatomy, components=components), case.radiographs, case.world_from_ct
        )
        return float(scene.level(96, detail_measure, fine=True).similarity(truth)[0])

    assert fit(anatomy.components) > 1.05 * fit((anatomy.bone,))


def test_a_bone_gets_its_rim_back_and_nothing_else_changes():
    ct, labels = a_body(6.0)
    anatomy = prepare_anatomy(bones_of(ct, labels), labels, (), CPU)
    cut, fuller = anatomy.components[0].values, anatomy.with_rim.components[0].values
    is_bone = cut > 0
    around = (F.max_pool3d(is_bone.float()[None, None], 3, 1, 1)[0, 0] > 0) & ~is_bone
    assert torch.equal(fuller[is_bone], cut[is_bone])
    assert bool((fuller[around] > 0).all())
    densest_beside = F.max_pool3d(cut[None, None], 3, 1, 1)[0, 0]
    assert bool((fuller[around] <= densest_beside[around] + 1e-7).all())
    assert bool((fuller[~around & ~is_bone] == 0).all())
    # there is room for it on every side
    for axis in range(3):
        assert not cut.select(axis, 0).any()
        assert not cut.select(axis, -1).any()


def test_the_rim_beside_a_flat_face_is_half_the_bone_and_a_gap_is_not_denser_than_the_bone():
    hu = torch.full((12, 12, 12), -1000.0)
    hu[2:5, 2:10, 2:10] = 800.0
    hu[6:9, 2:10, 2:10] = 800.0
    matrix = np.diag([1.5, 2.0, 3.0, 1.0])
    anatomy = prepare_anatomy(Volume(hu, VolumeGeometry((12, 12, 12), matrix)), None, (), CPU)
    fuller = anatomy.with_rim.components[0]
    at = np.linalg.inv(fuller.geometry.ras_from_ijk) @ matrix

    def share(k, j, i):
        i, j, k = np.rint((at @ [i, j, k, 1])[:3]).astype(int)
        return float(fuller.values[k, j, i] / anatomy.components[0].values.max())

    assert share(9, 6, 6) == pytest.approx(0.5)
    assert share(5, 6, 6) == pytest.approx(1.0)


@pytest.mark.parametrize("is_cut", [True, False])
def test_the_radiograph_tells_whether_a_rim_is_missing(is_cut):
    case = a_case((a_camera(pixels=96),))
    bones = bones_of(case.ct, case.labels)
    if is_cut:
        inner = F.max_pool3d((case.labels.values == 0).float()[None, None], 3, 1, 1)[0, 0] == 0
        bones = bones.with_values(torch.where(inner, bones.values, -1000.0))
    attenuation = bones_of(case.ct, case.labels)
    attenuation = attenuation.with_values(attenuation_from_hu(attenuation.values))
    camera = case.radiographs[0].camera
    radiograph = Radiograph(project_volume(attenuation, camera, case.world_from_ct), camera)
    anatomy = prepare_anatomy(bones, None, (), CPU)
    truth = torch.from_numpy(case.world_from_ct)[None]
    without, with_rim = (
        float(
            XrayScene(one, (radiograph,), case.world_from_ct)
            .level(96, detail_measure, fine=True)
            .similarity(truth)[0]
        )
        for one in (anatomy, anatomy.with_rim)
    )
    assert (with_rim > without) == is_cut
