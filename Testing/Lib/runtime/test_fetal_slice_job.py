"""The slice job from files to the result folder."""

import csv
import json

import numpy as np
import pytest
import torch

from DeepRegistrationLib.data.phantom import write_phantom_atlas
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.slices import read_slices
from DeepRegistrationLib.images.write import write_nrrd
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.fetal_slice import FetalSliceFiles, FetalSliceMethod, FetalSliceSettings
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind
from DeepRegistrationLib.results.transform_file import read_transform
from Testing.Lib.workflows.phantom_slices import slices_of_head

NAMES = {"result.json", "transform.tfm", "warped.nrrd", "matching_atlas_slice.nrrd", "segmentation.seg.nrrd"}


def a_job(folder, count):
    image, mask, _ = slices_of_head(seed=3, count=count, offset_mm=6.0 if count == 1 else -9.0)
    write_nrrd(image, folder / "slice.nrrd")
    write_nrrd(mask.with_values(mask.values.to(torch.uint8)), folder / "mask.nrrd")
    write_phantom_atlas(folder / "atlas", (28,), spacing_mm=2.0)
    return Job(
        JobKind.FETAL_SLICE,
        FetalSliceFiles(folder / "slice.nrrd", folder / "mask.nrrd", atlas_dir=folder / "atlas"),
        FetalSliceSettings(gestational_age_weeks=28.0, method=FetalSliceMethod.BANK),
        folder / "result",
    )


@pytest.fixture(scope="module")
def a_slice_result(tmp_path_factory):
    job = a_job(tmp_path_factory.mktemp("slice"), 1)
    return job, run_job(job)


@pytest.fixture(scope="module")
def a_stack_result(tmp_path_factory):
    job = a_job(tmp_path_factory.mktemp("stack"), 7)
    return job, run_job(job)


def content(job):
    return json.loads((job.output_folder / "result.json").read_text(encoding="utf-8"))


def test_a_slice_job_ends_well_and_writes_its_files(a_slice_result):
    job, outcome = a_slice_result
    assert outcome.exit_code == ExitCode.DONE
    assert {path.name for path in job.output_folder.iterdir()} >= {*NAMES, "report.html"}


def test_the_hypotheses_are_in_the_result_and_the_first_is_the_transform(a_slice_result):
    job, _ = a_slice_result
    found = content(job)
    assert sum(entry["probability"] for entry in found["hypotheses"]) == pytest.approx(1.0)
    matrix = found["transforms"]["atlas_from_slice"]["matrix"]
    np.testing.assert_allclose(found["hypotheses"][0]["matrix"], matrix)
    np.testing.assert_allclose(read_transform(job.output_folder / "transform.tfm"), matrix, atol=1e-9)


def test_the_matching_atlas_slice_lies_on_the_slice(a_slice_result):
    job, _ = a_slice_result
    matching = read_slices(job.output_folder / "matching_atlas_slice.nrrd")
    assert matching.geometry.is_close(read_slices(job.files.slice).geometry)


def test_the_report_shows_slice_and_atlas_and_both_poses(a_slice_result):
    job, _ = a_slice_result
    page = (job.output_folder / "report.html").read_text(encoding="utf-8")
    for words in ("Slice and matching atlas slice", "Checkerboard", "Labels on the slice", "Mirrored poses"):
        assert words in page


def test_a_stack_has_one_line_for_each_slice_in_result_and_table(a_stack_result):
    job, _ = a_stack_result
    slices = content(job)["slices"]
    with (job.output_folder / "slices.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["slice"]) for row in rows] == [entry["index"] for entry in slices]
    matrix = [float(rows[0][f"m{r}{c}"]) for r in (1, 2, 3) for c in (1, 2, 3, 4)]
    np.testing.assert_allclose(np.reshape(matrix, (3, 4)), np.array(slices[0]["matrix"])[:3], rtol=1e-6)


def test_the_matching_slices_of_a_stack_lie_on_the_stack(a_stack_result):
    job, _ = a_stack_result
    matching = read_volume(job.output_folder / "matching_atlas_slice.nrrd")
    assert matching.geometry.is_close(read_volume(job.files.slice).geometry)


def test_a_new_result_replaces_an_older_one(a_stack_result):
    job, _ = a_stack_result
    assert run_job(job).exit_code == ExitCode.DONE
