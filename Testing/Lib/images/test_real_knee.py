"""Calibration and order of rows and columns on real fluoroscopy of a knee: screws on its skin are seen twice.

No CT of these bones is public; the screws are what both views surely show of the same points.
"""

from pathlib import Path

import numpy as np
import pytest

from DeepRegistrationLib.images.read_radiograph import read_radiograph
from DeepRegistrationLib.images.xmalab_camera import read_xmalab_camera

KNEE = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray" / "autoscoper-knee"
pytestmark = pytest.mark.skipif(
    not KNEE.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)
# column, row of the heads of two screws in frame 138, by eye: view 1, view 2
SHANK, THIGH = ((318, 575), (1330, 1092)), ((920, 522), (700, 1197))


@pytest.fixture(scope="module")
def the_cameras():
    # the distance is not in the files; where rays meet does not depend on it
    return [read_xmalab_camera(KNEE / f"calib_cam0{view}.txt", 1400.0) for view in (1, 2)]


def gap_mm(cameras, pixels):
    """Distance at which the rays of one pixel of each view pass each other."""
    sources = [camera.source_ras for camera in cameras]
    rays = [
        camera.ras_from_pixels(np.array([pixel], dtype=np.float64))[0] - source
        for camera, pixel, source in zip(cameras, pixels, sources, strict=True)
    ]
    across = np.cross(*rays)
    return abs((sources[0] - sources[1]) @ across) / np.linalg.norm(across)


@pytest.mark.parametrize("screw", [SHANK, THIGH], ids=["shank", "thigh"])
def test_rays_of_the_same_screw_meet(the_cameras, screw):
    assert gap_mm(the_cameras, screw) < 1.5


def test_rays_of_different_screws_do_not_meet(the_cameras):
    assert gap_mm(the_cameras, (SHANK[0], THIGH[1])) > 50
    assert gap_mm(the_cameras, (THIGH[0], SHANK[1])) > 50


def test_with_rows_the_other_way_round_rays_do_not_meet(the_cameras):
    flipped = [(column, 1759 - row) for column, row in THIGH]
    assert gap_mm(the_cameras, flipped) > 5


@pytest.mark.parametrize("view", [1, 2])
def test_the_screws_are_dark_where_they_are_said_to_be(view):
    values = read_radiograph(KNEE / f"cam0{view}_frame0138.tif").values.numpy()
    for screw in (SHANK, THIGH):
        column, row = screw[view - 1]
        around = values[row - 60 : row + 61, column - 60 : column + 61]
        assert values[row - 4 : row + 5, column - 4 : column + 5].mean() < np.quantile(around, 0.2)
