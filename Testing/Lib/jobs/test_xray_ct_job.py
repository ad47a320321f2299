"""The X-ray job as data: written, read back, refused."""

from pathlib import Path

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import Job, JobKind, read_job, write_job
from DeepRegistrationLib.jobs.xray_ct import (
    XrayCtFiles,
    XrayCtMethod,
    XrayCtSettings,
    XrayMeasure,
    XrayPolarity,
)


def a_job(folder, **files):
    return Job(
        kind=JobKind.XRAY_CT,
        files=XrayCtFiles(folder / "ct.nii.gz", (folder / "ap.dcm", folder / "lateral.png"), **files),
        settings=XrayCtSettings(
            method=XrayCtMethod.NET_GRAD_NCC,
            measure=XrayMeasure.GRADIENT_ORIENTATION,
            search_rotation_deg=12.5,
            search_translation_mm=40.0,
            time_limit_s=20.0,
            bone_labels=(3, 7),
            polarity=XrayPolarity.BONE_DARK,
        ),
        output_folder=folder / "result",
    )


def test_an_xray_job_is_the_same_after_writing_and_reading(tmp_path):
    geometries = (None, tmp_path / "lateral.json")  # the first view has DICOM tags
    job = a_job(tmp_path, geometries=geometries, ct_labels=tmp_path / "bones.nii.gz")
    write_job(job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job


def test_what_moves_is_the_ct(tmp_path):
    assert a_job(tmp_path).files.moving == tmp_path / "ct.nii.gz"


def test_one_camera_file_for_two_radiographs_is_refused(tmp_path):
    with pytest.raises(InputError, match="2 radiographs and 1 camera files"):
        a_job(tmp_path, geometries=(tmp_path / "ap.json",))


def test_a_job_without_a_radiograph_is_refused():
    with pytest.raises(InputError, match="No radiograph was given"):
        XrayCtFiles(Path("ct.nii.gz"), ())


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"search_rotation_deg": 0.0}, "rotation of the search is 0 degrees"),
        ({"search_rotation_deg": float("nan")}, "rotation of the search is nan degrees"),
        ({"search_translation_mm": -3.0}, "translation of the search is -3 mm"),
        ({"time_limit_s": 0.0}, "time limit is 0 s"),
        ({"candidates": 0}, "number of candidates is 0"),
        ({"rounds": 0}, "number of rounds is 0"),
        ({"bone_labels": (1, 0)}, "labels of the bones are 1, 0"),
    ],
)
def test_a_setting_outside_of_its_range_is_refused(settings, text):
    with pytest.raises(InputError, match=text):
        XrayCtSettings(**settings)
