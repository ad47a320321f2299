"""Where source and detector stood: DICOM headers, camera files, numbers entered, and what is missing."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import slicer
from DeepRegistrationSlicer.DicomFiles import INSTANCE_UIDS, dicomFileOf
from DeepRegistrationSlicer.MrmlBridge import arrayOf, createVolume, loadVolume
from DeepRegistrationSlicer.XrayGeometry import NO_FILE, KnownNumbers, RadiographSource

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.geometry.c_arm import CArm
from DeepRegistrationLib.images.camera_file import write_camera
from Testing.Slicer.xray_dicom import dropped, writeDicom

ISOCENTRE = np.array([-312.0, 148.0, 605.0])
COMPLETE = KnownNumbers(1020.0, 620.0, 30.0, -10.0, 0.4, 0.5)
XMALAB = """image size
32,24

camera matrix
500,0,16
0,500,12
0,0,1

rotation
1,0,0
0,1,0
0,0,1

translation
10
20
700
"""


def picture(shape_kji=(1, 24, 32)):
    return createVolume(np.random.default_rng(1).random(shape_kji).astype(np.float32), np.eye(4), "Picture")


def same(camera, other):
    points = ISOCENTRE + np.random.default_rng(0).uniform(-100, 100, (20, 3))
    np.testing.assert_allclose(camera.project(points)[0], other.project(points)[0], atol=1e-6)
    np.testing.assert_allclose(camera.detector_origin_ras, other.detector_origin_ras, atol=1e-6)


def expected(**changes):
    numbers = {"pixel_spacing_mm": (0.4, 0.5), "image_size_px": (32, 24)} | changes
    return CArm(1020, 620, 30, -10, **numbers).camera(ISOCENTRE)


def test_numbers_entered_for_a_picture_are_those_of_a_c_arm():
    same(RadiographSource(picture(), entered=COMPLETE).camera(ISOCENTRE), expected())


def test_what_is_missing_is_named_with_its_unit_and_nothing_else():
    source = RadiographSource(picture(), entered=KnownNumbers(1020.0, None, 0.0, None, 0.4, 0.5))
    with pytest.raises(InputError) as caught:
        source.camera(ISOCENTRE)
    text = str(caught.value)
    assert "It has no DICOM header to tell: distance from source to isocentre (mm), secondary angle" in text
    assert "primary angle (degrees)" not in text
    assert "Picture" in text


def test_a_dicom_header_tells_all_numbers_and_its_orientation(tmp_path):
    volume = dropped(writeDicom(tmp_path / "shot.dcm", PatientOrientation=["R", "F"]))
    source = RadiographSource(volume)
    assert source.dicomFile() == tmp_path / "shot.dcm"
    assert source.told() == COMPLETE
    same(source.camera(ISOCENTRE), expected().flipped(columns=True))


def test_what_a_header_lacks_is_taken_from_the_fields_and_what_is_entered_replaces_the_header(tmp_path):
    volume = dropped(writeDicom(tmp_path / "shot.dcm", DistanceSourceToDetector=None))
    with pytest.raises(InputError, match="Its DICOM header does not tell: distance from source to detector"):
        RadiographSource(volume).camera(ISOCENTRE)
    entered = KnownNumbers(sourceToDetector=1020.0, primaryAngle=45.0)
    camera = RadiographSource(volume, entered=entered).camera(ISOCENTRE)
    same(camera, CArm(1020, 620, 45, -10, (0.4, 0.5), (32, 24)).camera(ISOCENTRE))


def test_a_header_that_contradicts_itself_is_refused(tmp_path):
    volume = dropped(writeDicom(tmp_path / "shot.dcm", EstimatedRadiographicMagnificationFactor=3.0))
    with pytest.raises(InputError, match="contradicts itself"):
        RadiographSource(volume).camera(ISOCENTRE)


def test_what_had_to_be_assumed_is_said(tmp_path):
    volume = dropped(writeDicom(tmp_path / "shot.dcm", PatientOrientation=None))
    assert any("Patient Orientation" in note for note in RadiographSource(volume).notes())


def test_a_volume_of_the_dicom_database_is_found_by_its_instance(tmp_path, monkeypatch):
    path = writeDicom(tmp_path / "shot.dcm")
    volume = picture()
    volume.SetAttribute(INSTANCE_UIDS, "1.2.3")
    files = {"1.2.3": str(path)}
    monkeypatch.setattr(slicer, "dicomDatabase", SimpleNamespace(fileForInstance=files.get), raising=False)
    assert dicomFileOf(volume) == path
    volume.SetAttribute(INSTANCE_UIDS, "1.2.3 4.5.6")  # of a series there is no one file
    assert dicomFileOf(volume) is None


def test_a_picture_that_is_no_dicom_has_no_header(tmp_path):
    volume = picture()
    path = tmp_path / "picture.nrrd"
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLVolumeArchetypeStorageNode")
    storage.SetFileName(str(path))
    assert storage.WriteData(volume)
    volume.SetAndObserveStorageNodeID(storage.GetID())
    assert dicomFileOf(volume) is None


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_slicer_keeps_columns_and_rows_of_a_dicom_file_in_their_order(tmp_path, photometric):
    path = writeDicom(tmp_path / "shot.dcm", PhotometricInterpretation=photometric)
    shown = arrayOf(dropped(path))[0].astype(int)
    assert shown.shape == (24, 32)
    assert abs(int(np.diff(shown, axis=1)[0, 0])) == 1
    assert abs(int(np.diff(shown, axis=0)[0, 0])) == 32
    assert pydicom.dcmread(path).PhotometricInterpretation == photometric


def test_a_camera_file_tells_all(tmp_path):
    write_camera(expected(), tmp_path / "camera.json")
    source = RadiographSource(picture(), file=tmp_path / "camera.json")
    same(source.camera(np.zeros(3)), expected())
    assert not source.needsDistance()


def test_a_calibration_of_xmalab_asks_for_the_distance(tmp_path):
    (tmp_path / "view.txt").write_text(XMALAB, encoding="utf-8")
    source = RadiographSource(picture(), file=tmp_path / "view.txt")
    assert source.needsDistance()
    with pytest.raises(InputError, match=r"distance from source to detector \(mm\)"):
        source.camera(ISOCENTRE)
    entered = KnownNumbers(sourceToDetector=1000.0)
    camera = RadiographSource(source.volume, file=source.file, entered=entered).camera(ISOCENTRE)
    assert camera.source_to_detector_mm == 1000.0
    assert camera.pixel_spacing_mm == (2.0, 2.0)


@pytest.mark.parametrize(
    ("file", "text"), [(NO_FILE, "No camera file"), (Path("gone.json"), "does not exist")]
)
def test_a_camera_file_that_is_not_there_is_refused(file, text):
    with pytest.raises(InputError, match=text):
        RadiographSource(picture(), file=file).camera(ISOCENTRE)


def test_a_camera_of_an_image_of_another_size_is_refused(tmp_path):
    write_camera(expected(image_size_px=(64, 48)), tmp_path / "camera.json")
    with pytest.raises(InputError, match="32 x 24 pixels"):
        RadiographSource(picture(), file=tmp_path / "camera.json").camera(ISOCENTRE)


def test_a_mirrored_image_has_its_columns_reversed():
    camera = RadiographSource(picture(), entered=COMPLETE, isMirrored=True).camera(ISOCENTRE)
    same(camera, expected().flipped(columns=True))


def test_one_of_several_frames_is_taken():
    volume = picture((5, 24, 32))
    source = RadiographSource(volume, frame=3)
    source.check()
    assert source.frameCount == 5
    np.testing.assert_array_equal(arrayOf(source.image())[0], arrayOf(volume)[3])
    with pytest.raises(InputError, match="no frame 5"):
        RadiographSource(volume, frame=5).check()


def test_what_is_no_image_is_refused():
    with pytest.raises(InputError, match="No volume is chosen as radiograph"):
        RadiographSource(None).check()
    with pytest.raises(InputError, match="32 x 1 pixels"):
        RadiographSource(picture((1, 1, 32))).check()


def test_files_beside_each_other_are_read_one_by_one(tmp_path):
    for number in (1, 2, 3):
        storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
        storage.SetFileName(str(tmp_path / f"xray{number}.nrrd"))
        assert storage.WriteData(picture())
    assert loadVolume(tmp_path / "xray1.nrrd", "one").GetImageData().GetDimensions() == (32, 24, 1)
