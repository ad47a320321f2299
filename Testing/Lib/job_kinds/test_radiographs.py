"""Radiographs with their cameras, read for a job."""

import json

import numpy as np
import pytest

from DeepRegistrationLib.job_kinds.radiographs import radiographs_used, read_radiographs
from DeepRegistrationLib.jobs.xray_ct import XrayCtFiles, XrayPolarity
from Testing.Lib.dicom_radiograph import ANGLES, a_dicom_file
from Testing.Lib.pictures import rigid
from Testing.Lib.xray_case import a_body, a_camera, a_case, write_case

START = np.eye(4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A radiograph with a camera file (`xray1.nrrd`, `camera1.json`) and one of DICOM (`c-arm.dcm`)."""
    path = tmp_path_factory.mktemp("radiographs")
    write_case(a_case((a_camera(),), voxel_mm=6.0), path)
    a_dicom_file(path / "c-arm.dcm", np.arange(70, dtype=np.uint16).reshape(7, 10) * 900, **ANGLES)
    return path


@pytest.fixture(scope="module")
def files(folder):
    return XrayCtFiles(
        folder / "ct.nrrd", (folder / "xray1.nrrd", folder / "c-arm.dcm"), (folder / "camera1.json", None)
    )


def test_a_camera_file_stays_where_it_is_and_a_c_arm_goes_to_the_middle_of_the_ct(files):
    ct, _ = a_body(6.0)
    start = rigid((5, -10, 30), (10.0, 20.0, 30.0))
    middle = start[:3, :3] @ ct.geometry.centre_ras + start[:3, 3]
    (by_file, by_tags), _ = read_radiographs(files, ct, start, XrayPolarity.AUTO)
    assert np.allclose(by_file.camera.source_ras, a_camera().source_ras, atol=1e-6)
    assert np.linalg.norm(by_tags.camera.source_ras - middle) == pytest.approx(
        ANGLES["DistanceSourceToPatient"]
    )


def test_what_was_assumed_is_told_once(files, folder):
    ct, _ = a_body(6.0)
    twice = XrayCtFiles(folder / "ct.nrrd", (folder / "c-arm.dcm", folder / "c-arm.dcm"))
    _, notes = read_radiographs(twice, ct, START, XrayPolarity.AUTO)
    assert notes
    assert len(notes) == len(set(notes))


def test_a_radiograph_is_read_again_only_when_its_file_changed(files, folder):
    ct, _ = a_body(6.0)
    moved = rigid((5, 0, 0), (0.0, 0.0, 0.0))
    (first, _), _ = read_radiographs(files, ct, START, XrayPolarity.AUTO)
    (again, _), _ = read_radiographs(files, ct, moved, XrayPolarity.AUTO)
    assert again is first  # a camera file does not depend on the pose
    content = json.loads((folder / "camera1.json").read_text(encoding="utf-8"))
    (folder / "camera1.json").write_text(json.dumps(content, indent=3), encoding="utf-8")
    (anew, _), _ = read_radiographs(files, ct, START, XrayPolarity.AUTO)
    assert anew is not first


def test_the_files_used_are_named_by_view(files, folder):
    assert radiographs_used(files) == {
        "xray": folder / "xray1.nrrd",
        "geometry": folder / "camera1.json",
        "xray2": folder / "c-arm.dcm",
    }
