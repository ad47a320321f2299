"""A CT that no ray can meet is refused before anything is computed."""

import dataclasses

import numpy as np
import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.workflows.xray_placement import check_placement
from Testing.Lib.xray_case import a_camera, a_case


@pytest.fixture(scope="module")
def inputs():
    return a_case((a_camera(25.0, 10.0),), voxel_mm=8.0).inputs()


def moved(inputs, along, distance_mm):
    """The start pose with the CT moved along an axis of the camera."""
    start = np.eye(4)
    start[:3, 3] = getattr(inputs.radiographs[0].camera, along) * distance_mm
    return dataclasses.replace(inputs, start=start)


@pytest.mark.parametrize(
    ("along", "distance_mm"),
    [("column_direction", 0.0), ("column_direction", 120.0), ("viewing_direction", -400.0)],
)
def test_a_ct_that_the_beam_meets_passes(inputs, along, distance_mm):
    check_placement(moved(inputs, along, distance_mm))


@pytest.mark.parametrize(
    ("along", "distance_mm", "text"),
    [
        ("viewing_direction", -800.0, r"behind the X-ray source: its middle is 100 mm.*radiograph 'view 1'"),
        ("viewing_direction", 700.0, r"behind the detector: its middle is 380 mm beyond it"),
        ("column_direction", 600.0, r"beside the X-ray beam"),
        ("row_direction", -600.0, r"beside the X-ray beam"),
    ],
)
def test_a_ct_outside_of_the_beam_is_refused(inputs, along, distance_mm, text):
    with pytest.raises(InputError, match=text):
        check_placement(moved(inputs, along, distance_mm))


def test_one_view_that_misses_the_ct_is_enough_to_refuse(inputs):
    beside = inputs.radiographs[0].camera.cropped((4000, 0), inputs.radiographs[0].camera.image_size_px)
    second = dataclasses.replace(inputs.radiographs[0], camera=beside, name="view 2")
    with pytest.raises(InputError, match=r"beside the X-ray beam.*'view 2'"):
        check_placement(dataclasses.replace(inputs, radiographs=(*inputs.radiographs, second)))
