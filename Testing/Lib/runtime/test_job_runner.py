import dataclasses
import json
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from DeepRegistrationLib.errors import Cancelled, InputError
from DeepRegistrationLib.images.read import read_volume
from DeepRegistrationLib.images.write import write_nifti
from DeepRegistrationLib.job_runner import run_job
from DeepRegistrationLib.jobs.fetal_volume import FetalVolumeFiles, FetalVolumeSettings
from DeepRegistrationLib.jobs.job import ExitCode, Job, JobKind, Outputs
from DeepRegistrationLib.results.transform_file import read_transform
from DeepRegistrationLib.workflows.result import Trust


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def with_files(job, **files):
    return dataclasses.replace(job, files=dataclasses.replace(job.files, **files))


@pytest.fixture(scope="module")
def a_finished_job(a_patient, tmp_path_factory):
    job = Job(
        JobKind.FETAL_VOLUME,
        FetalVolumeFiles(a_patient / "moving.nii.gz", atlas_dir=a_patient / "atlas"),
        FetalVolumeSettings(gestational_age_weeks=28.0),
        tmp_path_factory.mktemp("finished") / "out",
        Outputs(pictures=True),
    )
    seen = []
    outcome = run_job(job, lambda progress: seen.append(progress) or True)
    return job, outcome, seen


def test_a_job_leaves_every_file_that_was_asked_for(a_finished_job):
    job, outcome, _ = a_finished_job
    assert outcome.exit_code == ExitCode.DONE
    assert outcome.trust == Trust.HIGH
    assert names_in(job.output_folder) == [
        "picture-before-after.png",
        "picture-checkerboard.png",
        "picture-convergence.png",
        "picture-labels.png",
        "report.html",
        "result.json",
        "segmentation.seg.nrrd",
        "transform.tfm",
        "warped.nrrd",
    ]


def test_itk_resamples_the_files_into_the_written_picture(a_finished_job):
    job, _, _ = a_finished_job
    moving = sitk.ReadImage(str(job.files.moving), sitk.sitkFloat32)
    warped = sitk.ReadImage(str(job.output_folder / "warped.nrrd"))
    transform = sitk.ReadTransform(str(job.output_folder / "transform.tfm"))
    again = sitk.GetArrayFromImage(sitk.Resample(moving, warped, transform, sitk.sitkLinear, 0.0))
    expected = sitk.GetArrayFromImage(warped)
    assert np.abs(again - expected).mean() < 0.01 * expected.max()
    assert np.corrcoef(again.ravel(), expected.ravel())[0, 1] > 0.9999


def test_the_json_and_the_transform_file_say_the_same(a_finished_job):
    job, outcome, _ = a_finished_job
    content = json.loads((job.output_folder / "result.json").read_text("utf-8"))
    np.testing.assert_allclose(
        read_transform(job.output_folder / "transform.tfm"),
        content["transforms"]["atlas_from_subject"]["matrix"],
        atol=1e-9,
    )
    assert content["confidence"] == outcome.confidence
    assert set(content["inputs"]) == {"moving", "atlas", "atlas_mask", "atlas_labels"}
    assert content["inputs"]["atlas"]["file"] == "PHA28.nii.gz"
    stages = list(content["seconds"])
    assert (stages[0], stages[-1]) == ("Reading the images", "Writing the result")


def test_the_labels_lie_on_the_subject(a_finished_job):
    job, _, _ = a_finished_job
    labels = read_volume(job.output_folder / "segmentation.seg.nrrd", labels=True)
    brain = read_volume(job.files.moving)
    assert labels.geometry.is_close(brain.geometry)
    overlap = ((labels.values > 0) & (brain.values > 200)).sum() / (brain.values > 200).sum()
    assert overlap > 0.9


def test_the_bar_only_grows_and_its_texts_follow_the_stages(a_finished_job):
    _, _, seen = a_finished_job
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] <= 1
    texts = list(dict.fromkeys(progress.text for progress in seen))
    assert texts[0] == "Reading the images"
    assert texts[-1] == "Writing the result"
    assert all(progress.seconds_left is None or progress.seconds_left >= 0 for progress in seen)


