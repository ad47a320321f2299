"""Frames that arrive one after another: the sector of the first ones serves the whole session."""

import dataclasses

import numpy as np
import pytest
import torch

from DeepRegistrationLib.images.ultrasound_frames import UltrasoundFrames
from DeepRegistrationLib.images.us_metaimage_write import write_metaimage_frames
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.job import Job, JobKind, Outputs
from DeepRegistrationLib.jobs.us_angles import UsAnglesFiles, UsAnglesMethod, UsAnglesSettings
from DeepRegistrationLib.workflows import us_live
from DeepRegistrationLib.workflows.us_result import UsAnglesInputs
from Testing.Lib.ultrasound import in_machine, moved_frame

SESSION = UsAnglesSettings(method=UsAnglesMethod.SEARCH_REFINE, live="session")


def inputs(*angles, box=(60, 20, 240)):
    pictures = [in_machine(moved_frame(angle, (0.0, 0.0), 240), box=box) for angle in angles]
    return UsAnglesInputs(UltrasoundFrames(torch.from_numpy(np.stack(pictures)).float(), (0.2, 0.2), "live"))


@pytest.fixture(scope="module")
def first():
    return us_live.register(inputs(0.0, 2.0, 5.0), SESSION)


def test_the_sector_is_found_once_in_a_session(first):
    """Were it found again, it would be that of the pictures given."""
    moved = us_live.register(inputs(2.0, 5.0, 4.0, box=(90, 20, 240)), SESSION)
    assert torch.equal(moved.sector, first.sector)
    other = us_live.register(
        inputs(2.0, 5.0, 4.0, box=(90, 20, 240)), dataclasses.replace(SESSION, live="another")
    )
    assert not torch.equal(other.sector, first.sector)


def test_angles_are_those_of_three_frames(first):
    np.testing.assert_allclose(first.pairs.angle_deg, [2.0, 3.0], atol=0.05)


def test_a_probe_in_the_air_spoils_no_session():
    session = dataclasses.replace(SESSION, live="in the air")
    noise = torch.zeros(3, 300, 400)
    noise[:, 100:110, 100:110] = torch.rand(3, 10, 10)
    dark = us_live.register(UsAnglesInputs(UltrasoundFrames(noise, (0.2, 0.2), "air")), session)
    assert dark.settings["sector"] == "whole frame"
    assert us_live.register(inputs(0.0, 2.0, 5.0), session).settings["sector"] == "rectangle"


def test_frames_of_another_size_get_a_sector_of_their_own(first):
    frames = inputs(0.0, 2.0, 5.0).frames
    cut = dataclasses.replace(frames, values=frames.values[:, :280].contiguous())
    assert us_live.register(UsAnglesInputs(cut), SESSION).sector.shape == (280, 400)


def test_a_live_job_leaves_numbers_alone(tmp_path):
    frames = inputs(0.0, 2.0, 5.0).frames.values.byte().numpy()
    path = tmp_path / "live.mha"
    write_metaimage_frames(frames, (0.2, 0.2), {}, np.ones(3, bool), np.arange(3.0), path)
    outputs = Outputs(warped=False, segmentation=False, report=False)
    job = Job(JobKind.US_ANGLES, UsAnglesFiles(sequence=path), SESSION, tmp_path / "result", outputs)
    run_job(job)
    assert {entry.name for entry in job.output_folder.iterdir()} == {"result.json", "transform.tfm"}
