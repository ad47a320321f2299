import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.camera_file import read_camera, write_camera
from DeepRegistrationLib.images.dicom_camera import (
    KnownGeometry,
    dicom_geometry,
    read_dicom_geometry,
    told_geometry,
)
from DeepRegistrationLib.images.xmalab_camera import read_xmalab_camera
from Testing.Lib.pictures import FAR

XRAY = Path(__file__).resolve().parents[4] / "shared" / "data" / "xray"
needs_radiographs = pytest.mark.skipif(
    not XRAY.is_dir(), reason="the public radiographs are not there: ../shared/data beside the checkout"
)


@pytest.fixture
def an_angle_file(tmp_path):
    path = tmp_path / "camera.json"
    content = {
        "source_to_detector_mm": 1020,
        "source_to_isocenter_mm": 620,
        "primary_angle_deg": 30,
        "secondary_angle_deg": -10,
        "isocenter_ras_mm": FAR.tolist(),
        "pixel_spacing_mm": [0.4, 0.5],
        "image_size_px": [100, 80],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def changed(path, **changes):
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}), encoding="utf-8")
    return path


def a_header(**changes):
    """A complete XA header; rows of the tags come first."""
    header = Dataset()
    tags = {
        "Rows": 80,
        "Columns": 100,
        "DistanceSourceToDetector": 1020,
        "DistanceSourceToPatient": 620,
        "ImagerPixelSpacing": [0.5, 0.4],
        "PositionerPrimaryAngle": 30,
        "PositionerSecondaryAngle": -10,
        "PatientOrientation": ["L", "F"],
    }
    for keyword, value in (tags | changes).items():
        if value is not None:
            setattr(header, keyword, value)
    return header


def same(camera, other):
    points = FAR + np.random.default_rng(0).uniform(-100, 100, (20, 3))
    np.testing.assert_allclose(camera.project(points)[0], other.project(points)[0], atol=1e-6)
    np.testing.assert_allclose(camera.detector_origin_ras, other.detector_origin_ras, atol=1e-6)


def expected(**changes):
    numbers = {"pixel_spacing_mm": (0.4, 0.5), "image_size_px": (100, 80)} | changes
    return CArm(1020, 620, 30, -10, **numbers).camera(FAR)


def test_a_file_with_angles_is_the_c_arm_with_these_angles(an_angle_file):
    same(read_camera(an_angle_file), expected())


def test_a_camera_that_is_written_comes_back_with_every_digit(tmp_path):
    camera = expected(principal_point_px=(47.123456789, 11.1)).flipped(columns=True)
    write_camera(camera, tmp_path / "camera.json")
    back = read_camera(tmp_path / "camera.json")
    np.testing.assert_array_equal(back.camera_from_world, camera.camera_from_world)
    assert back.principal_point_px == camera.principal_point_px
    assert back.pixel_spacing_mm == camera.pixel_spacing_mm
    assert back.shape_px == (80, 100)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"pixel_spacing_mm": None}, "lacks pixel_spacing_mm"),
        ({"isocenter_ras_mm": None}, "lacks isocenter_ras_mm"),
        ({"camera_from_world": np.eye(4).tolist()}, "contradict"),
        ({"pixel_size": 3}, "not known: pixel_size"),
        ({"image_size_px": [100.5, 80]}, "2 whole numbers"),
        ({"pixel_spacing_mm": 0.4}, "2 numbers"),
        ({"primary_angle_deg": "left"}, "'primary_angle_deg'.*'left'"),
    ],
)
def test_a_file_that_is_incomplete_or_wrong_is_refused_by_its_text(an_angle_file, changes, text):
    with pytest.raises(InputError, match=text):
        read_camera(changed(an_angle_file, **changes))


def test_a_file_that_is_no_camera_is_refused(tmp_path):
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="not JSON"):
        read_camera(tmp_path / "broken.json")
    with pytest.raises(InputError, match="cannot be opened"):
        read_camera(tmp_path / "absent.json")


def test_tags_of_a_c_arm_become_its_camera():
    geometry = dicom_geometry(a_header(), "image")
    same(geometry.camera(FAR), expected())
    assert geometry.notes == ("The central ray is taken to arrive at the middle of the image.",)