def test_two_runs_with_one_seed_give_the_same_result(a_job):
    contents = []
    for _ in range(2):
        run_job(a_job)
        content = json.loads((a_job.output_folder / "result.json").read_text("utf-8"))
        del content["seconds"]
        contents.append(content)
    assert contents[0] == contents[1]


@pytest.mark.parametrize("stage", ["Reading the images", "Refining", "Writing the result"])
def test_stopping_in_any_stage_leaves_nothing(a_job, stage, tmp_path):
    with pytest.raises(Cancelled):
        run_job(a_job, lambda progress: progress.text != stage)
    assert names_in(tmp_path) == []


def test_what_is_no_brain_is_written_but_not_to_be_trusted(a_job, a_patient, tmp_path):
    brain = read_volume(a_patient / "moving.nii.gz")
    k, j, i = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in brain.geometry.shape_kji), indexing="ij")
    ball = 500.0 * ((k / 0.6) ** 2 + (j / 0.7) ** 2 + (i / 0.6) ** 2 < 1) + 5 * torch.sin(40 * k * j)
    write_nifti(brain.with_values(ball.float()), tmp_path / "ball.nii.gz")
    outcome = run_job(with_files(a_job, moving=tmp_path / "ball.nii.gz"))
    assert outcome.exit_code == ExitCode.NOT_TRUSTED
    assert outcome.message.startswith("Done, but not to be trusted")
    assert (a_job.output_folder / "result.json").exists()


def refuse_to_compute(progress):
    assert progress.text == "Reading the images", "bad input was found too late"
    return True


def test_a_folder_with_other_files_is_refused_before_anything_is_computed(a_job):
    a_job.output_folder.mkdir()
    (a_job.output_folder / "thesis.docx").write_text("years of work")
    with pytest.raises(InputError, match=r"thesis\.docx"):
        run_job(a_job, refuse_to_compute)


def test_two_atlases_are_refused(a_job):
    with pytest.raises(InputError, match="Give one of them"):
        run_job(with_files(a_job, atlas=a_job.files.atlas_dir / "PHA28.nii.gz"), refuse_to_compute)


def test_labels_without_their_atlas_are_refused(a_job):
    labels = a_job.files.atlas_dir / "PHA28_parc.nii.gz"
    with pytest.raises(InputError, match="without their atlas image"):
        run_job(with_files(a_job, atlas_dir=None, atlas_labels=labels), refuse_to_compute)


def test_without_an_atlas_the_way_to_one_is_told(a_job, monkeypatch, tmp_path):
    monkeypatch.setenv("DEEPREGISTRATION_DATA", str(tmp_path / "no data"))
    with pytest.raises(InputError, match="deepregistration data download fetal-atlas"):
        run_job(with_files(a_job, atlas_dir=None), refuse_to_compute)


def test_a_scene_without_slicer_core_is_refused_in_a_sentence(a_job, monkeypatch):
    monkeypatch.setitem(sys.modules, "slicer", None)  # how Python marks a package that is not there
    with pytest.raises(InputError, match=r"needs slicer-core.*Leave out --scene"):
        run_job(dataclasses.replace(a_job, outputs=Outputs(scene=True)), refuse_to_compute)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_full_graphics_card_is_replaced_by_the_cpu_and_the_result_says_so(a_job):
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        run_job(a_job)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    content = json.loads((a_job.output_folder / "result.json").read_text("utf-8"))
    assert content["device"].startswith("cpu")
    assert "graphics card was full" in " ".join(content["warnings"])


def test_one_atlas_image_serves_as_an_atlas(a_job):
    atlas = a_job.files.atlas_dir
    files = {"atlas": atlas / "PHA28.nii.gz", "atlas_labels": atlas / "PHA28_parc.nii.gz", "atlas_dir": None}
    assert run_job(with_files(a_job, **files)).trust == Trust.HIGH
    content = json.loads((a_job.output_folder / "result.json").read_text("utf-8"))
    assert set(content["inputs"]) == {"moving", "atlas", "atlas_labels"}
