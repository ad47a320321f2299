import numpy as np
import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.geometry.camera import Camera, camera_from_detector
from DeepRegistrationLib.geometry.camera_matrix import camera_from_projection_matrix
from Testing.Lib.pictures import FAR, rigid, rotation

SOURCE = FAR + np.array([400.0, -300.0, 200.0])
AXES = rotation((25, -40, 70))  # columns: along columns, along rows, from source to detector


@pytest.fixture(params=[1, -1], ids=["seen from the source", "seen from the detector"])
def a_camera(request):
    """Oblique, far away, unequal spacing, principal point off the middle."""
    origin = SOURCE + AXES @ [-90.0 * request.param, -70.0, 1020.0]
    return camera_from_detector(
        SOURCE, origin, request.param * AXES[:, 0], AXES[:, 1], (0.8, 1.3), (240, 120)
    )


@pytest.fixture
def some_points():
    """In front of the source, on and off the detector."""
    offsets = np.random.default_rng(0).uniform((-200, -200, 100), (200, 200, 900), (50, 3))
    return SOURCE + offsets @ AXES.T


def shadow(source, point, origin, normal):
    """Where the line from the source through a point meets the plane; written without a camera."""
    along = point - source
    return source + along * ((origin - source) @ normal) / (along @ normal)


def test_a_camera_stands_where_it_was_put(a_camera):
    np.testing.assert_allclose(a_camera.source_ras, SOURCE, atol=1e-9)
    assert a_camera.source_to_detector_mm == pytest.approx(1020)
    np.testing.assert_allclose(a_camera.row_direction, AXES[:, 1], atol=1e-12)
    np.testing.assert_allclose(a_camera.viewing_direction, AXES[:, 2], atol=1e-12)


def test_only_the_image_seen_from_the_detector_is_mirrored(a_camera):
    assert a_camera.is_mirrored == (a_camera.column_direction @ AXES[:, 0] < 0)
    assert a_camera.flipped(columns=True).is_mirrored != a_camera.is_mirrored
    assert a_camera.flipped(columns=True, rows=True).is_mirrored == a_camera.is_mirrored


def test_the_shadow_of_a_point_is_on_the_line_from_the_source(a_camera, some_points):
    pixels, depths = a_camera.project(some_points)
    on_detector = a_camera.ras_from_pixels(pixels)
    for point, depth, found in zip(some_points, depths, on_detector, strict=True):
        expected = shadow(SOURCE, point, a_camera.detector_origin_ras, AXES[:, 2])
        np.testing.assert_allclose(found, expected, atol=1e-8)
        assert depth == pytest.approx((point - SOURCE) @ AXES[:, 2])


def test_pixel_centres_are_one_spacing_apart_along_their_directions(a_camera):
    origin, column, row = a_camera.ras_from_pixels(np.array([[0, 0], [1, 0], [0, 1]]))
    np.testing.assert_allclose(origin, a_camera.detector_origin_ras, atol=1e-9)
    np.testing.assert_allclose(column - origin, 0.8 * a_camera.column_direction, atol=1e-9)
    np.testing.assert_allclose(row - origin, 1.3 * a_camera.row_direction, atol=1e-9)


def test_the_corners_of_the_detector_lie_half_a_pixel_outside_of_the_centres(a_camera):
    corners = a_camera.detector_corners_ras()
    first = a_camera.ras_from_pixels(np.array([-0.5, -0.5]))
    np.testing.assert_allclose(corners[0], first, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(corners[1] - corners[0]), 240 * 0.8)
    np.testing.assert_allclose(np.linalg.norm(corners[2] - corners[1]), 120 * 1.3)


def test_a_point_behind_the_source_has_no_shadow(a_camera):
    pixels, depth = a_camera.project(SOURCE - 10 * AXES[:, 2])
    assert np.isnan(pixels).all()
    assert depth == pytest.approx(-10)


def test_the_projection_matrix_gives_the_same_pixels(a_camera, some_points):
    homogeneous = np.column_stack([some_points, np.ones(50)]) @ a_camera.projection_matrix.T
    pixels, depths = a_camera.project(some_points)
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], pixels, atol=1e-6)
    np.testing.assert_allclose(homogeneous[:, 2], depths, atol=1e-8)


