"""The distance of a bone's outline tells gross errors, among other edges and where the CT ends."""

import math

import numpy as np
import pytest
import torch

from DeepRegistrationLib.evaluation.outline_distance import outline_distance_mm
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.rigid import se3_exp
from DeepRegistrationLib.geometry.volume_geometry import VolumeGeometry
from DeepRegistrationLib.images.radiograph import Radiograph
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.attenuation import attenuation_from_hu
from DeepRegistrationLib.projection.projector import project_volume
from DeepRegistrationLib.workflows.xray_anatomy import prepare_anatomy
from Testing.Lib.pictures import FAR

# about its own shaft and across the detector: nothing is parallel to an axis
POSE = se3_exp(torch.tensor([0.2, -0.15, 0.3, 0.0, 0.0, 0.0], dtype=torch.float64)).numpy()
POSE[:3, 3] = FAR


def a_shaft(length_mm=60.0):
    """HU and label of a round shaft with a head, cut where the volume of this length ends."""
    spacing = np.array([0.8, 0.9, 1.1])
    shape = tuple(int(n) for n in np.round(np.array([length_mm, 40.0, 36.0]) / spacing[::-1]))
    matrix = np.diag([*spacing, 1.0])
    matrix[:3, 3] = [-18.0, -20.0, -30.0]
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    x, y, z = (np.stack([i, j, k]) * spacing[:, None, None, None]) + matrix[:3, 3][:, None, None, None]
    shaft = (x**2 + y**2 < 8**2) & (z > -24)
    bone = shaft | ((x / 11) ** 2 + (y / 13) ** 2 + ((z + 18) / 10) ** 2 < 1)
    hu = np.select([shaft & (x**2 + y**2 > 5.5**2), bone], [1400.0, 300.0], -1000.0)
    geometry = VolumeGeometry(shape, matrix)
    label = Volume(torch.from_numpy(bone.astype(np.int32)), geometry, "shaft")
    return Volume(torch.from_numpy(hu.astype(np.float32)), geometry, "shaft"), label


@pytest.fixture(scope="module")
def the_camera():
    return CArm(1020.0, 700.0, 20.0, 10.0, (0.6, 0.6), (260, 280)).camera(FAR)


@pytest.fixture(scope="module")
def the_radiograph(the_camera):
    """The bone, which goes on beyond the end of the CT, among many lower edges that run as its shaft does."""
    longer, _ = a_shaft(90.0)
    bone = project_volume(longer.with_values(attenuation_from_hu(longer.values)), the_camera, POSE)
    columns, rows = np.meshgrid(*(np.arange(n) for n in the_camera.image_size_px))
    shaft = the_camera.project(POSE[:3, 3] + POSE[:3, 2])[0] - the_camera.project(POSE[:3, 3])[0]
    across = (columns * shaft[1] - rows * shaft[0]) / np.linalg.norm(shaft)
    stripes = 0.04 * float(bone.max()) * np.sin(2 * np.pi * across / 7.0)
    return Radiograph(bone + torch.from_numpy(stripes).float(), the_camera)


def distance(radiograph, across_mm=0.0, along_mm=0.0):
    """At a pose whose shadow is moved by so much on the detector."""
    ct, label = a_shaft()
    camera = radiograph.camera
    _, depth = camera.project(FAR)
    across = np.cross(camera.viewing_direction, POSE[:3, 2])
    across /= np.linalg.norm(across)
    along = np.cross(across, camera.viewing_direction)
    moved = POSE.copy()
    moved[:3, 3] += (across * across_mm + along * along_mm) * depth / camera.source_to_detector_mm
    anatomy = prepare_anatomy(ct, label, (), torch.device("cpu"))
    return outline_distance_mm(radiograph, anatomy, label, moved)


def test_the_outline_of_the_right_pose_lies_on_its_edges(the_radiograph):
    assert distance(the_radiograph) < 1.0


@pytest.mark.parametrize("shift_mm", [-3.0, 3.0])
def test_a_shaft_moved_3_mm_across_is_3_mm_off_though_other_edges_are_nearer(the_radiograph, shift_mm):
    assert distance(the_radiograph, across_mm=shift_mm) == pytest.approx(3.0, abs=0.6)


def test_a_larger_error_is_a_larger_distance(the_radiograph):
    found = [distance(the_radiograph, across_mm=shift_mm) for shift_mm in (0.0, 1.5, 3.0, 6.0)]
    assert found == sorted(found)
    assert found[-1] > 4.0


def test_along_a_shaft_its_end_tells(the_radiograph):
    assert distance(the_radiograph, along_mm=3.0) > 1.5 * distance(the_radiograph)


def test_a_bone_beside_the_radiograph_is_infinitely_far(the_radiograph):
    assert math.isinf(distance(the_radiograph, across_mm=900.0))


def test_where_the_ct_ends_no_edge_is_asked_for(the_radiograph):
    """With a label that does not reach the border, the end of the CT counts as an edge of the bone."""
    ct, label = a_shaft()
    anatomy = prepare_anatomy(ct, label, (), torch.device("cpu"))
    values = label.values.clone()
    values[-1] = 0
    closed = outline_distance_mm(the_radiograph, anatomy, label.with_values(values), POSE)
    assert outline_distance_mm(the_radiograph, anatomy, label, POSE) < 0.7 * closed