def test_the_first_number_of_the_pixel_spacing_is_the_distance_between_rows():
    camera = dicom_geometry(a_header(ImagerPixelSpacing=[0.7, 0.3]), "image").camera(FAR)
    assert camera.pixel_spacing_mm == (0.3, 0.7)


def test_the_patient_orientation_tells_that_an_image_is_mirrored_or_upside_down():
    same(
        dicom_geometry(a_header(PatientOrientation=["R", "F"]), "image").camera(FAR),
        expected().flipped(columns=True),
    )
    same(
        dicom_geometry(a_header(PatientOrientation=["L", "H"]), "image").camera(FAR),
        expected().flipped(rows=True),
    )
    same(dicom_geometry(a_header(PatientOrientation=["LP", "FA"]), "image").camera(FAR), expected())


def test_without_a_patient_orientation_the_view_is_from_the_detector_and_a_note_says_so():
    geometry = dicom_geometry(a_header(PatientOrientation=None), "image")
    same(geometry.camera(FAR), expected())
    assert any("Patient Orientation" in note for note in geometry.notes)


def test_an_image_turned_by_90_degrees_is_refused():
    with pytest.raises(InputError, match="90 degrees"):
        dicom_geometry(a_header(PatientOrientation=["F", "L"]), "image")
    with pytest.raises(InputError, match="letters"):
        dicom_geometry(a_header(PatientOrientation=["X", "F"]), "image")


def test_what_an_incomplete_header_tells_is_told_and_the_rest_is_left_open():
    header = a_header(DistanceSourceToDetector=None, ImagerPixelSpacing=[0.7, 0.3])
    told = told_geometry(header)
    assert (told.source_to_detector_mm, told.source_to_isocenter_mm) == (None, 620)
    assert (told.primary_angle_deg, told.secondary_angle_deg) == (30, -10)
    assert told.pixel_spacing_mm == (0.3, 0.7)


def test_everything_that_is_missing_is_named_at_once():
    header = a_header(DistanceSourceToDetector=None, ImagerPixelSpacing=None, PositionerPrimaryAngle=None)
    with pytest.raises(InputError) as caught:
        dicom_geometry(header, "image")
    for name in ("DistanceSourceToDetector (0018,1110)", "ImagerPixelSpacing", "PositionerPrimaryAngle"):
        assert name in str(caught.value)
    known = KnownGeometry(
        source_to_detector_mm=1020,
        pixel_spacing_mm=(0.4, 0.5),
        primary_angle_deg=30,
        principal_point_px=(3, 4),
    )
    same(dicom_geometry(header, "image", known).camera(FAR), expected(principal_point_px=(3, 4)))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"DistanceSourceToIsocenter": 700}, "source to isocentre"),
        ({"EstimatedRadiographicMagnificationFactor": 1.3}, "magnification"),
        ({"FieldOfViewShape": "RECTANGLE", "FieldOfViewDimensions": [300, 300]}, "field of view"),
        ({"DistanceSourceToPatient": 1100}, "exchanged"),
    ],
)
def test_tags_that_contradict_each_other_are_named(changes, text):
    with pytest.raises(InputError, match=text):
        dicom_geometry(a_header(**changes), "image")


def test_tags_of_enhanced_images_are_found_in_their_functional_groups():
    header = a_header(DistanceSourceToPatient=None, PositionerPrimaryAngle=None)
    shared, geometry = Dataset(), Dataset()
    geometry.DistanceSourceToIsocenter = 620
    shared.XRayGeometrySequence = [geometry]
    header.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for angle in (0, 30):
        position, frame = Dataset(), Dataset()
        position.PositionerPrimaryAngle = angle
        frame.PositionerPositionSequence = [position]
        frames.append(frame)
    header.PerFrameFunctionalGroupsSequence = frames
    same(dicom_geometry(header, "image", frame=1).camera(FAR), expected())


def test_frames_of_a_rotation_have_angles_of_their_own():
    header = a_header(PositionerPrimaryAngle=10, PositionerPrimaryAngleIncrement=[0, 5, 20])
    same(dicom_geometry(header, "image", frame=2).camera(FAR), expected())