@pytest.mark.parametrize("factor", [1.0, 1e-3, 250.0])
def test_a_camera_comes_back_from_its_matrix_times_any_number(a_camera, factor):
    found = camera_from_projection_matrix(factor * a_camera.projection_matrix, (240, 120), 1020.0)
    np.testing.assert_allclose(found.camera_from_world, a_camera.camera_from_world, atol=1e-6)
    np.testing.assert_allclose(found.principal_point_px, a_camera.principal_point_px, atol=1e-6)
    np.testing.assert_allclose(found.pixel_spacing_mm, (0.8, 1.3), rtol=1e-9)


def test_a_point_that_is_seen_settles_the_sign_of_a_matrix(a_camera, some_points):
    found = camera_from_projection_matrix(
        -a_camera.projection_matrix, (240, 120), pixel_spacing_mm=(0.8, 1.3), seen_ras=some_points[0]
    )
    np.testing.assert_allclose(found.camera_from_world, a_camera.camera_from_world, atol=1e-6)
    assert found.source_to_detector_mm == pytest.approx(1020)


def test_a_matrix_without_a_length_and_with_two_that_differ_is_refused(a_camera):
    matrix = a_camera.projection_matrix
    with pytest.raises(InputError, match="does not tell how far away"):
        camera_from_projection_matrix(matrix, (240, 120))
    with pytest.raises(InputError, match=r"contradict .* 1020\.0 mm .* 1300 mm is given"):
        camera_from_projection_matrix(matrix, (240, 120), 1300.0, (0.8, 1.3))


def test_a_parallel_projection_and_skewed_pixels_are_refused(a_camera):
    parallel = a_camera.projection_matrix
    parallel[2] = [0, 0, 0, 1]
    with pytest.raises(InputError, match="parallel"):
        camera_from_projection_matrix(parallel, (240, 120), 1020.0)
    skewed = np.array([[1, 0.02, 0], [0, 1, 0], [0, 0, 1]]) @ a_camera.projection_matrix
    with pytest.raises(InputError, match="skewed"):
        camera_from_projection_matrix(skewed, (240, 120), 1020.0)


def test_a_moved_camera_sees_moved_points_at_the_same_pixels(a_camera, some_points):
    target_from_world = rigid((50, 10, -80), (300.0, -900.0, 20.0))
    moved = a_camera.moved(target_from_world)
    points = some_points @ target_from_world[:3, :3].T + target_from_world[:3, 3]
    np.testing.assert_allclose(moved.project(points)[0], a_camera.project(some_points)[0], atol=1e-7)


def test_fewer_pixels_show_the_same_points_at_the_mean_of_the_pixels_they_cover(a_camera):
    half = a_camera.resized((120, 30))
    block = a_camera.ras_from_pixels(np.array([[c, r] for c in (6, 7) for r in (8, 9, 10, 11)]))
    np.testing.assert_allclose(half.ras_from_pixels(np.array([3, 2])), block.mean(0), atol=1e-9)
    np.testing.assert_allclose(half.detector_corners_ras(), a_camera.detector_corners_ras(), atol=1e-9)
    back = half.resized((240, 120))
    np.testing.assert_allclose(back.principal_point_px, a_camera.principal_point_px, atol=1e-9)


def test_a_part_of_the_image_has_the_pixels_of_the_whole(a_camera):
    part = a_camera.cropped((30, -5), (100, 60))
    assert part.shape_px == (60, 100)
    np.testing.assert_allclose(
        part.ras_from_pixels(np.array([7, 9])), a_camera.ras_from_pixels(np.array([37, 4])), atol=1e-9
    )


def test_flipping_renumbers_the_pixels_and_leaves_them_in_place(a_camera):
    flipped = a_camera.flipped(columns=True)
    np.testing.assert_allclose(
        flipped.ras_from_pixels(np.array([0, 17])), a_camera.ras_from_pixels(np.array([239, 17])), atol=1e-9
    )
    turned = a_camera.flipped(columns=True, rows=True)
    np.testing.assert_allclose(
        turned.ras_from_pixels(np.array([3, 17])), a_camera.ras_from_pixels(np.array([236, 102])), atol=1e-9
    )


