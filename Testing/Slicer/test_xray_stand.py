"""Source, detector and rays stand in the scene where the camera says."""

import numpy as np
import pytest
import slicer
from DeepRegistrationSlicer.XrayStand import cameraOf, createStand, standPolyData

from DeepRegistrationLib.geometry.c_arm import CArm

ISOCENTRE = np.array([-312.0, 148.0, 605.0])


@pytest.fixture
def aCamera():
    return CArm(1020.0, 700.0, 35.0, -20.0, (0.8, 1.1), (320, 200)).camera(ISOCENTRE)


def test_rays_go_from_the_source_to_the_corners_of_the_detector(aCamera):
    data = standPolyData(aCamera)
    points = np.array([data.GetPoint(n) for n in range(5)])
    np.testing.assert_allclose(points[0], aCamera.source_ras, atol=1e-3)
    np.testing.assert_allclose(points[1:], aCamera.detector_corners_ras(), atol=1e-3)
    assert data.GetNumberOfLines() == 8  # four rays and four edges
    bounds = np.array(data.GetBounds()).reshape(3, 2)
    assert (bounds[:, 0] < ISOCENTRE).all()
    assert (bounds[:, 1] > ISOCENTRE).all()


def test_the_stand_is_a_model_of_the_scene_with_a_colour_for_each_view(aCamera):
    first, second = (createStand(aCamera, "X-ray machine", index) for index in range(2))
    assert first.GetScene() is slicer.mrmlScene
    assert first.GetDisplayNode().GetColor() != second.GetDisplayNode().GetColor()


def test_the_camera_of_a_result_is_read_without_loss(aCamera):
    again = cameraOf(
        {
            "source_to_detector_mm": aCamera.source_to_detector_mm,
            "pixel_spacing_mm": list(aCamera.pixel_spacing_mm),
            "image_size_px": list(aCamera.image_size_px),
            "principal_point_px": list(aCamera.principal_point_px),
            "camera_from_world": aCamera.camera_from_world.tolist(),
        }
    )
    np.testing.assert_array_equal(again.projection_matrix, aCamera.projection_matrix)