def test_the_central_ray_is_at_the_middle_of_the_detector_of_which_the_image_is_a_part():
    # detector: 200 x 300 elements of 0.25 x 0.2 mm; image from element (40, 60), every second element
    tags = {
        "DetectorActiveOrigin": [0, 0],
        "DetectorActiveDimensions": [200 * 0.25, 300 * 0.2],
        "DetectorElementSpacing": [0.25, 0.2],
        "DetectorBinning": [2, 2],
        "FieldOfViewOrigin": [40, 60],
    }
    # the middle is 60 elements = 30 pixels below and 90 elements = 45 pixels right of the image's corner
    geometry = dicom_geometry(a_header(**tags), "image")
    assert geometry.c_arm.principal_point_px == (44.5, 29.5)
    assert geometry.notes == ()
    flipped = dicom_geometry(a_header(**tags, FieldOfViewHorizontalFlip="YES"), "image")
    assert flipped.c_arm.principal_point_px == (99 - 44.5, 29.5)
    turned = dicom_geometry(a_header(**tags, FieldOfViewRotation=180), "image")
    assert turned.c_arm.principal_point_px == (99 - 44.5, 79 - 29.5)
    np.testing.assert_allclose(turned.camera(FAR).project(FAR)[0], (54.5, 49.5), atol=1e-9)


@needs_radiographs
def test_a_real_cine_has_angles_and_lacks_distances():
    with pytest.raises(InputError) as caught:
        read_dicom_geometry(XRAY / "dicom" / "XA_coronary_cine_angles.dcm")
    assert "DistanceSourceToDetector" in str(caught.value)
    assert "Angle" not in str(caught.value)
    known = KnownGeometry(1000.0, 750.0, pixel_spacing_mm=(0.3, 0.3))
    geometry = read_dicom_geometry(XRAY / "dicom" / "XA_coronary_cine_angles.dcm", known)
    assert (geometry.c_arm.primary_angle_deg, geometry.c_arm.secondary_angle_deg) == (-32, 2)
    assert geometry.c_arm.image_size_px == (512, 512)


@needs_radiographs
def test_both_views_of_the_real_wrist_look_at_one_place():
    cameras = [read_xmalab_camera(XRAY / "autoscoper-wrist" / f"calib_cam0{n}.txt", 1400.0) for n in (1, 2)]
    for camera in cameras:
        assert camera.image_size_px == (1760, 1760)
        assert not camera.is_mirrored
    # the two central rays pass each other closely, in front of both sources
    sources = np.array([camera.source_ras for camera in cameras])
    rays = np.array([camera.viewing_direction for camera in cameras])
    along, *_ = np.linalg.lstsq(np.column_stack([rays[0], -rays[1]]), sources[1] - sources[0], rcond=None)
    nearest = sources + along[:, None] * rays
    assert np.all(along > 500)
    assert np.linalg.norm(nearest[0] - nearest[1]) < 30


@needs_radiographs
def test_the_calibration_projects_as_its_numbers_say():
    path = XRAY / "autoscoper-wrist" / "calib_cam02.txt"
    camera = read_xmalab_camera(path, 1400.0)
    point = np.array([12.0, -30.0, 45.0])
    rotation = np.array(
        [
            [0.297213956838, -0.11345236371, 0.948046636527],
            [0.0319169359626, 0.993541206889, 0.108890676428],
            [-0.954277304068, -0.0021050850164, 0.298915365208],
        ]
    )
    x, y, z = rotation @ point + [-135.747285386, -87.5774698666, 1152.28037649]
    pixel = (6361.48045002 * x / z + 904.484800922, 6376.67537559 * y / z + 894.238444813)
    np.testing.assert_allclose(camera.project(point)[0], pixel, atol=1e-4)
    # another distance of the detector changes no pixel
    np.testing.assert_allclose(read_xmalab_camera(path, 900.0).project(point)[0], pixel, atol=1e-4)


def test_a_file_that_is_no_calibration_is_refused(tmp_path):
    path = tmp_path / "calib.txt"
    path.write_text("image size\n10,10\n\nrotation\n1,0,0\n", encoding="utf-8")
    with pytest.raises(InputError, match="no part 'camera matrix'"):
        read_xmalab_camera(path, 1000.0)
    path.write_text("image size\n10\n", encoding="utf-8")
    with pytest.raises(InputError, match="1 lines of 2 numbers"):
        read_xmalab_camera(path, 1000.0)
