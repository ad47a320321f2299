import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.volume import Volume
from DeepRegistrationLib.projection.labels import label_channels, masked_volume, outline, silhouette
from DeepRegistrationLib.projection.projector import project, project_volume
from Testing.Lib.beams import distances_from
from Testing.Lib.pictures import FAR, oblique_geometry, positions, rigid

RADIUS = 18.0


@pytest.fixture
def a_labelled_volume():
    """Attenuation everywhere; label 1 is a ball, label 5 a small cube in a corner."""
    geometry = oblique_geometry((48, 50, 52), (1.2, 1.1, 1.0), FAR)
    values = torch.rand(geometry.shape_kji, generator=torch.Generator().manual_seed(0))
    ball = np.linalg.norm(positions(geometry) - FAR, axis=-1) < RADIUS
    labels = torch.from_numpy(ball.astype(np.int32))
    labels[:4, :4, :4] = 5
    return Volume(values, geometry, "ct"), Volume(labels, geometry, "bones")


@pytest.fixture
def a_camera():
    return CArm(1020, 620, 20, 10, (1.5, 2.0), (70, 60)).camera(FAR)


def test_a_masked_volume_shows_the_bones_alone(a_labelled_volume, a_camera):
    volume, labels = a_labelled_volume
    image = project_volume(masked_volume(volume, labels, [1]), a_camera).numpy()
    distance = distances_from(FAR, a_camera)
    assert np.all(image[distance > RADIUS + 2.5] == 0)
    assert np.all(image[distance < RADIUS - 2.5] > 1)


def test_all_labels_together_are_the_sum_of_their_channels(a_labelled_volume, a_camera):
    volume, labels = a_labelled_volume
    channels = label_channels(volume, labels, [1, 5])
    images = project(channels[None], volume.geometry, a_camera)[0]
    together = project_volume(masked_volume(volume, labels), a_camera)
    torch.testing.assert_close(images.sum(0), together, rtol=1e-5, atol=1e-3)


def test_the_silhouette_of_a_ball_is_its_shadow(a_labelled_volume, a_camera):
    _, labels = a_labelled_volume
    pose = rigid((0, 0, 0), (0.0, 0.0, 0.0))
    found = silhouette(labels, a_camera, pose, keep=[1]).numpy()
    distance = distances_from(FAR, a_camera)
    assert np.all(found[distance < RADIUS - 1.2])
    assert not np.any(found[distance > RADIUS + 1.2])


def test_the_outline_is_the_rim_of_the_silhouette(a_labelled_volume, a_camera):
    _, labels = a_labelled_volume
    shape = silhouette(labels, a_camera, keep=[1])
    rim = outline(shape)
    assert not bool((rim & ~shape).any())
    distance = torch.from_numpy(distances_from(FAR, a_camera))
    assert bool((distance[rim] > RADIUS - 3.0).all())
    # what is left inside of the rim touches the outside nowhere
    assert not bool((outline(shape) & (shape & ~rim)).any())


def test_where_the_image_cuts_a_silhouette_off_there_is_no_outline():
    shape = torch.zeros(6, 8, dtype=torch.bool)
    shape[:3, 2:5] = True
    expected = torch.zeros_like(shape)
    expected[:3, 2], expected[:3, 4], expected[2, 2:5] = True, True, True
    assert torch.equal(outline(shape), expected)


def test_labels_that_are_not_there_or_lie_elsewhere_are_refused(a_labelled_volume, a_camera):
    volume, labels = a_labelled_volume
    with pytest.raises(InputError, match=r"no voxel with the label 7; it holds the labels \[0, 1, 5\]"):
        masked_volume(volume, labels, [7])
    with pytest.raises(InputError, match="no voxel other than background"):
        silhouette(labels.with_values(torch.zeros_like(labels.values)), a_camera)
    shifted = Volume(labels.values, labels.geometry.moved(rigid((0, 0, 0), (5.0, 0.0, 0.0))), "bones")
    with pytest.raises(InputError, match="another grid"):
        label_channels(volume, shifted, [1])
