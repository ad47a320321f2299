"""The slice job as data: written, read back, refused."""

from pathlib import Path

import pytest

from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.fetal_slice import (
    FetalSliceFiles,
    FetalSliceMethod,
    FetalSliceSettings,
    HalfSpace,
    StackMode,
)
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import Job, JobKind, read_job, write_job

QUARTER_TURN = (0.0, -1.0, 0.0, 5.0, 1.0, 0.0, 0.0, -7.0, 0.0, 0.0, 1.0, 11.5, 0.0, 0.0, 0.0, 1.0)


@pytest.fixture
def a_slice_job(tmp_path):
    return Job(
        kind=JobKind.FETAL_SLICE,
        files=FetalSliceFiles(tmp_path / "slice.nii.gz", atlas_dir=tmp_path / "atlas"),
        settings=FetalSliceSettings(
            method=FetalSliceMethod.BANK,
            gestational_age_weeks=28.5,
            as_stack=StackMode.SINGLE,
            slice_index=7,
            half_space=HalfSpace.SUPERIOR,
            initial_pose=QUARTER_TURN,
        ),
        output_folder=tmp_path / "result",
    )


def test_a_slice_job_is_the_same_after_writing_and_reading(a_slice_job, tmp_path):
    write_job(a_slice_job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == a_slice_job


def test_a_volume_job_is_still_read_as_a_volume_job(tmp_path):
    job = Job(
        JobKind.FETAL_VOLUME, FetalVolumeFiles(tmp_path / "v.nii"), FetalVolumeSettings(), tmp_path / "out"
    )
    write_job(job, tmp_path / "job.json")
    assert read_job(tmp_path / "job.json") == job


def test_the_slice_is_the_moving_image_as_in_every_job():
    assert FetalSliceFiles(Path("s.nii")).moving == Path("s.nii")


def mirrored() -> tuple[float, ...]:
    return tuple(-number for number in QUARTER_TURN[:3]) + QUARTER_TURN[3:]


@pytest.mark.parametrize(
    "pose",
    [QUARTER_TURN[:12], (*QUARTER_TURN[:15], 2.0), tuple(2 * n for n in QUARTER_TURN), mirrored()],
    ids=["twelve numbers", "projective", "scaled", "mirrored"],
)
def test_an_initial_pose_that_is_not_rigid_is_refused(pose):
    with pytest.raises(InputError, match="no rigid 4x4 matrix"):
        FetalSliceSettings(initial_pose=pose)


def test_a_slice_index_for_a_stack_is_refused():
    with pytest.raises(InputError, match="Slice 3 and the whole stack"):
        FetalSliceSettings(slice_index=3, as_stack=StackMode.STACK)


def test_a_negative_slice_index_is_refused():
    with pytest.raises(InputError, match="counted from 0"):
        FetalSliceSettings(slice_index=-1)


@pytest.mark.parametrize("thickness_mm", [0.0, -3.0, float("nan"), float("inf")])
def test_a_thickness_that_is_not_positive_is_refused(thickness_mm):
    with pytest.raises(InputError, match="must be positive"):
        FetalSliceSettings(slice_thickness_mm=thickness_mm)


def test_a_job_file_with_a_bad_setting_is_refused_in_words(a_slice_job, tmp_path):
    path = tmp_path / "job.json"
    write_job(a_slice_job, path)
    path.write_text(path.read_text().replace('"bank"', '"guess"'))
    with pytest.raises(InputError, match="does not describe a 'fetal-slice' job"):
        read_job(path)
