import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.pnp import pose_from_fiducials
from Testing.Lib.pictures import FAR, rigid, rotation

CAMERAS = {
    "seen from the detector": CArm(1020, 620, 25, -15, (0.8, 0.5), (300, 420)).camera(FAR),
    "seen from the source": CArm(1020, 620, 25, -15, (0.8, 0.5), (300, 420))
    .camera(FAR)
    .flipped(columns=True),
    "off centre": CArm(900, 500, -70, 30, (0.6, 0.6), (400, 400), (30.0, 350.0)).camera(FAR),
}


def fiducials(count, seed=1):
    """(N, 3); spread over 120 mm, far away from the place before the camera."""
    return np.random.default_rng(seed).uniform(-60, 60, (count, 3)) + np.array([300.0, -900.0, 150.0])


def moved(pose, points):
    return points @ pose[:3, :3].T + pose[:3, 3]


def pose_before_the_camera(points, degrees_xyz):
    """Turns the fiducials and puts their middle 20 mm beside the isocentre."""
    linear = rotation(degrees_xyz)
    pose = np.eye(4)
    pose[:3, :3] = linear
    pose[:3, 3] = FAR + np.array([12.0, -9.0, 14.0]) - linear @ points.mean(0)
    return pose


def angle_deg(one, other):
    return np.degrees(Rotation.from_matrix(one[:3, :3].T @ other[:3, :3]).magnitude())


@pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS.keys())
@pytest.mark.parametrize("degrees_xyz", [(20, -35, 50), (170, 10, -120), (0, 0, 0)])
@pytest.mark.parametrize("count", [5, 8])
def test_the_pose_is_found_whatever_the_camera_and_the_turn(camera, degrees_xyz, count):
    points = fiducials(count)
    true = pose_before_the_camera(points, degrees_xyz)
    found = pose_from_fiducials(points, camera.project(moved(true, points))[0], camera)
    assert np.linalg.det(found.world_from_ct[:3, :3]) == pytest.approx(1)
    assert moved(found.world_from_ct, points) == pytest.approx(moved(true, points), abs=1e-3)
    assert found.residual_px.max() < 1e-4
    assert found.wrong == ()


def test_four_well_spread_pairs_are_enough():
    camera = CAMERAS["seen from the detector"]
    points = np.array([[0, 0, 0], [80, 5, 0], [10, 90, -10], [20, 30, 70.0]])
    true = pose_before_the_camera(points, (20, -35, 50))
    found = pose_from_fiducials(points, camera.project(moved(true, points))[0], camera)
    assert moved(found.world_from_ct, points) == pytest.approx(moved(true, points), abs=1e-3)


def test_residuals_are_told_in_pixels_on_the_detector_and_at_the_fiducials():
    camera = CAMERAS["seen from the detector"]
    points = fiducials(12)
    true = pose_before_the_camera(points, (20, -35, 50))
    noise = np.random.default_rng(2).normal(0, 1.5, (12, 2))
    marks = camera.project(moved(true, points))[0] + noise
    found = pose_from_fiducials(points, marks, camera)
    assert np.abs(moved(found.world_from_ct, points) - moved(true, points)).max() < 6  # mostly in depth
    assert angle_deg(found.world_from_ct, true) < 1.5
    off = camera.project(moved(found.world_from_ct, points))[0] - marks
    assert found.residual_px == pytest.approx(np.linalg.norm(off, axis=1))
    assert found.residual_detector_mm == pytest.approx(np.linalg.norm(off * [0.8, 0.5], axis=1))
    # nearer to the source than the detector: smaller by the magnification, up to the slant of the rays
    assert found.residual_mm == pytest.approx(found.residual_detector_mm * 620 / 1020, rel=0.15)
    assert np.sqrt((found.residual_px**2).mean()) < 1.5 * np.sqrt(2)


def test_a_wrong_pair_is_named_and_left_out():
    camera = CAMERAS["seen from the detector"]
    points = fiducials(7)
    true = pose_before_the_camera(points, (20, -35, 50))
    marks = camera.project(moved(true, points))[0] + np.random.default_rng(3).normal(0, 0.2, (7, 2))
    marks[4] += [40, -25]
    names = ["a", "b", "c", "d", "left ear", "f", "g"]
    found = pose_from_fiducials(points, marks, camera, names)
    assert found.wrong == ("left ear",)
    assert found.residual_px[4] > 30
    assert np.delete(found.residual_px, 4).max() < 1
    assert np.abs(moved(found.world_from_ct, points) - moved(true, points)).max() < 2


def test_pairs_that_all_disagree_are_fitted_and_none_is_blamed():
    camera = CAMERAS["seen from the detector"]
    points = fiducials(7)
    marks = camera.project(moved(pose_before_the_camera(points, (20, -35, 50)), points))[0]
    found = pose_from_fiducials(points, marks + np.random.default_rng(4).normal(0, 12, (7, 2)), camera)
    assert found.wrong == ()
    assert found.residual_detector_mm.max() > 2


def test_what_determines_no_pose_is_refused():
    camera = CAMERAS["seen from the detector"]
    points = fiducials(6)
    true = pose_before_the_camera(points, (20, -35, 50))

    def shadows(of):
        return camera.project(moved(true, of))[0]

    with pytest.raises(InputError, match=r"at least 4 pairs .* found 3"):
        pose_from_fiducials(points[:3], shadows(points[:3]), camera)
    line = points[0] + np.outer(np.arange(6), [10.0, 3.0, -5.0])
    with pytest.raises(InputError, match="lie on one line"):
        pose_from_fiducials(line, shadows(line), camera)
    flat = moved(
        rigid((30, 20, 10), points[0]), np.random.default_rng(0).uniform(-50, 50, (6, 3)) * [1, 1, 0]
    )
    with pytest.raises(InputError, match="lie in one plane"):
        pose_from_fiducials(flat, shadows(flat), camera)
    with pytest.raises(InputError, match="within one pixel"):
        pose_from_fiducials(points, np.zeros((6, 2)), camera)
    holes = points.copy()
    holes[2, 1] = np.nan
    with pytest.raises(InputError, match="The fiducials ear have positions"):
        pose_from_fiducials(holes, shadows(points), camera, ["1", "2", "ear", "4", "5", "6"])
    with pytest.raises(ValueError, match="expected"):
        pose_from_fiducials(points, shadows(points)[:4], camera)


def test_two_poses_that_look_alike_are_refused():
    """Nearly in a plane and far from the source: seen from above or from below."""
    camera = CArm(4000, 3800, 0, 0, (2.0, 2.0), (200, 200)).camera(FAR)
    points = np.array([[-30, -20, 0], [30, -25, 0], [25, 30, 0], [-20, 25, 2.0], [5, 10, -2.0]])
    pose = pose_before_the_camera(points, (60, 0, 15))
    with pytest.raises(InputError, match=r"Two poses that are .* degrees apart"):
        pose_from_fiducials(points, camera.project(moved(pose, points))[0], camera)
