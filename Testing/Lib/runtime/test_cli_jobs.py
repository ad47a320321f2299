"""The options of a job's command as a job that is described and not run."""

from pathlib import Path

import pytest

from DeepRegistrationLib.cli_jobs import JOB_COMMANDS, job_of_words, job_options
from DeepRegistrationLib.errors import InputError
from DeepRegistrationLib.jobs.job import JobKind


def test_every_kind_of_job_has_a_command():
    assert set(JOB_COMMANDS) == set(JobKind)


def test_a_job_is_what_its_command_would_run():
    job = job_of_words(
        JobKind.FETAL_VOLUME, ["--moving", "brain.nii.gz", "--gestational-age", "31", "--no-report"]
    )
    assert job.kind == JobKind.FETAL_VOLUME
    assert job.files.moving == Path("brain.nii.gz")
    assert job.settings.gestational_age_weeks == 31
    assert not job.outputs.report
    assert job.outputs.warped


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "Missing option '--moving'"),
        (["--mowing", "a.nii"], "No such option: --mowing"),
        (["--moving"], "requires an argument"),
        (["--moving", "a.nii", "--gestational-age", "3"], "greater than or equal to 15"),
        (["--moving", "a.nii", "--method", "magic"], "--method"),
    ],
)
def test_what_the_command_does_not_take_is_refused_in_words(words, text):
    with pytest.raises(InputError, match=text) as caught:
        job_of_words(JobKind.FETAL_VOLUME, words)
    assert "--help" in str(caught.value)


def test_options_that_contradict_each_other_are_refused_as_by_the_command():
    with pytest.raises(InputError, match="whole stack"):
        job_of_words(JobKind.FETAL_SLICE, ["--slice", "a.nii", "--slice-index", "3", "--as-stack", "stack"])


def test_options_tell_what_they_take():
    options = job_options(JobKind.FETAL_VOLUME)
    assert options["moving"].is_path
    assert not options["gestational-age"].is_path
    assert (options["report"].values, options["report"].opposite) == (0, "no-report")
    assert job_options(JobKind.US_ANGLES)["frames"].values == 3
    assert not {"json", "quiet", "help"} & set(options)
