import numpy as np
import pytest
import torch

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.detector_rays import DetectorRays, rays_of_cameras
from Testing.Lib.pictures import FAR


@pytest.fixture
def two_cameras():
    return [CArm(1020, 620, angle, 20, (0.8, 1.3), (7, 5)).camera(FAR) for angle in (10, -80)]


def test_lengths_are_the_distances_of_the_pixels_from_the_source(two_cameras):
    lengths = rays_of_cameras(two_cameras).ray_lengths()
    for camera, found in zip(two_cameras, lengths, strict=True):
        columns, rows = np.meshgrid(np.arange(7), np.arange(5))
        pixels = camera.ras_from_pixels(np.stack([columns, rows], -1))
        np.testing.assert_allclose(found, np.linalg.norm(pixels - camera.source_ras, axis=-1), atol=1e-8)


def test_the_plane_of_the_detector_is_as_far_away_as_the_camera_says(two_cameras):
    torch.testing.assert_close(
        rays_of_cameras(two_cameras).source_to_detector_mm(), torch.full((2,), 1020.0, dtype=torch.float64)
    )


def test_cameras_with_images_of_different_sizes_are_refused(two_cameras):
    with pytest.raises(InputError, match="one size"):
        rays_of_cameras([two_cameras[0], two_cameras[1].resized((14, 10))])


def test_rays_in_single_precision_are_refused():
    vectors = [torch.zeros(1, 3)] * 4
    with pytest.raises(ValueError, match="float64"):
        DetectorRays(*vectors, (5, 7))
