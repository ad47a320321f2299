"""What the biplanar networks are shown of radiographs of any detector."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.biplanar_synthesis import BiplanarSynthesis, camera_rays
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.networks.biplanar_views import BiplanarSize
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.labels import masked_volume, silhouette
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.biplanar_network_input import network_input, trained_camera, view_angles
from Testing.Lib.pictures import FAR, about, oblique_geometry, positions, rotation

SIZE = BiplanarSize((56, 40), (24, 16, 24), (5.3, 5.3, 8.0), (4, 6), (6, 4, 4), copies=2)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def a_femur():
    """A long bone that is bent to one side, far from the origin."""
    geometry = oblique_geometry((48, 32, 48), (2.65, 2.65, 4.0), FAR, degrees_xyz=(0, 0, 0))
    x, y, z = np.moveaxis(positions(geometry) - FAR, -1, 0)
    inside = (x - 0.002 * z**2) ** 2 / 400 + ((y - 0.15 * z) / 14) ** 2 + (z / 70) ** 2 < 1
    ct = Volume(torch.from_numpy(np.where(inside, 900.0, -1000.0)).float(), geometry)
    return ct, ct.with_values(torch.from_numpy(inside.astype(np.uint8)))


def taken(femur, camera, world_from_atlas=None):
    ct, labels = femur
    bone = masked_volume(ct.with_values(attenuation_from_hu(ct.values)), labels)
    values = project_volume(bone, camera, world_from_atlas)
    return Radiograph(values, camera), silhouette(labels, camera, world_from_atlas)


def paper_arm(angle, secondary=0.0, pixel=1.0, px=(160, 224)):
    return CArm(1000, 925, angle, secondary, (pixel, pixel), px).camera(FAR)


@pytest.mark.parametrize(("primary", "secondary"), [(0, 0), (90, 0), (-63, 12), (140, -25)])
def test_the_trained_detector_stands_where_a_c_arm_of_these_angles_has_it(primary, secondary):
    camera = paper_arm(primary, secondary)
    angles = view_angles(camera, FAR)
    assert angles.primary_deg == pytest.approx(primary, abs=1e-6)
    assert angles.secondary_deg == pytest.approx(secondary, abs=1e-6)
    assert angles.distance_mm == pytest.approx(925)
    wanted = paper_arm(primary, secondary, 4.0, (40, 56))
    np.testing.assert_allclose(
        trained_camera(angles, FAR, SIZE).projection_matrix, wanted.projection_matrix, atol=1e-6
    )


def test_cameras_are_those_of_the_training(a_femur):
    radiographs, shadows = zip(*(taken(a_femur, paper_arm(angle)) for angle in (7.0, 80.0)), strict=True)
    seen = network_input(*a_femur, radiographs, shadows, SIZE, CPU)
    wanted = camera_rays((7.0, 80.0), seen.views.geometry, SIZE, BiplanarSynthesis())
    for number, rays in enumerate(seen.views.cameras):
        found = torch.stack([rays.source, rays.origin, rays.column_step, rays.row_step], 1)[0]
        torch.testing.assert_close(found, wanted[number], atol=1e-6, rtol=0)


@pytest.mark.parametrize("turned", [False, True])
def test_a_radiograph_of_another_detector_looks_as_the_projected_atlas(a_femur, turned):
    """A tilted, shifted, mirrored detector at another distance, with the atlas elsewhere in the world."""
    start = about(rotation((10, -20, 30)), FAR, FAR + np.array([40.0, -60, 20])) if turned else np.eye(4)
    cameras = []
    for angle in (5.0, 95.0):
        camera = paper_arm(angle, 0.0, 0.8, (360, 420))
        tilted = camera.camera_from_world.copy()
        tilted[:3] = rotation((4, -6, 15)) @ tilted[:3]
        camera = dataclasses.replace(camera, camera_from_world=tilted, source_to_detector_mm=1150.0)
        cameras.append(camera.flipped(columns=True).moved(start))
    radiographs, shadows = zip(*(taken(a_femur, camera, start) for camera in cameras), strict=True)
    seen = network_input(*a_femur, radiographs, shadows, SIZE, CPU, start)
    images = torch.cat(seen.views.project(seen.atlas), 1)
    for found, wanted in zip(seen.radiographs[0], images[0], strict=True):
        bone = found > 0
        assert 0.8 < float(bone.sum() / (wanted > 0.1).sum()) < 1.1
        assert np.corrcoef(found[bone], wanted[bone])[0, 1] > 0.9
        mirrored = wanted.flip(-1)
        own = np.corrcoef(found.flatten(), wanted.flatten())[0, 1]
        assert own > 0.95
        assert np.corrcoef(found.flatten(), mirrored.flatten())[0, 1] < own - 0.02
        assert float(found[bone].mean() / wanted[bone].mean()) == pytest.approx(
            1, abs=0.15
        )  # its voxels are blurred


def test_what_may_not_be_used_or_lies_beside_the_shadow_is_zero(a_femur):
    radiograph, shadow = taken(a_femur, paper_arm(0.0))
    used = torch.ones_like(shadow)
    used[:100] = False
    bright = Radiograph(radiograph.values + 5.0, radiograph.camera, used)
    seen = network_input(*a_femur, (bright, radiograph), (shadow, shadow), SIZE, CPU).radiographs[0]
    assert not seen[0, :24].any()
    assert seen[0, 26:].max() > 5
