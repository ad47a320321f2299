"""Pixels stand in space where the camera says."""

import numpy as np
import pytest
import torch

from DeepRegistrationLib.images.detector_image import detector_volume
from Testing.Lib.xray_case import MIDDLE, a_camera


@pytest.mark.parametrize("mirrored", [False, True])
def test_every_pixel_of_the_volume_stands_at_the_shadow_of_its_ray(mirrored):
    camera = a_camera(37.0, -21.0).cropped((5, 3), (50, 40))
    camera = camera.flipped(columns=True) if mirrored else camera
    volume = detector_volume(torch.rand(camera.shape_px), camera, "drr")
    assert volume.geometry.shape_kji == (1, 40, 50)
    assert np.linalg.det(volume.geometry.ras_from_ijk[:3, :3]) > 0  # files know right-handed images best
    for point in (MIDDLE, MIDDLE + np.array([30, -20, 10])):
        pixel, depth = camera.project(point)
        on_detector = volume.geometry.ras_from_ijk @ (*pixel, 0, 1)
        along_ray = camera.source_ras + (point - camera.source_ras) * camera.source_to_detector_mm / depth
        np.testing.assert_allclose(on_detector[:3], along_ray, atol=1e-9)