@pytest.mark.parametrize(
    ("primary", "secondary", "towards_detector", "on_the_right"),
    [
        (0, 0, (0, 1, 0), (-1, 0, 0)),  # detector before the chest; patient's left on the right
        (90, 0, (-1, 0, 0), (0, -1, 0)),  # detector at the patient's left; the back on the right
        (-90, 0, (1, 0, 0), (0, 1, 0)),  # detector at the patient's right; the front on the right
        (0, 90, (0, 0, 1), (-1, 0, 0)),  # detector at the head
        (0, -90, (0, 0, -1), (-1, 0, 0)),  # detector at the feet
        (30, 0, (-0.5, np.sqrt(0.75), 0), (-np.sqrt(0.75), -0.5, 0)),  # LAO 30
    ],
)
def test_the_angles_of_a_c_arm_are_those_of_dicom(primary, secondary, towards_detector, on_the_right):
    camera = CArm(1020, 620, primary, secondary, (0.5, 0.5), (100, 80)).camera(FAR)
    np.testing.assert_allclose(camera.viewing_direction, towards_detector, atol=1e-12)
    np.testing.assert_allclose(camera.column_direction, on_the_right, atol=1e-12)
    assert camera.is_mirrored


def test_without_tilt_the_head_is_at_the_top_of_every_image():
    for primary in (-120, -30, 0, 45, 100):
        camera = CArm(1020, 620, primary, 0, (0.5, 0.5), (100, 80)).camera(FAR)
        np.testing.assert_allclose(camera.row_direction, (0, 0, -1), atol=1e-12)


def test_the_isocentre_stays_at_the_middle_of_the_image_whatever_the_angles():
    for primary, secondary in ((0, 0), (33, -21), (-90, 40)):
        camera = CArm(1020, 620, primary, secondary, (0.5, 0.7), (100, 80)).camera(FAR)
        pixel, depth = camera.project(FAR)
        np.testing.assert_allclose(pixel, (49.5, 39.5), atol=1e-9)
        assert depth == pytest.approx(620)


def test_a_central_ray_off_the_middle_arrives_where_it_is_said_to():
    camera = CArm(1020, 620, 10, 5, (0.5, 0.7), (100, 80), principal_point_px=(30.0, 62.5)).camera(FAR)
    np.testing.assert_allclose(camera.project(FAR)[0], (30.0, 62.5), atol=1e-9)


def test_exchanged_distances_and_impossible_angles_are_refused():
    with pytest.raises(InputError, match="exchanged"):
        CArm(620, 1020, 0, 0, (0.5, 0.5), (100, 80))
    with pytest.raises(InputError, match="-180 and 180"):
        CArm(1020, 620, 270, 0, (0.5, 0.5), (100, 80))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"source_to_detector_mm": 0.0}, "greater than 0"),
        ({"pixel_spacing_mm": (0.5, -0.5)}, "greater than 0"),
        ({"image_size_px": (0, 10)}, "greater than 0"),
        ({"principal_point_px": (np.nan, 0.0)}, "principal point"),
        ({"camera_from_world": np.diag([2.0, 1.0, 1.0, 1.0])}, "not rigid"),
        ({"camera_from_world": np.eye(3)}, "4 x 4"),
    ],
)
def test_an_impossible_camera_is_refused(change, text):
    fine = {
        "source_to_detector_mm": 1000.0,
        "pixel_spacing_mm": (0.5, 0.5),
        "image_size_px": (10, 10),
        "principal_point_px": (4.5, 4.5),
        "camera_from_world": np.eye(4),
    }
    with pytest.raises(InputError, match=text):
        Camera(**(fine | change))


def test_a_detector_without_directions_is_refused():
    with pytest.raises(InputError, match="longer than 0"):
        camera_from_detector(np.zeros(3), np.ones(3), np.zeros(3), np.eye(3)[1], (1, 1), (5, 5))
    with pytest.raises(InputError, match="not rigid"):
        camera_from_detector(np.zeros(3), np.array([0, 0, 9.0]), [1, 0, 0], [1, 1, 0], (1, 1), (5, 5))
